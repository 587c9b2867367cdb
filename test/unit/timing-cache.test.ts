import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkedCache, checkedTimingCache } from '../../lib/cache/option';
import { timingCacheFor, timingCacheName } from '../../lib/cache/timing-cache';

let folder: string;
let warnings: string[];
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'timing-'));
  vi.stubEnv('TRT_NODE_HOME', path.join(folder, 'home'));
  warnings = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await fs.rm(folder, { recursive: true, force: true });
});

const tensorrt = { flavour: 'tensorrt', version: '10.6.0' } as const;
const rtx = { flavour: 'tensorrt-rtx', version: '1.7.1' } as const;
const gpu = { name: 'NVIDIA H200', computeCapability: '9.0' };
const ask = (
  timingCache?: unknown,
  reproducible?: unknown,
  library: typeof tensorrt | typeof rtx = tensorrt,
) =>
  timingCacheFor(checkedTimingCache(timingCache, reproducible), library, gpu, (message) =>
    warnings.push(message),
  );

describe('the timing cache', () => {
  it('is by default a file of this TensorRT and GPU, in a folder for this user alone', async () => {
    const file = path.join(folder, 'home', 'timing', 'tensorrt-10.6.0-nvidia-h200-sm90.cache');
    expect(await ask()).toEqual({ path: file, reproducible: false });
    expect(await ask(true)).toEqual({ path: file, reproducible: false });
    expect((await fs.stat(path.dirname(file))).mode & 0o777).toBe(0o700);
  });

  it('has a name of its own for each', () => {
    const names = [
      timingCacheName(tensorrt, gpu),
      timingCacheName({ ...tensorrt, version: '10.6.1' }, gpu),
      timingCacheName(tensorrt, { ...gpu, name: 'NVIDIA H200 MIG 1g.18gb' }),
      timingCacheName(tensorrt, { ...gpu, computeCapability: '10.0' }),
      timingCacheName(tensorrt, { ...gpu, name: '../../etc' }),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9.-]+\.cache$/);
  });

  it('is none when it is switched off, and where nothing can be kept', async () => {
    expect(await ask(false)).toBeNull();
    vi.stubEnv('TRT_NODE_HOME', '');
    vi.stubEnv('XDG_CACHE_HOME', path.join(folder, 'xdg'));
    expect(await ask()).not.toBeNull();
    expect(warnings).toEqual([]);
  });

  it.each([
    ['cannot be made', async (home: string) => fs.writeFile(home, 'a file')],
    [
      'others may write to',
      async (home: string) => {
        await fs.mkdir(path.join(home, 'timing'), { recursive: true });
        await fs.chmod(path.join(home, 'timing'), 0o777);
      },
    ],
  ])('is none, with a warning, in a folder that %s', async (_name, prepare) => {
    await prepare(path.join(folder, 'home'));
    expect(await ask()).toBeNull();
    expect(warnings).toHaveLength(1);
  });

  it('may be a file that is named, which need not be there', async () => {
    const file = path.join(folder, 'mine.cache');
    expect(await ask(file)).toEqual({ path: file, reproducible: false });
    expect(await ask(pathToFileURL(file))).toEqual({ path: file, reproducible: false });
  });

  it.each([
    ['a folder', async () => folder, 'not-a-file'],
    ['in a folder that is not there', async () => path.join(folder, 'no', 'x.cache'), 'folder'],
  ])('named by mistake (%s) is ERR_TRT_TIMING_CACHE', async (_name, make, reason) => {
    await expect(ask(await make())).rejects.toMatchObject({
      code: 'ERR_TRT_TIMING_CACHE',
      details: { reason },
    });
  });

  it('is never made for TensorRT-RTX; asking for one is an error', async () => {
    expect(await ask(undefined, undefined, rtx)).toBeNull();
    expect(await ask(false, undefined, rtx)).toBeNull();
    const unsupported = { code: 'ERR_TRT_UNSUPPORTED' };
    await expect(ask('x.cache', undefined, rtx)).rejects.toMatchObject(unsupported);
    await expect(ask(undefined, true, rtx)).rejects.toMatchObject(unsupported);
    await expect(fs.stat(path.join(folder, 'home'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('reproducible', () => {
  it('needs a file that is there', async () => {
    const file = path.join(folder, 'fixed.cache');
    const missing = { code: 'ERR_TRT_TIMING_CACHE', details: { reason: 'missing' } };
    await expect(ask(file, true)).rejects.toMatchObject(missing);
    await expect(ask(undefined, true)).rejects.toMatchObject(missing);
    await fs.writeFile(file, 'cache');
    expect(await ask(file, true)).toEqual({ path: file, reproducible: true });
  });

  it('contradicts no timing cache', () => {
    expect(() => checkedTimingCache(false, true)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
  });
});

describe('options', () => {
  const invalid = expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' });

  it.each([null, 1, '', 'folder/', new URL('http://example.com/x'), {}])(
    'timingCache: %s is refused',
    (value) => {
      expect(() => checkedTimingCache(value, undefined)).toThrow(invalid);
    },
  );
  it.each([1, 'yes', null])('reproducible: %s is refused', (value) => {
    expect(() => checkedTimingCache(undefined, value)).toThrow(invalid);
  });
  it.each([
    null,
    1,
    '',
    { dir: 'x' },
    { maxBytes: -1 },
    { maxBytes: '1GiB' },
    { strict: 1 },
    { folder: 1 },
  ])('cache: %o is refused', (value) => {
    expect(() => checkedCache(value)).toThrow(invalid);
  });
  it('cache is off by default, and a folder may be named in three ways', () => {
    expect(checkedCache(undefined)).toBeNull();
    expect(checkedCache(false)).toBeNull();
    expect(checkedCache(true)).toMatchObject({ folder: null, strict: false });
    const named = { folder: path.resolve('x') };
    expect(checkedCache('x')).toMatchObject(named);
    expect(checkedCache({ folder: 'x', maxBytes: 0 })).toMatchObject({ ...named, maxBytes: 0 });
    expect(checkedCache(pathToFileURL(path.resolve('x')))).toMatchObject(named);
  });
});
