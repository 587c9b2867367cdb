import { describe, expect, it } from 'vitest';
import { runtimesFolder, trtNodeHome } from '../../lib/home';

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
});
