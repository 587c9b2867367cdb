import type { NativeAbi, NativeGpu, NativeWeakPrecision } from './binding';
import type { TensorType } from './data-types';
import { invalidArgument, TrtError } from './errors';
import type { Flavour } from './manifest-schema';

/** Which arithmetic TensorRT may use beyond the types that stand in the model. */
export type Precision = (typeof precisions)[number];

export const precisions = ['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8', 'best'] as const;

/** Whether layers keep the model's types (`strong`), or TensorRT chooses among those that `precision` allows (`weak`). */
export type Typing = (typeof typings)[number];

export const typings = ['strong', 'weak'] as const;

/** The options `precision` and `typing` after validation. */
export interface CheckedPrecision {
  /** Without repetitions, in the order of `precisions`; empty: the model's own types. */
  readonly list: readonly Precision[];
  readonly typing: Typing | null;
}

/** What the two become for TensorRT. */
export interface ResolvedPrecision {
  readonly typing: Typing;
  readonly precisions: readonly NativeWeakPrecision[];
  readonly tf32: boolean | null;
}

/** What decides whether a precision can be had. */
export interface PrecisionFacts {
  readonly library: {
    readonly flavour: Flavour;
    readonly version: string;
    readonly abi: NativeAbi;
  };
  /** null: built without one. */
  readonly gpu: Pick<NativeGpu, 'name' | 'computeCapability'> | null;
  /** Types that the model's Q/DQ nodes quantize to. */
  readonly quantized: ReadonlySet<TensorType>;
  /** `calibration` is given. */
  readonly calibrated: boolean;
}

const narrowing: ReadonlySet<Precision> = new Set(['fp16', 'bf16', 'int8', 'best']);

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedPrecision(precision: unknown, typing: unknown): CheckedPrecision {
  const list = precision === undefined ? [] : Array.isArray(precision) ? precision : [precision];
  const names = precisions.map((name) => `'${name}'`).join(', ');
  for (const name of list as readonly unknown[]) {
    if (precisions.some((known) => known === name)) continue;
    throw invalidArgument('options.precision', `${names}, or an array of them,`, name);
  }
  if (typing !== undefined && !typings.some((known) => known === typing)) {
    throw invalidArgument('options.typing', "'strong' or 'weak', or nothing,", typing);
  }
  const chosen = precisions.filter((name) => list.includes(name));
  if (chosen.includes('fp32') && (chosen.includes('tf32') || chosen.includes('best'))) {
    const expected = "'fp32' (which rules TF32 out) or 'tf32', not both,";
    throw invalidArgument('options.precision', expected, list);
  }
  const weak = chosen.find((name) => narrowing.has(name));
  if (typing === 'strong' && weak !== undefined) {
    throw invalidArgument(
      'options.typing',
      `'weak', or nothing, beside the precision '${weak}' (a strongly typed network keeps the model's own types)`,
      typing,
    );
  }
  return { list: chosen, typing: (typing as Typing | undefined) ?? null };
}

/**
 * @throws TrtError `ERR_TRT_PRECISION_UNSUPPORTED`: the library or the GPU cannot; `ERR_TRT_CALIBRATION_REQUIRED`: int8 needs
 * scales, from calibration or from Q/DQ nodes; `ERR_TRT_UNSUPPORTED`: calibration for a model that has its scales already;
 * `ERR_TRT_INVALID_ARG`: calibration without int8
 */
export function resolvePrecision(
  { list, typing }: CheckedPrecision,
  facts: PrecisionFacts,
): ResolvedPrecision {
  const best = list.includes('best');
  const tf32 = list.includes('fp32') ? false : list.includes('tf32') || best ? true : null;
  const wanted = weakPrecisions(list, facts);
  const weak = typing === 'weak' || wanted.some((name) => name !== 'fp8');
  // First: nobody shall collect calibration data for a TensorRT that does not calibrate.
  const own = weak && facts.library.abi !== 'v10' ? modelsOwnTypes(wanted, typing, facts) : null;
  checkCalibration(list, facts);
  checkFloat8(list, facts);
  if (own !== null) return { ...own, tf32 };
  return weak
    ? { typing: 'weak', precisions: wanted, tf32 }
    : { typing: 'strong', precisions: [], tf32 };
}

function weakPrecisions(
  list: readonly Precision[],
  facts: PrecisionFacts,
): readonly NativeWeakPrecision[] {
  const scales = facts.calibrated || facts.quantized.has('int8');
  const best: readonly NativeWeakPrecision[] = [
    'fp16',
    ...(atLeast(facts.gpu, 8.0) ? (['bf16'] as const) : []),
    ...(scales ? (['int8'] as const) : []),
  ];
  const names = list.includes('best') ? best : [];
  const all = ['fp16', 'bf16', 'int8', 'fp8'] as const;
  return all.filter((name) => list.includes(name) || names.includes(name));
}

/** Networks of TensorRT 11 and RTX are strongly typed: only what the model itself is quantized to can be had there. */
function modelsOwnTypes(
  wanted: readonly NativeWeakPrecision[],
  typing: Typing | null,
  { library, quantized }: PrecisionFacts,
): Omit<ResolvedPrecision, 'tf32'> {
  const inModel = (name: NativeWeakPrecision): boolean =>
    (name === 'int8' && quantized.has('int8')) || (name === 'fp8' && quantized.has('float8e4m3fn'));
  const missing = wanted.find((name) => !inModel(name));
  if (missing === undefined && typing !== 'weak') return { typing: 'strong', precisions: [] };
  const received = missing === undefined ? "typing 'weak'" : `precision '${missing}'`;
  const remedy =
    missing === 'int8'
      ? 'Quantize the model, so that it has Q/DQ nodes, and leave `precision` out'
      : missing === undefined
        ? 'Leave `typing` out'
        : `Export the model in ${missing === 'bf16' ? 'bfloat16' : 'float16'} and leave \`precision\` out`;
  throw unsupported(
    `expected the model's own types for ${nameOf(library)} but received ${received}: its networks are strongly typed, and layers keep ` +
      `the types of the model. ${remedy}, or build with TensorRT 10 on a machine with a GPU.`,
    { precision: missing ?? null, flavour: library.flavour, version: library.version },
  );
}

function checkFloat8(list: readonly Precision[], { gpu, quantized }: PrecisionFacts): void {
  if (!list.includes('fp8')) return;
  if (!quantized.has('float8e4m3fn')) {
    throw unsupported(
      "expected a model with FP8 Q/DQ nodes for precision 'fp8', but this one has none, and TensorRT makes no layer FP8 by itself. " +
        'Quantize the model to float8e4m3fn first.',
      { precision: 'fp8', reason: 'no-qdq' },
    );
  }
  if (gpu !== null && !atLeast(gpu, 8.9)) throw tooOld('fp8', gpu, '8.9');
}

function checkCalibration(
  list: readonly Precision[],
  { calibrated, quantized, gpu }: PrecisionFacts,
): void {
  const wantsInt8 = list.includes('int8') || list.includes('best');
  if (calibrated && !wantsInt8) {
    throw invalidArgument(
      'options.precision',
      "'int8' or 'best' beside `calibration`, which serves nothing else,",
      list,
    );
  }
  if (calibrated && quantized.size > 0) {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `expected no \`calibration\` for a model that has Q/DQ nodes (${[...quantized].join(', ')}): their scales rule, and TensorRT ` +
        'would not calibrate. Leave it out.',
      { details: { option: 'calibration', quantized: [...quantized] } },
    );
  }
  if (list.includes('int8') && !calibrated && !quantized.has('int8')) {
    throw new TrtError(
      'ERR_TRT_CALIBRATION_REQUIRED',
      "expected `calibration`, or a model with Q/DQ nodes, for precision 'int8': without either there are no scales. Give " +
        'calibration: { data } with a few hundred samples of real inputs, or quantize the model.',
      { details: { quantized: [...quantized] } },
    );
  }
  if (list.includes('bf16') && gpu !== null && !atLeast(gpu, 8.0)) throw tooOld('bf16', gpu, '8.0');
}

function atLeast(gpu: PrecisionFacts['gpu'], capability: number): boolean {
  return gpu !== null && Number.parseFloat(gpu.computeCapability) >= capability;
}

function tooOld(
  precision: Precision,
  gpu: NonNullable<PrecisionFacts['gpu']>,
  least: string,
): TrtError {
  return unsupported(
    `expected a GPU of compute capability ${least} or higher for precision '${precision}' but received ${gpu.name} (` +
      `${gpu.computeCapability}). Take 'fp16', or build on a newer GPU.`,
    { precision, computeCapability: gpu.computeCapability },
  );
}

function unsupported(message: string, details: Readonly<Record<string, unknown>>): TrtError {
  return new TrtError('ERR_TRT_PRECISION_UNSUPPORTED', message, { details });
}

function nameOf({ flavour, version }: PrecisionFacts['library']): string {
  return `${flavour === 'tensorrt' ? 'TensorRT' : 'TensorRT-RTX'} ${version}`;
}
