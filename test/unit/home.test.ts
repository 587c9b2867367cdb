import { userInfo } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { homeInEnvironment, runtimesFolder, trtNodeHome } from '../../lib/home';

describe('trtNodeHome', () => {
  it('takes TRT_NODE_HOME before everything', () => {
    const env = { TRT_NODE_HOME: '/opt/trt', XDG_CACHE_HOME: '/xdg', HOME: '/home/me' };
    expect(trtNodeHome(env)).toBe('/opt/trt');
    expect(runtimesFolder(env)).toBe('/opt/trt/runtimes');
  });

  it('takes XDG_CACHE_HOME before the home folder', () => {
    expect(trtNodeHome({ XDG_CACHE_HOME: '/xdg', HOME: '/home/me' })).toBe('/xdg/trt-node');
  });

  it('ignores empty variables and a relative XDG_CACHE_HOME', () => {
    const env = { TRT_NODE_HOME: '', XDG_CACHE_HOME: 'cache', HOME: '/home/me' };
    expect(trtNodeHome(env)).toBe('/home/me/.cache/trt-node');
  });

  it.each([
    ['empty', ''],
    ['relative', 'home'],
    ['absent', undefined],
  ])('asks the system with a HOME that is %s, and never the working directory', (_, HOME) => {
    const env = HOME === undefined ? {} : { HOME };
    expect(trtNodeHome(env, () => '/home/account')).toBe('/home/account/.cache/trt-node');
    for (const nowhere of [null, '', 'home']) expect(trtNodeHome(env, () => nowhere)).toBeNull();
    const real = userInfo().homedir;
    expect(runtimesFolder(env)).toBe(path.join(real, '.cache/trt-node/runtimes'));
  });

  it('takes a relative TRT_NODE_HOME from the working directory', () => {
    expect(trtNodeHome({ TRT_NODE_HOME: 'trt' })).toBe(path.resolve('trt'));
  });
});

describe('homeInEnvironment', () => {
  it('is absolute or null', () => {
    expect(homeInEnvironment({ HOME: '/home/me' })).toBe('/home/me');
    for (const HOME of ['', '.', 'home']) expect(homeInEnvironment({ HOME })).toBeNull();
    expect(homeInEnvironment({})).toBeNull();
  });
});
