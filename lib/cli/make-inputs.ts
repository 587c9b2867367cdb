import { randomTensor } from '../bench/random-tensor';
import { seededRandom } from '../bench/seeded-random';
import { viewAs, type TensorType } from '../data-types';
import type { Engine } from '../engine';
import { checkShapes, type CheckedShapes, type Shapes } from '../engine-shapes';
import { invalidArgument, TrtError } from '../errors';
import { checkInputs } from '../input-validation';
import type { TensorInfo } from '../manifest-schema';
import { Tensor, type TensorInputs, type TensorLike } from '../tensor';
import { readInputFiles, readRawInputs } from './input-files';
import type { InputFlags } from './input-flags';

/** What {@link makeInputs} needs of an engine. */
export type InputSubject = Pick<Engine, 'inputs' | 'outputs' | 'profiles' | 'allocate'>;

export interface MadeInputs {
  readonly inputs: TensorInputs;
  /** The dims of each input, by name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** `files`: some or all values were read. */
  readonly source: 'random' | 'files';
  /** The optimization profile that takes them. */
  readonly profile: number;
  /** They lie in pinned memory, which the GPU reads without a copy on the host. */
  readonly pinned: boolean;
  /** Gives pinned memory back. */
  close(): void;
}

/**
 * Inputs as a command line asks for them. Dims that are not named are the `opt` of the profile, values that no file has are random, and those of shape
 * tensors are the profile's `opt`.
 *
 * @param batch of every input: its first dynamic axis, else the profile's `opt`
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` (shapes, a profile or a batch that the engine does not take), `ERR_TRT_DATA_FILE`, and
 * `ERR_TRT_INPUT_…` for files that do not fit the engine
 */
export async function makeInputs(
  engine: InputSubject,
  flags: InputFlags,
  batch?: number,
): Promise<MadeInputs> {
  const profile = profileOf(engine, flags);
  const values =
    flags.inputs === undefined
      ? await generated(engine, flags, profile, batch)
      : await fromFiles(engine, flags, flags.inputs, batch);
  const checked = checkInputs(engine, values, profile);
  const names = engine.inputs.map(({ name }) => name);
  const pinned = flags.pageable !== true;
  const inputs = pinned ? pin(engine, values) : { tensors: values, close: () => undefined };
  return {
    inputs: inputs.tensors,
    shapes: Object.fromEntries(names.map((name, index) => [name, checked.dims[index] ?? []])),
    source: flags.inputs === undefined && flags.loadInputs === undefined ? 'random' : 'files',
    profile: checked.profile,
    pinned,
    close: inputs.close,
  };
}

/**
 * Whether the engine takes these dims, before anything is made or measured.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkInputFlags(engine: InputSubject, flags: InputFlags, batch?: number): void {
  const profile = profileOf(engine, flags);
  if (flags.inputs === undefined) shapesOf(engine, flags, profile, batch);
  else refuseBeside(flags, batch);
}

type Values = Readonly<Record<string, TensorLike>>;

function profileOf({ profiles }: InputSubject, { profileIndex }: InputFlags): number | null {
  if (profileIndex === undefined) return null;
  const count = Math.max(1, profiles.length);
  if (profileIndex < count) return profileIndex;
  throw invalidArgument('--profile-index', `an index from 0 to ${count - 1}`, profileIndex);
}

async function fromFiles(
  engine: InputSubject,
  flags: InputFlags,
  path: string,
  batch: number | undefined,
): Promise<Values> {
  refuseBeside(flags, batch);
  return await readInputFiles(path, engine);
}

/** Arrays have dims of their own. */
function refuseBeside({ shapes, loadInputs }: InputFlags, batch: number | undefined): void {
  const others = { '--shapes': shapes, '--load-inputs': loadInputs, '--batch': batch };
  const other = Object.entries(others).find(([, value]) => value !== undefined);
  if (other) throw invalidArgument(other[0], 'to be left out beside --inputs', other[1]);
}

async function generated(
  engine: InputSubject,
  flags: InputFlags,
  profile: number | null,
  batch: number | undefined,
): Promise<Values> {
  const shapes = shapesOf(engine, flags, profile, batch);
  const raw =
    flags.loadInputs === undefined
      ? {}
      : await readRawInputs(flags.loadInputs, engine.inputs, shapes.dims);
  const random = seededRandom(flags.seed ?? 0);
  return Object.fromEntries(
    engine.inputs.map((info, index): [string, TensorLike] => {
      const dims = shapes.dims[index] ?? [];
      const read = Object.hasOwn(raw, info.name) ? raw[info.name] : undefined;
      return [info.name, read ?? generatedTensor(info, dims, shapes.values[index], random)];
    }),
  );
}

function generatedTensor(
  { type }: TensorInfo,
  dims: readonly number[],
  values: Uint8Array | null | undefined,
  random: () => number,
): TensorLike {
  // In a shape tensor, values are dims: random ones would ask for anything.
  return values ? shapeTensor(type, values, dims) : randomTensor(type, dims, random);
}

function shapeTensor(type: TensorType, values: Uint8Array, dims: readonly number[]): TensorLike {
  return new Tensor(type, viewAs(type, values.slice().buffer), dims);
}

function shapesOf(
  engine: InputSubject,
  { shapes = {} }: InputFlags,
  profile: number | null,
  batch: number | undefined,
): CheckedShapes {
  const option = batch === undefined ? '--shapes' : '--batch';
  const given = batch === undefined ? shapes : withBatch(engine, shapes, profile, batch);
  try {
    return checkShapes(engine, given, profile);
  } catch (cause) {
    if (!(cause instanceof TrtError)) throw cause;
    throw new TrtError('ERR_TRT_INVALID_ARG', `${option}: ${cause.message}`, {
      cause,
      details: { ...cause.details, argument: option },
    });
  }
}

function withBatch(
  engine: InputSubject,
  shapes: Shapes,
  profile: number | null,
  batch: number,
): Shapes {
  const dynamic = engine.inputs.filter(
    ({ dims, isShapeTensor }) => !isShapeTensor && dims.includes(-1),
  );
  if (dynamic.length === 0) {
    throw invalidArgument(
      '--batch',
      'to be left out for an engine whose dims are all static',
      batch,
    );
  }
  const typical = checkShapes(engine, shapes, profile).dims;
  return Object.fromEntries([
    ...Object.entries(shapes),
    ...dynamic.map(({ name, dims }): [string, readonly number[]] => {
      const index = engine.inputs.findIndex((info) => info.name === name);
      const axis = dims.indexOf(-1);
      return [name, (typical[index] ?? []).map((dim, each) => (each === axis ? batch : dim))];
    }),
  ]);
}

function pin(
  engine: InputSubject,
  values: Values,
): { readonly tensors: TensorInputs; readonly close: () => void } {
  const tensors: Record<string, Tensor> = {};
  const close = (): void => {
    for (const tensor of Object.values(tensors)) tensor.close();
  };
  try {
    for (const [name, { data, dims }] of Object.entries(values)) {
      const tensor: Tensor = engine.allocate(name, dims);
      tensors[name] = tensor;
      bytesOf(tensor.data).set(bytesOf(data));
    }
  } catch (error) {
    close();
    throw error;
  }
  return { tensors, close };
}

function bytesOf({ buffer, byteOffset, byteLength }: TensorLike['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
