import { describe, expect, it } from 'vitest';
import { nativeMemoryPools } from '../../lib/binding';
import {
  checkedBuildOptions,
  checkPrecision,
  optionsForManifest,
  type BuildOptions,
} from '../../lib/build-options';
import { TrtError } from '../../lib/errors';

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
      profiles: [],
      optimizationLevel: null,
      memoryPools: {},
      computeCapabilities: [],
      device: null,
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
      profiles,
      optimizationLevel: 5,
      memoryPools: { workspace: 2 ** 34, tacticSharedMemory: 0 },
      computeCapabilities: ['8.6', '12.0'],
      device: 1,
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
    ['profiles that are no array', { profiles: {} }],
    ['a profile that is no object', { profiles: [[]] }],
    ['a hole in the profiles', { profiles: new Array(1) }],
    ['a range that is no object', { profiles: [{ x: 3 }] }],
    ['a range without opt', { profiles: [{ x: { min: [1], max: [2] } }] }],
    [
      'a range with an unknown bound',
      { profiles: [{ x: { min: [1], opt: [1], max: [1], mx: [] } }] },
    ],
    ['dims that are no array', { profiles: [{ x: { min: 1, opt: 1, max: 1 } }] }],
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

describe('profiles', () => {
  const range = (min: unknown[], opt: unknown[], max: unknown[]): unknown => ({ min, opt, max });

  it.each([
    ['min above opt', [{ x: range([1, 5], [1, 4], [1, 8]) }], { profile: 0, input: 'x', axis: 1 }],
    ['opt above max', [{ x: range([1, 1], [9, 1], [8, 1]) }], { profile: 0, input: 'x', axis: 0 }],
    ['different ranks', [{ x: range([1], [1, 1], [1, 1]) }], { profile: 0, input: 'x' }],
    ['nine dims', [{ x: range(Array(9).fill(1), [1], [1]) }], { profile: 0, input: 'x' }],
    ['a negative dim', [{ x: range([-1], [1], [1]) }], { input: 'x', axis: 0 }],
    ['a fractional dim', [{ x: range([1], [1.5], [2]) }], { input: 'x', axis: 0 }],
    ['a dim as text', [{ x: range([1], ['1'], [2]) }], { input: 'x', axis: 0 }],
    ['a dim above 2^53', [{ x: range([1], [1], [2 ** 53]) }], { input: 'x', axis: 0 }],
    ['no input', [{}], { profile: 0 }],
    [
      'an input that only the first names',
      [{ x: range([1], [1], [1]), y: range([1], [1], [1]) }, { x: range([2], [2], [2]) }],
      { profile: 1, input: 'y' },
    ],
    [
      'an input that only the second names',
      [{ x: range([1], [1], [1]) }, { x: range([2], [2], [2]), z: range([1], [1], [1]) }],
      { profile: 1, input: 'z' },
    ],
  ])('refuses %s', (_, profiles, details) => {
    const error = errorOf(() => check({ profiles }));
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject(details);
  });

  it('takes several profiles, scalars and dims of 0, and copies them', () => {
    const given = [
      { x: { min: [0], opt: [1], max: [1] }, s: { min: [], opt: [], max: [] } },
      { s: { min: [], opt: [], max: [] }, x: { min: [2], opt: [2], max: [4] } },
    ];
    const { profiles } = check({ profiles: given });
    expect(profiles).toEqual(given);
    given[0]?.x.min.push(7);
    expect(profiles[0]?.['x']?.min).toEqual([0]);
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
