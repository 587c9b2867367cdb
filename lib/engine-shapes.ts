import { invalidArgument, TrtError } from './errors';
import { checkDims, profilesForDims, rangeOf } from './input-dims';
import type { Profile, TensorInfo } from './manifest-schema';
import { suggestion } from './nearest-name';
import { quotedNames } from './quoted-names';

/** Dims by input name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Dims, and values where dims follow from them, for every input of an engine. */
export interface CheckedShapes {
  readonly profile: number;
  /** Both in the order of the engine's inputs. */
  readonly dims: readonly (readonly number[])[];
  /** The bytes of a shape tensor: its profile's `opt`; null: of any other input. */
  readonly values: readonly (Uint8Array | null)[];
}

interface ShapeContract {
  readonly inputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
}

/**
 * Dims for all inputs: those of `shapes`, and the `opt` dims of the profile for the others. The profile is `profile`, or else the
 * first that takes them all.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_DIMS`
 */
export function checkShapes(
  engine: ShapeContract,
  shapes: unknown,
  profile: number | null,
): CheckedShapes {
  const given = checkNames(engine.inputs, shapes);
  const candidates = profile === null ? [...engine.profiles.keys()] : [profile];
  // An engine without dynamic inputs may come with no profile at all: TensorRT then runs in its profile 0.
  if (candidates.length === 0) candidates.push(0);
  let refusal: unknown;
  for (const index of candidates) {
    try {
      return shapesIn(engine, given, index);
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal;
}

function shapesIn(engine: ShapeContract, given: Shapes, index: number): CheckedShapes {
  const { inputs, profiles } = engine;
  const profile = profiles[index] ?? {};
  const checked = inputs.map((info) => {
    const typical = rangeOf(profile, info.name)?.opt ?? info.dims;
    const dims = Object.hasOwn(given, info.name) ? given[info.name] : typical;
    return { info, dims: checkDims(info, dims, profiles) };
  });
  profilesForDims(checked, profiles, profiles.length === 0 ? null : index);
  return {
    profile: index,
    dims: checked.map(({ dims }) => dims),
    values: inputs.map((info) => typicalValues(info, profile)),
  };
}

function typicalValues(info: TensorInfo, profile: Profile): Uint8Array | null {
  const values = rangeOf(profile, info.name)?.values?.opt;
  if (values === undefined) return null;
  const elements =
    info.type === 'int64' ? BigInt64Array.from(values, BigInt) : Int32Array.from(values);
  return new Uint8Array(elements.buffer);
}

function checkNames(inputs: readonly TensorInfo[], shapes: unknown): Shapes {
  if (typeof shapes !== 'object' || shapes === null || Array.isArray(shapes)) {
    throw invalidArgument('shapes', 'an object of dims by input name', shapes);
  }
  const names = inputs.map(({ name }) => name);
  const unknown = Object.keys(shapes).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TrtError(
      'ERR_TRT_INPUT_UNKNOWN',
      `the engine has no input ${JSON.stringify(unknown)}${suggestion(unknown, names) || '.'} Its inputs are ${quotedNames(names)}.`,
      { details: { tensor: unknown, inputs: names } },
    );
  }
  return shapes as Shapes;
}
