import { describe, expect, it } from 'vitest';
import { nativeMemoryPools } from '../../lib/binding';
import {
  checkedBuildOptions,
  checkPrecision,
  optionsForManifest,
  type BuildOptions,
} from '../../lib/build-options';
import { TrtError } from '../../lib/errors';
import { checkedProfiles } from '../../lib/profile-option';

/** Options as JavaScript may pass them. */
function check(options: unknown): ReturnType<typeof checkedBuildOptions> {
  return checkedBuildOptions(options as BuildOptions);
}

function errorOf(work: () => unknown): TrtError {
  try {
    work();
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

describe('checkedBuildOptions', () => {
  it('fills in defaults', () => {
    expect(checkedBuildOptions(undefined)).toEqual({
      runtime: 'auto',
      library: null,
      output: null,
      precision: null,
      profiles: { list: [], names: undefined },
      optimizationLevel: null,
      memoryPools: {},
      computeCapabilities: [],
      device: null,
      externalData: new Map(),
      labels: {},
      signal: null,
      onProgress: null,
    });
  });

  it('takes undefined for "not given"', () => {
    expect(check({ precision: undefined, profiles: undefined, signal: undefined })).toEqual(
      checkedBuildOptions({}),
    );
  });

  it('takes every option', () => {
    const { signal } = new AbortController();
    const onProgress = (): void => undefined;
    const profiles = [{ x: { min: [0, 3], opt: [4, 3], max: [8, 3] } }];
    const checked = check({
      runtime: 'tensorrt-rtx',
      library: '/opt/trt',
      output: new URL('file:///tmp/a%20b.engine'),
      precision: 'tf32',
      profiles,
      optimizationLevel: 5,
      memoryPools: { workspace: 2 ** 34, tacticSharedMemory: 0 },
      computeCapabilities: ['8.6', '12.0', '8.6'],
      device: 1,
      labels: { commit: '1f3a' },
      signal,
      onProgress,
    });
    expect(checked).toEqual({
      runtime: 'tensorrt-rtx',
      library: '/opt/trt',
      output: '/tmp/a b.engine',
      precision: 'tf32',
      profiles: checkedProfiles(profiles),
      optimizationLevel: 5,
      memoryPools: { workspace: 2 ** 34, tacticSharedMemory: 0 },
      computeCapabilities: ['8.6', '12.0'],
      device: 1,
      externalData: new Map(),
      labels: { commit: '1f3a' },
      signal,
      onProgress,
    });
  });

  it.each([
    ['not an object', 7],
    ['an array', []],
    ['a misspelt name', { precison: 'fp16' }],
    ['an unknown runtime', { runtime: 'cuda' }],
    ['an empty library', { library: '' }],
    ['a NUL in a path', { output: '/tmp/a\0b' }],
    ['a folder as output', { output: '/tmp/' }],
    ['another scheme', { output: new URL('https://example.org/a.engine') }],
    ['a URL in a string', { output: 'file:///tmp/a.engine' }],
    ['a precision of later versions', { precision: 'bf16' }],
    ['a null precision', { precision: null }],
    ['profiles that are none', { profiles: 'wide' }],
    ['a level above 5', { optimizationLevel: 6 }],
    ['a fractional level', { optimizationLevel: 2.5 }],
    ['a level as text', { optimizationLevel: '3' }],
    ['an unknown pool', { memoryPools: { WORKSPACE: 1 } }],
    ['a negative pool', { memoryPools: { workspace: -1 } }],
    ['a pool that is no integer', { memoryPools: { workspace: 1.5 } }],
    ['no compute capability', { computeCapabilities: [] }],
    ['a compute capability as a number', { computeCapabilities: [8.6] }],
    ['a compute capability as sm_86', { computeCapabilities: ['sm_86'] }],
    ['a negative device', { device: -1 }],
    ['a label that is no string', { labels: { a: 1 } }],
    ['labels in a Map', { labels: new Map([['a', 'b']]) }],
    ['pools in a Map', { memoryPools: new Map([['workspace', 1]]) }],
    ['a signal that is none', { signal: { aborted: false } }],
    ['a callback that is none', { onProgress: 'print' }],
  ])('refuses %s', (_, options) => {
    expect(errorOf(() => check(options)).code).toBe('ERR_TRT_INVALID_ARG');
  });

  it('lists the known options for an unknown one', () => {
    const { message } = errorOf(() => check({ workspace: 1 }));
    for (const name of Object.keys(checkedBuildOptions({}))) expect(message).toContain(name);
  });

  it('lists the accepted precisions', () => {
    const { message } = errorOf(() => check({ precision: 'int8' }));
    for (const name of ['fp32', 'tf32', 'fp16']) expect(message).toContain(name);
  });

  it('knows all memory pools of the native side', () => {
    const memoryPools = Object.fromEntries(nativeMemoryPools.map((name) => [name, 4096]));
    expect(check({ memoryPools }).memoryPools).toEqual(memoryPools);
  });

  it('takes __proto__ as a name like any other', () => {
    const labels: unknown = JSON.parse('{"__proto__":"x"}');
    const checked = check({ labels }).labels;
    expect(Object.keys(checked)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(checked)).toBe(Object.prototype);
  });
});

describe('checkPrecision', () => {
  const v10 = { flavour: 'tensorrt', version: '10.6.0', abi: 'v10' } as const;
  const v11 = { flavour: 'tensorrt', version: '11.4.0', abi: 'v11' } as const;
  const rtx = { flavour: 'tensorrt-rtx', version: '1.7.1', abi: 'rtx' } as const;

  it.each([v11, rtx])('refuses fp16 where networks are strongly typed ($abi)', (library) => {
    expect(errorOf(() => checkPrecision('fp16', library)).code).toBe(
      'ERR_TRT_PRECISION_UNSUPPORTED',
    );
  });

  it.each([v10, v11, rtx])('lets fp32, tf32 and nothing pass ($abi)', (library) => {
    for (const precision of ['fp32', 'tf32', null] as const) {
      expect(() => checkPrecision(precision, library)).not.toThrow();
    }
  });

  it('lets fp16 pass on TensorRT 10', () => {
    expect(() => checkPrecision('fp16', v10)).not.toThrow();
  });
});

describe('optionsForManifest', () => {
  it('keeps what shaped the plan and no path of this machine', () => {
    const checked = check({ output: '/srv/a.engine', library: '/opt/trt', precision: 'fp32' });
    const text = JSON.stringify(optionsForManifest(checked));
    expect(JSON.parse(text)).toMatchObject({ precision: 'fp32', runtime: 'auto' });
    expect(text).not.toMatch(/srv|opt\/trt/);
  });
});
