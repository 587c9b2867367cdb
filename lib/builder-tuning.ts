import {
  nativePreviewFeatures,
  nativeTacticSources,
  type NativeHardwareCompatibility,
  type NativeRefitMode,
  type NativeTuning,
} from './binding';
import { invalidArgument } from './errors';
import { checkedOptions } from './known-keys';
import { checkedPlainObject } from './plain-object';

/** How far a plan may leave the GPU that built it (`HardwareCompatibilityLevel`). */
export type HardwareCompatibilityLevel = NativeHardwareCompatibility;

/** Which weights of a plan can be exchanged (`kREFIT`, `kREFIT_IDENTICAL`). */
export type RefitMode = Exclude<NativeRefitMode, 'individual'>;

/** Where kernels may come from (`TacticSource`). TensorRT 11 and RTX have `edgeMaskConvolutions` and `jitConvolutions` alone. */
export type TacticSource = (typeof nativeTacticSources)[number];

/** What TensorRT tries out (`PreviewFeature`); the digits are the version that brought it. */
export type PreviewFeature = (typeof nativePreviewFeatures)[number];

/** The options of `IBuilderConfig` that are passed to TensorRT as they are. */
export interface TuningOptions {
  /**
   * The most streams that TensorRT may use beside the one of the inference (`setMaxAuxStreams`), 0 to 64. Default: its own
   * choice. 0 leaves the order of layers alone and needs the least memory.
   */
  readonly maxAuxStreams?: number | undefined;
  /**
   * How often each kernel is timed (`setAvgTimingIterations`), 1 to 1000. Default: TensorRT's own. More makes builds longer and
   * their choices steadier. `ERR_TRT_UNSUPPORTED` on TensorRT-RTX.
   */
  readonly avgTimingIterations?: number | undefined;
  /**
   * The most kernels that are timed for a layer (`setMaxNbTactics`), from 1 on. Default: TensorRT's own choice.
   * `ERR_TRT_UNSUPPORTED` before TensorRT 10.4 and on RTX.
   */
  readonly maxNbTactics?: number | undefined;
  /**
   * `'amperePlus'`: the plan runs on every GPU of compute capability 8.0 and higher, often slower;
   * `'sameComputeCapability'`: on every GPU of the same one. Default `'none'`: on GPUs like the one that built it.
   * `ERR_TRT_UNSUPPORTED` where this TensorRT cannot.
   */
  readonly hardwareCompatibilityLevel?: HardwareCompatibilityLevel | undefined;
  /**
   * Lets `engine.refit` exchange weights. `true` and `'all'`: any (`kREFIT`); `'identical'`: the plan is as fast as without, and only
   * right with the weights of its own model (`kREFIT_IDENTICAL`). Default `false`.
   */
  readonly refit?: boolean | RefitMode | undefined;
  /**
   * Leaves the weights out of the plan (`kSTRIP_PLAN`): the model brings them at load (`LoadOptions.weights`). Implies
   * `refit: 'identical'` unless `refit` says otherwise. Default `false`.
   */
  readonly stripPlan?: boolean | undefined;
  /**
   * Lets the engine keep a part of its weights in host memory (`kWEIGHT_STREAMING`): `LoadOptions.weightStreamingBudget`. Needs a
   * strongly typed network. Default `false`.
   */
  readonly weightStreaming?: boolean | undefined;
  /**
   * The plan runs on later versions of the same major, through the lean runtime that is put into it (`kVERSION_COMPATIBLE`), and
   * needs `LoadOptions.hostCode`. Default `false`. Unproven: no test of trt-node has seen one run.
   */
  readonly versionCompatible?: boolean | undefined;
  /** Leaves the lean runtime out of a version-compatible plan (`kEXCLUDE_LEAN_RUNTIME`). Default `false`. Unproven. */
  readonly excludeLeanRuntime?: boolean | undefined;
  /** Lets TensorRT use kernels for weights with 2:4 sparsity (`kSPARSE_WEIGHTS`). Default `false`. Unproven. */
  readonly sparseWeights?: boolean | undefined;
  /**
   * `TacticSource` in camelCase, exactly those that may be used: `['cublas', 'jitConvolutions']`; `[]`: none of the optional ones.
   * Default: TensorRT's own. `ERR_TRT_UNSUPPORTED` for one that this TensorRT does not have. Unproven.
   */
  readonly tacticSources?: readonly TacticSource[] | undefined;
  /**
   * `PreviewFeature` in camelCase, on or off: `{ aliasedPluginIo1003: true }`. Default: TensorRT's own. `ERR_TRT_UNSUPPORTED` for one
   * that this TensorRT does not have. Unproven.
   */
  readonly previewFeatures?: Readonly<Partial<Record<PreviewFeature, boolean>>> | undefined;
  /** How long TensorRT looks for tilings that keep data in L2 (`setTilingOptimizationLevel`, 10.8). Default: none. Unproven. */
  readonly tilingOptimizationLevel?: 'none' | 'fast' | 'moderate' | 'full' | undefined;
  /** Bytes of L2 that tiling may count on (`setL2LimitForTiling`, 10.8). Default: TensorRT's own. Unproven. */
  readonly l2LimitForTiling?: number | undefined;
  /**
   * Runs layers on a DLA core (Jetson, DRIVE); with `gpuFallback`, those that it cannot run go to the GPU. Default: none. Unproven.
   */
  readonly dla?: { readonly core: number; readonly gpuFallback?: boolean | undefined } | undefined;
  /**
   * Names of tensors inside of the network whose values `engine.inferTimed(inputs, { debug: [name] })` shall give
   * (`INetworkDefinition::markDebug`, trtexec's `--markDebug`). They are names of the ONNX model's values; `ERR_TRT_INVALID_ARG` for an
   * input, and for a name that TensorRT's network does not have. Default: none. TensorRT cannot fuse the layers on both sides of such a tensor, so the plan is a slower
   * one, and its numbers may differ in the last bits, in every inference: do not ship it.
   */
  readonly debugTensors?: readonly string[] | undefined;
}

export const tuningOptionNames = [
  'maxAuxStreams',
  'avgTimingIterations',
  'maxNbTactics',
  'hardwareCompatibilityLevel',
  'refit',
  'stripPlan',
  'weightStreaming',
  'versionCompatible',
  'excludeLeanRuntime',
  'sparseWeights',
  'tacticSources',
  'previewFeatures',
  'tilingOptimizationLevel',
  'l2LimitForTiling',
  'dla',
  'debugTensors',
] as const satisfies readonly (keyof TuningOptions)[];

/** TensorRT's own defaults. */
export const defaultTuning: NativeTuning = {
  maxAuxStreams: null,
  avgTimingIterations: null,
  maxNbTactics: null,
  hardwareCompatibilityLevel: null,
  refit: null,
  stripPlan: false,
  weightStreaming: false,
  versionCompatible: false,
  excludeLeanRuntime: false,
  sparseWeights: false,
  tacticSources: null,
  previewFeatures: {},
  tilingOptimizationLevel: null,
  l2LimitForTiling: null,
  dla: null,
  debugTensors: [],
};

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedTuning(given: TuningOptions): NativeTuning {
  const stripPlan = flag(given.stripPlan, 'stripPlan');
  const versionCompatible = flag(given.versionCompatible, 'versionCompatible');
  const excludeLeanRuntime = flag(given.excludeLeanRuntime, 'excludeLeanRuntime');
  if (excludeLeanRuntime && !versionCompatible) {
    const expected = '`versionCompatible: true` beside it, or nothing,';
    throw invalidArgument('options.excludeLeanRuntime', expected, true);
  }
  return {
    maxAuxStreams: count(given.maxAuxStreams, 'maxAuxStreams', 0, 64),
    avgTimingIterations: count(given.avgTimingIterations, 'avgTimingIterations', 1, 1000),
    maxNbTactics: count(given.maxNbTactics, 'maxNbTactics', 1, 2 ** 31 - 1),
    hardwareCompatibilityLevel: compatibilityLevel(given.hardwareCompatibilityLevel),
    refit: refitMode(given.refit) ?? (stripPlan ? 'identical' : null),
    stripPlan,
    weightStreaming: flag(given.weightStreaming, 'weightStreaming'),
    versionCompatible,
    excludeLeanRuntime,
    sparseWeights: flag(given.sparseWeights, 'sparseWeights'),
    tacticSources: sources(given.tacticSources),
    previewFeatures: features(given.previewFeatures),
    tilingOptimizationLevel: member(given.tilingOptimizationLevel, 'tilingOptimizationLevel', [
      'none',
      'fast',
      'moderate',
      'full',
    ]),
    l2LimitForTiling: count(given.l2LimitForTiling, 'l2LimitForTiling', 0, 2 ** 53 - 1),
    dla: checkedDla(given.dla),
    debugTensors: tensorNames(given.debugTensors),
  };
}

/** Whose effect no test of trt-node has seen, of what was asked for. */
export function unprovenOf(tuning: NativeTuning): readonly string[] {
  const asked: readonly [string, boolean][] = [
    ['versionCompatible', tuning.versionCompatible],
    ['excludeLeanRuntime', tuning.excludeLeanRuntime],
    ['sparseWeights', tuning.sparseWeights],
    ['tacticSources', tuning.tacticSources !== null],
    ['previewFeatures', Object.keys(tuning.previewFeatures).length > 0],
    ['tilingOptimizationLevel', tuning.tilingOptimizationLevel !== null],
    ['l2LimitForTiling', tuning.l2LimitForTiling !== null],
    ['dla', tuning.dla !== null],
  ];
  return asked.filter(([, given]) => given).map(([name]) => name);
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalidArgument(`options.${name}`, 'true or false', value);
  return value;
}

function count(value: unknown, name: string, min: number, max: number): number | null {
  if (value === undefined) return null;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw invalidArgument(`options.${name}`, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

function member<T extends string>(value: unknown, name: string, known: readonly T[]): T | null {
  if (value === undefined) return null;
  const found = known.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const list = known.map((candidate) => `'${candidate}'`).join(', ');
  throw invalidArgument(`options.${name}`, `one of ${list}, or nothing,`, value);
}

/** null: `none`, so that naming the default makes no other build of it. */
function compatibilityLevel(value: unknown): HardwareCompatibilityLevel | null {
  const levels = ['none', 'amperePlus', 'sameComputeCapability'] as const;
  const level = member(value, 'hardwareCompatibilityLevel', levels);
  return level === 'none' ? null : level;
}

function refitMode(value: unknown): RefitMode | null {
  if (value === undefined || value === false) return null;
  if (value === true) return 'all';
  const found = (['all', 'identical'] as const).find((mode) => mode === value);
  if (found !== undefined) return found;
  throw invalidArgument('options.refit', "true, false, 'all' or 'identical'", value);
}

function sources(value: unknown): readonly TacticSource[] | null {
  if (value === undefined) return null;
  const name = 'options.tacticSources';
  if (!Array.isArray(value)) throw invalidArgument(name, 'an array of names', value);
  const list = Array.from(value as readonly unknown[], (item, index) =>
    known(item, `${name}[${index}]`, nativeTacticSources),
  );
  return [...new Set(list)].sort();
}

function features(value: unknown): Readonly<Partial<Record<PreviewFeature, boolean>>> {
  if (value === undefined) return {};
  const name = 'options.previewFeatures';
  const given = checkedPlainObject(value, name, 'a plain object of names and true or false');
  const entries = Object.entries(given).map(([key, on]): [PreviewFeature, boolean] => {
    const feature = known(key, name, nativePreviewFeatures);
    if (typeof on !== 'boolean') throw invalidArgument(`${name}.${key}`, 'true or false', on);
    return [feature, on];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function known<T extends string>(value: unknown, name: string, names: readonly T[]): T {
  const found = names.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw invalidArgument(name, `one of ${names.join(', ')}`, value);
}

function checkedDla(value: TuningOptions['dla']): NativeTuning['dla'] {
  if (value === undefined) return null;
  const { core, gpuFallback } = checkedOptions(value, 'options.dla', ['core', 'gpuFallback']);
  const checked = count(core, 'dla.core', 0, 15);
  if (checked === null) {
    throw invalidArgument('options.dla.core', 'the index of a DLA core', core);
  }
  return { core: checked, gpuFallback: flag(gpuFallback, 'dla.gpuFallback') };
}

function tensorNames(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const name = 'options.debugTensors';
  if (!Array.isArray(value)) throw invalidArgument(name, 'an array of names of tensors', value);
  const list = Array.from(value as readonly unknown[], (item, index) => {
    if (typeof item === 'string' && item !== '') return item;
    throw invalidArgument(`${name}[${index}]`, 'the name of a tensor', item);
  });
  return [...new Set(list)].sort();
}
