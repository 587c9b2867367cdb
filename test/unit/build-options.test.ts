import { describe, expect, it } from 'vitest';
import { nativeMemoryPools } from '../../lib/binding';
import { type BuildOptions } from '../../lib/build-options';
import { checkedBuildOptions, optionsForManifest } from '../../lib/checked-build-options';
import { checkedCache } from '../../lib/cache/option';
import { checkedCalibration } from '../../lib/calibration/option';
import { checkedSigningKey } from '../../lib/signature/sign';
import { checkedVerify } from '../../lib/verify/option';
import { defaultTuning, tuningOptionNames } from '../../lib/builder-tuning';
import { TrtError } from '../../lib/errors';
import { precisions } from '../../lib/precision';
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
      precision: { list: [], typing: null },
      tuning: defaultTuning,
      timingCache: { file: 'default', reproducible: false },
      cache: null,
      calibration: null,
      verify: null,
      signingKey: null,
      isolation: 'process',
      plugins: [],
      standardPlugins: false,
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
    const calibration = { data: '/srv/samples' };
    const verify = { cases: '/srv/cases' };
    const signingKey = new Uint8Array(32).fill(7);
    const profiles = [{ x: { min: [0, 3], opt: [4, 3], max: [8, 3] } }];
    const checked = check({
      runtime: 'tensorrt-rtx',
      library: '/opt/trt',
      output: new URL('file:///tmp/a%20b.engine'),
      precision: ['fp16', 'tf32', 'fp16'],
      typing: 'weak',
      maxAuxStreams: 0,
      avgTimingIterations: 8,
      maxNbTactics: 12,
      hardwareCompatibilityLevel: 'amperePlus',
      refit: true,
      weightStreaming: true,
      versionCompatible: true,
      excludeLeanRuntime: true,
      sparseWeights: true,
      tacticSources: ['jitConvolutions', 'cublas'],
      previewFeatures: { aliasedPluginIo1003: false },
      tilingOptimizationLevel: 'full',
      l2LimitForTiling: 1024,
      dla: { core: 1, gpuFallback: true },
      debugTensors: ['b', 'a', 'b'],
      timingCache: '/srv/timing.cache',
      reproducible: true,
      cache: '/srv/engines',
      calibration,
      verify,
      signingKey,
      isolation: 'thread',
      plugins: ['/opt/p.so', new URL('file:///opt/p.so')],
      standardPlugins: true,
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
      precision: { list: ['tf32', 'fp16'], typing: 'weak' },
      tuning: {
        ...defaultTuning,
        maxAuxStreams: 0,
        avgTimingIterations: 8,
        maxNbTactics: 12,
        hardwareCompatibilityLevel: 'amperePlus',
        refit: 'all',
        weightStreaming: true,
        versionCompatible: true,
        excludeLeanRuntime: true,
        sparseWeights: true,
        tacticSources: ['cublas', 'jitConvolutions'],
        previewFeatures: { aliasedPluginIo1003: false },
        tilingOptimizationLevel: 'full',
        l2LimitForTiling: 1024,
        dla: { core: 1, gpuFallback: true },
        debugTensors: ['a', 'b'],
      },
      timingCache: { file: { path: '/srv/timing.cache' }, reproducible: true },
      cache: checkedCache('/srv/engines'),
      calibration: checkedCalibration(calibration),
      verify: checkedVerify(verify),
      signingKey: checkedSigningKey(signingKey),
      isolation: 'thread',
      plugins: ['/opt/p.so'],
      standardPlugins: true,
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

  it('knows no difference between a default and nothing', () => {
    expect(check({ hardwareCompatibilityLevel: 'none' }).tuning).toEqual(check({}).tuning);
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
    ['an unknown precision', { precision: 'fp12' }],
    ['auxiliary streams beyond count', { maxAuxStreams: 65 }],
    ['no timing iterations', { avgTimingIterations: 0 }],
    ['a fraction of tactics', { maxNbTactics: 1.5 }],
    ['an unknown compatibility', { hardwareCompatibilityLevel: 'ampere' }],
    ['an unknown way to refit', { refit: 'some' }],
    ['a refit of weights that nothing marks', { refit: 'individual' }],
    ['a flag as text', { stripPlan: 'true' }],
    ['no lean runtime without version compatibility', { excludeLeanRuntime: true }],
    ['a tactic source as text', { tacticSources: 'cublas' }],
    ['an empty tactic source', { tacticSources: [''] }],
    ['an unknown tactic source', { tacticSources: ['cublas', 'cuBLASLt'] }],
    ['preview features in an array', { previewFeatures: ['aliasedPluginIo1003'] }],
    ['an unknown preview feature', { previewFeatures: { fasterDynamicShapes0805: true } }],
    ['a preview feature as text', { previewFeatures: { aliasedPluginIo1003: 'on' } }],
    ['an unknown tiling', { tilingOptimizationLevel: 'most' }],
    ['a DLA without a core', { dla: { gpuFallback: true } }],
    ['a debug tensor as text', { debugTensors: 'a' }],
    ['a debug tensor without a name', { debugTensors: ['a', ''] }],
    ['a debug tensor by number', { debugTensors: [1] }],
    ['a plugin as text', { plugins: '/opt/p.so' }],
    ['a plugin that is no path', { plugins: [1] }],
    ['an unknown cache', { cache: 1 }],
    ['a calibration of nothing', { calibration: {} }],
    ['a verification without cases', { verify: {} }],
    ['a key that is too short', { signingKey: new Uint8Array(8) }],
    ['an unknown isolation', { isolation: 'worker' }],
    ['reproducible without a timing cache', { timingCache: false, reproducible: true }],
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
    const known = Object.keys(checkedBuildOptions({})).filter((name) => name !== 'tuning');
    for (const name of [...known, ...tuningOptionNames]) expect(message).toContain(name);
  });

  it('lists the accepted precisions', () => {
    const { message } = errorOf(() => check({ precision: 'fp12' }));
    for (const name of precisions) expect(message).toContain(name);
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

describe('optionsForManifest', () => {
  it('keeps what shaped the plan and no path of this machine', () => {
    const checked = check({
      output: '/srv/a.engine',
      library: '/opt/trt',
      precision: 'fp32',
      plugins: ['/opt/trt/p.so'],
      timingCache: '/srv/t.cache',
      stripPlan: true,
    });
    const text = JSON.stringify(optionsForManifest(checked));
    expect(JSON.parse(text)).toMatchObject({ precision: 'fp32', runtime: 'auto', stripPlan: true });
    expect(JSON.parse(text)).not.toHaveProperty('weightStreaming');
    expect(text).not.toMatch(/srv|opt\/trt/);
  });

  it('a stripped plan is refitted, with the weights of its own model unless said otherwise', () => {
    expect(check({ stripPlan: true }).tuning.refit).toBe('identical');
    expect(check({ stripPlan: true, refit: true }).tuning.refit).toBe('all');
    expect(check({ refit: false }).tuning.refit).toBeNull();
  });
});
