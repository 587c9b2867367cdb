import { arrayLength, newArray } from '../data-types';
import { invalidArgument } from '../errors';
import type { InputContract } from '../input-validation';
import { rangeOf } from '../input-dims';
import type { Profile, TensorInfo } from '../manifest-schema';
import { elementCount } from '../tensor';
import type { TensorInputs, TensorLike } from '../tensor';

/** Dims by input name; an input whose dims are all static may be left out. */
export type WarmupShape = Readonly<Record<string, readonly number[]>>;

export type WarmupShapes = WarmupShape | readonly WarmupShape[];

/** The inputs of each warm-up: zeros, and for shape tensors the values that the first profile with such has as `opt`. */
export function warmupInputs(
  engine: InputContract,
  shapes: WarmupShapes | undefined,
): TensorInputs[] {
  if (shapes === undefined)
    return engine.profiles.map((profile) => inputsOf(engine, optDims(profile)));
  const list: readonly unknown[] = Array.isArray(shapes) ? shapes : [shapes];
  return list.map((shape) => {
    if (typeof shape !== 'object' || shape === null || Array.isArray(shape)) {
      throw invalidArgument('shapes', 'dims by input name, or an array of such', shapes);
    }
    return inputsOf(engine, shape as WarmupShape);
  });
}

function optDims(profile: Profile): WarmupShape {
  return Object.fromEntries(Object.entries(profile).map(([name, { opt }]) => [name, opt]));
}

function inputsOf(engine: InputContract, shape: WarmupShape): TensorInputs {
  const known = engine.inputs.map(({ name }) => name);
  const unknown = Object.keys(shape).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalidArgument('shapes', "names of the engine's inputs", unknown);
  return Object.fromEntries(
    engine.inputs.map((info) => {
      const dims = Object.hasOwn(shape, info.name) ? shape[info.name] : info.dims;
      if (!Array.isArray(dims) || dims.length > 8 || !dims.every(isLength)) {
        const expected = `dims like [${info.dims.join(', ')}], where -1 stands for any,`;
        throw invalidArgument(`shapes[${JSON.stringify(info.name)}]`, expected, dims);
      }
      return [info.name, tensorOf(engine, info, dims as number[])];
    }),
  );
}

function isLength(dim: unknown): boolean {
  return Number.isSafeInteger(dim) && (dim as number) >= 0;
}

function tensorOf(
  { profiles }: InputContract,
  info: TensorInfo,
  dims: readonly number[],
): TensorLike {
  const { name, type } = info;
  const data = newArray(type, arrayLength(type, elementCount(dims)));
  if (info.isShapeTensor) {
    const values = profiles.map((profile) => rangeOf(profile, name)?.values).find(Boolean);
    values?.opt.forEach((value, i) => {
      (data as { [index: number]: unknown })[i] = type === 'int64' ? BigInt(value) : value;
    });
  }
  return { type, data, dims };
}
