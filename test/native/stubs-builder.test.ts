import { afterEach, describe, expect, it, vi } from 'vitest';
import type { NativeTuning } from '../../lib/binding';
import type { TrtErrorCode } from '../../lib/index';
import { failure } from '../support/native-host';
import {
  buildOnStub,
  identityModel,
  stubPlugin,
  type StubBuildOptions,
  type StubRecord,
} from '../support/stub-build';
import { held, nothingHeld, setFaults } from '../support/stub-host';
import { stubAbis, stubVersions, type StubAbi } from '../support/stub-plans';

afterEach(() => {
  vi.unstubAllEnvs();
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

const since11 = {
  ...{ REFIT: 4, TF32: 6, SPARSE_WEIGHTS: 7, VERSION_COMPATIBLE: 12, EXCLUDE_LEAN_RUNTIME: 13 },
  ...{ STRIP_PLAN: 18, REFIT_IDENTICAL: 19, WEIGHT_STREAMING: 20, REFIT_INDIVIDUAL: 22 },
};

/** BuilderFlag's numbers, copied from the headers of 10.16, 11.4 and RTX 1.7: they differ, and the ABIs must not be mixed. */
const flagNumbers: Readonly<Record<StubAbi, Readonly<Record<string, number>>>> = {
  v10: {
    ...{ FP16: 0, REFIT: 4, TF32: 6, SPARSE_WEIGHTS: 7, VERSION_COMPATIBLE: 13 },
    ...{ EXCLUDE_LEAN_RUNTIME: 14, BF16: 17, STRIP_PLAN: 19, REFIT_IDENTICAL: 20 },
    ...{ WEIGHT_STREAMING: 21, REFIT_INDIVIDUAL: 23 },
  },
  v11: since11,
  rtx: since11,
};

/** What RTX has of them; the rest it says that it has not. */
const rtxFlags = ['REFIT', 'REFIT_IDENTICAL', 'STRIP_PLAN', 'WEIGHT_STREAMING'];

function expectFlags(abi: StubAbi, record: StubRecord, names: readonly string[]): void {
  expect([...record.flags].sort()).toEqual([...names].sort());
  const numbers = names.map((name) => flagNumbers[abi][name] ?? NaN);
  expect(record.flagBits).toBe(numbers.reduce((sum, number) => sum + 2 ** number, 0));
}

describe.each(stubAbis)('a build with the stub of %s', (abi) => {
  it('makes a plan of its version, with inputs, outputs, layers and the phases of the build', async () => {
    const events: string[] = [];
    const { result, record } = await buildOnStub(abi, {
      onProgress: ({ kind, phase, step, steps }) =>
        events.push(`${kind} ${phase} ${step}/${steps}`),
    });
    const version = stubVersions[abi].join('.');
    expect(record.version).toBe(version);
    expect(result).toMatchObject({
      version,
      inputs: [{ name: 'x', type: 'float32', dims: [-1, 4] }],
      outputs: [{ name: 'y', type: 'float32', dims: [-1, 4] }],
      networkLayers: [{ name: 'copy', type: 'Identity', outputTypes: ['float32'] }],
      calibrationSeconds: null,
      timingCache: null,
    });
    expect(events).toContain('phase-start Building Engine 0/1');
    expect(events).toContain('step Tactic Selection 4/4');
    expect(events.at(-1)).toMatch(/^phase-end Building Engine/);
  });

  it('touches no flag that was not asked for', async () => {
    const { record } = await buildOnStub(abi);
    expect(record.flags).toEqual(['TF32']);
    expect(record.networkFlags).toEqual(abi === 'v10' ? ['STRONGLY_TYPED'] : []);
    expect(record).not.toHaveProperty('tacticSources');
    expect(record['profilingVerbosity']).toBe('DETAILED');
    expect(record.memoryPools).toEqual({});
  });

  it.each([
    [true, ['TF32']],
    [false, []],
  ])('sets or clears TF32: %s', async (tf32, flags) => {
    const { record } = await buildOnStub(abi, { tf32 });
    expect(record.flags).toEqual(flags);
  });

  const flags: readonly (readonly [Partial<NativeTuning>, readonly string[]])[] = [
    [{ refit: 'all' }, ['REFIT']],
    [{ refit: 'identical' }, ['REFIT_IDENTICAL']],
    [{ refit: 'individual' }, ['REFIT_INDIVIDUAL']],
    [{ stripPlan: true }, ['STRIP_PLAN', 'REFIT_IDENTICAL']],
    [{ stripPlan: true, refit: 'all' }, ['STRIP_PLAN', 'REFIT']],
    [{ weightStreaming: true }, ['WEIGHT_STREAMING']],
    [{ sparseWeights: true }, ['SPARSE_WEIGHTS']],
    [{ versionCompatible: true }, ['VERSION_COMPATIBLE']],
    [
      { versionCompatible: true, excludeLeanRuntime: true },
      ['VERSION_COMPATIBLE', 'EXCLUDE_LEAN_RUNTIME'],
    ],
  ];

  it.each(flags)('%j sets its flags, by their numbers, and no other', async (tuning, expected) => {
    const build = buildOnStub(abi, { device: 0, computeCapabilities: [], tuning });
    if (abi === 'rtx' && !expected.every((flag) => rtxFlags.includes(flag))) {
      await failure('ERR_TRT_UNSUPPORTED', build);
      return;
    }
    expectFlags(abi, (await build).record, [...expected, 'TF32']);
  });

  it('loads plugin libraries by path before it parses', async () => {
    const { record } = await buildOnStub(abi, { plugins: [stubPlugin] });
    expect(record.plugins).toEqual([stubPlugin]);
    const path = '/nowhere/libmissing.so';
    const error = await failure('ERR_TRT_PLUGIN', buildOnStub(abi, { plugins: [path] }));
    expect(error.details).toMatchObject({ path });
  });
});

describe.each(['v10', 'v11'] as const)('numbers and enumerators on %s', (abi) => {
  it('reach their setters', async () => {
    const { record } = await buildOnStub(abi, {
      optimizationLevel: 2,
      memoryPools: { workspace: 12345, tacticDram: 222, tacticSharedMemory: 6789 },
      tuning: {
        ...{ maxAuxStreams: 3, avgTimingIterations: 5, maxNbTactics: 7 },
        hardwareCompatibilityLevel: 'amperePlus',
        // They came with 10.8, and the stub is a 10.6.
        ...(abi === 'v11' ? { tilingOptimizationLevel: 'moderate', l2LimitForTiling: 4096 } : {}),
      },
    });
    expect(record.memoryPools).toEqual({
      ...{ WORKSPACE: 12345, TACTIC_DRAM: 222, TACTIC_SHARED_MEMORY: 6789 },
    });
    expect(record).toMatchObject({
      ...{ builderOptimizationLevel: 2, avgTimingIterations: 5, maxNbTactics: 7 },
      ...{ maxAuxStreams: 3, hardwareCompatibilityLevel: 'AMPERE_PLUS' },
      ...(abi === 'v11' ? { tilingOptimizationLevel: 'MODERATE', l2LimitForTiling: 4096 } : {}),
    });
  });

  it('give every tactic source its own bit, and none for an empty list', async () => {
    const tens = abi === 'v10' ? ['cublas', 'cublasLt', 'cudnn'] : [];
    const tacticSources = [...tens, 'edgeMaskConvolutions', 'jitConvolutions'];
    const { record } = await buildOnStub(abi, { tuning: { tacticSources } });
    const names = abi === 'v10' ? ['CUBLAS', 'CUBLAS_LT', 'CUDNN'] : [];
    expect([...(record.tacticSources ?? [])].sort()).toEqual(
      [...names, 'EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS'].sort(),
    );
    const none = await buildOnStub(abi, { tuning: { tacticSources: [] } });
    expect(none.record.tacticSources).toEqual([]);
  });

  it('switch preview features on and off', async () => {
    const previewFeatures = { aliasedPluginIo1003: true };
    const { record } = await buildOnStub(abi, { tuning: { previewFeatures } });
    expect(record.previewFeatures).toEqual({ ALIASED_PLUGIN_IO_10_03: true });
    const off = await buildOnStub(abi, {
      tuning: { previewFeatures: { aliasedPluginIo1003: false } },
    });
    expect(off.record.previewFeatures).toEqual({ ALIASED_PLUGIN_IO_10_03: false });
  });
});

it('compute capabilities reach TensorRT-RTX as its own numbers', async () => {
  const { record } = await buildOnStub('rtx', { computeCapabilities: ['8.6', '12.0'] });
  expect(record.computeCapabilities).toEqual([86, 120]);
});

describe('weak precisions, on TensorRT 10 alone', () => {
  it.each([
    [['fp16'], ['FP16']],
    [['bf16'], ['BF16']],
    [
      ['fp16', 'bf16'],
      ['FP16', 'BF16'],
    ],
  ] as const)('%j make the network weakly typed and set %j', async (precisions, expected) => {
    const { record } = await buildOnStub('v10', { typing: 'weak', precisions });
    expectFlags('v10', record, [...expected, 'TF32']);
    expect(record.networkFlags).toEqual([]);
  });

  it('weak typing alone sets no flag', async () => {
    const { record } = await buildOnStub('v10', { typing: 'weak' });
    expect(record.flags).toEqual(['TF32']);
    expect(record.networkFlags).toEqual([]);
  });

  describe.each(['v11', 'rtx'] as const)('#23 %s refuses', (abi) => {
    it.each(['fp16', 'bf16', 'int8', 'fp8'] as const)('%s', async (precision) => {
      const options = { typing: 'weak', precisions: [precision] } as const;
      await failure('ERR_TRT_PRECISION_UNSUPPORTED', buildOnStub(abi, options));
    });
    it('weak typing', async () => {
      await failure('ERR_TRT_PRECISION_UNSUPPORTED', buildOnStub(abi, { typing: 'weak' }));
    });
  });

  it('#23 int8 without calibration and without Q/DQ nodes is refused before anything is built', async () => {
    const options = { typing: 'weak', precisions: ['int8'] } as const;
    await failure('ERR_TRT_CALIBRATION_REQUIRED', buildOnStub('v10', options));
  });
});

describe('what a library does not have is refused by name, and nothing is built', () => {
  const refused: readonly (readonly [StubAbi, string, StubBuildOptions, TrtErrorCode])[] = [
    ['v10', 'computeCapabilities', { computeCapabilities: ['8.6'] }, 'ERR_TRT_UNSUPPORTED'],
    ['v11', 'computeCapabilities', { computeCapabilities: ['8.6'] }, 'ERR_TRT_UNSUPPORTED'],
    ['rtx', 'optimizationLevel', { optimizationLevel: 3 }, 'ERR_TRT_UNSUPPORTED'],
    ['rtx', 'memoryPools.tacticDram', { memoryPools: { tacticDram: 1 } }, 'ERR_TRT_UNSUPPORTED'],
    [
      'rtx',
      'timingCache',
      { timingCache: { path: '/tmp/never', reproducible: false } },
      'ERR_TRT_UNSUPPORTED',
    ],
    ['rtx', 'refit', { tuning: { refit: 'all' } }, 'ERR_TRT_UNSUPPORTED'], // without a GPU, that is
    ['rtx', 'stripPlan', { tuning: { stripPlan: true } }, 'ERR_TRT_UNSUPPORTED'],
    ['rtx', 'maxAuxStreams', { tuning: { maxAuxStreams: 1 } }, 'ERR_TRT_UNSUPPORTED'],
    ['rtx', 'standardPlugins', { standardPlugins: true }, 'ERR_TRT_UNSUPPORTED'],
    ['v10', 'dla', { tuning: { dla: { core: 0, gpuFallback: true } } }, 'ERR_TRT_UNSUPPORTED'],
    ['v11', 'tacticSources', { tuning: { tacticSources: ['cudnn'] } }, 'ERR_TRT_UNSUPPORTED'],
    // The stub is a 10.6: these came with 10.8, 10.8 and 10.9.
    [
      'v10',
      'tilingOptimizationLevel',
      { tuning: { tilingOptimizationLevel: 'fast' } },
      'ERR_TRT_UNSUPPORTED',
    ],
    ['v10', 'l2LimitForTiling', { tuning: { l2LimitForTiling: 1 } }, 'ERR_TRT_UNSUPPORTED'],
    [
      'v10',
      'hardwareCompatibilityLevel',
      { tuning: { hardwareCompatibilityLevel: 'sameComputeCapability' } },
      'ERR_TRT_UNSUPPORTED',
    ],
  ];

  it.each(refused)('%s: %s', async (abi, option, options, code) => {
    const error = await failure(code, buildOnStub(abi, options));
    expect(String(error.details['option'])).toContain(option);
  });

  it('a GPU too old for a precision: fp8', async () => {
    // The stub driver's GPU is an 8.6; fp8 begins with 8.9.
    const options = { typing: 'weak', precisions: ['fp8'] } as const;
    await failure('ERR_TRT_PRECISION_UNSUPPORTED', buildOnStub('v10', options));
  });
});

describe('DLA', () => {
  it('sets device type, core and fallback where there is one', async () => {
    vi.stubEnv('TRT_NODE_STUB_DLA_CORES', '2');
    const { record } = await buildOnStub('v10', {
      tuning: { dla: { core: 1, gpuFallback: true } },
      memoryPools: { dlaManagedSram: 4096 },
    });
    expect(record.flags).toContain('GPU_FALLBACK');
    expect(record).toMatchObject({ defaultDeviceType: 'DLA', DLACore: 1 });
    expect(record.memoryPools).toEqual({ DLA_MANAGED_SRAM: 4096 });
  });
});

describe('a model that the parser does not know', () => {
  it('is refused with every node that it does not know', async () => {
    const model = {
      ...identityModel,
      nodes: [
        { op: 'Identity', name: 'copy', inputs: ['x'], outputs: ['h'] },
        { op: 'Curious', name: 'odd', inputs: ['h'], outputs: ['y'] },
      ],
    };
    const error = await failure('ERR_TRT_ONNX_PARSE', buildOnStub('v10', { model }));
    expect(error.details['errors']).toEqual([expect.stringContaining('"odd" (Curious)')]);
  });
});
