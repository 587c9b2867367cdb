import { arrayLength, newArray, viewAs } from '../data-types';
import type { TensorData } from '../data-types';
import { checkShapes } from '../engine-shapes';
import type { Shapes } from '../engine-shapes';
import { TrtError } from '../errors';
import type { InputContract } from '../input-validation';
import type { TensorInfo } from '../manifest-schema';
import { elementCount } from '../tensor';
import type { TensorInputs } from '../tensor';

/** Dims by input name; an input that is left out has its profile's `opt`. */
export type WarmupShape = Shapes;

export type WarmupShapes = WarmupShape | readonly WarmupShape[];

/** One warm-up. */
export interface Warmup {
  /** Zeros, and for shape tensors the values that the profile has as `opt`. */
  readonly inputs: TensorInputs;
  readonly profile: number;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_DIMS`, `ERR_TRT_UNSUPPORTED` */
export function warmupInputs(engine: InputContract, shapes: WarmupShapes | undefined): Warmup[] {
  if (shapes === undefined) {
    // Even an engine with no profile at all runs in its profile 0.
    const count = Math.max(1, engine.profiles.length);
    return Array.from({ length: count }, (_, profile) => warmupOf(engine, {}, profile));
  }
  const list: readonly unknown[] = Array.isArray(shapes) ? shapes : [shapes];
  return list.map((shape) => warmupOf(engine, shape, null));
}

/** @param wanted null: the first profile that takes the dims */
function warmupOf(engine: InputContract, shape: unknown, wanted: number | null): Warmup {
  const { profile, dims, values } = checkShapes(engine, shape, wanted);
  const inputs = engine.inputs.map((info, index) => {
    const own = dims[index] ?? [];
    const data = dataOf(info, own, values[index] ?? null);
    return [info.name, { type: info.type, data, dims: own }] as const;
  });
  return { inputs: Object.fromEntries(inputs), profile };
}

function dataOf(
  { name, type }: TensorInfo,
  dims: readonly number[],
  values: Uint8Array | null,
): TensorData {
  if (values !== null) return viewAs(type, values.buffer as ArrayBuffer);
  try {
    return newArray(type, arrayLength(type, elementCount(dims)));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `this Node.js has no array for input ${JSON.stringify(name)} of dims [${dims.join(', ')}]. Warm up with smaller dims.`,
      { cause, details: { tensor: name, dims } },
    );
  }
}
