import type { NativeDeviceMemory } from './binding';
import { arrayLength, byteLengthOf } from './data-types';
import type { TensorData, TensorType } from './data-types';
import { TrtError } from './errors';
import { checkDims, dimsError, profilesForDims } from './input-dims';
import type { InputDims } from './input-dims';
import { isArray, noDims, readInputs } from './input-reading';
import type { GivenInputs } from './input-reading';
import type { Profile, TensorInfo } from './manifest-schema';
import { profileForValues } from './shape-values';
import { elementCount } from './tensor';

/** What the validation needs to know of an engine. */
export interface InputContract {
  readonly inputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
}

/** The bytes of one input, as a view of the caller's array (not copied yet) or, of a shape tensor, as a copy of it. */
export interface InputBytes {
  readonly name: string;
  /** `partBytes` each but for the last. A part is empty once its buffer was transferred or has become too short. */
  readonly parts: readonly Uint8Array[];
  /** Of all parts, as it was validated. */
  readonly byteLength: number;
}

/** Node 20 has no Uint8Array of 4 GiB and more; a Float32Array may be larger. */
export const partBytes = 2 ** 30;

export interface CheckedInputs {
  readonly profile: number;
  /** Both in the order of the engine's inputs. */
  readonly dims: readonly (readonly number[])[];
  readonly bytes: readonly InputBytes[];
}

/**
 * Whether `inputs` is what the engine takes. Every property of the caller's objects is read once, so that a getter or a
 * later change cannot make native code see anything else than what was checked here.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_MISSING`, `ERR_TRT_INPUT_TYPE`,
 * `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INPUT_LENGTH`, `ERR_TRT_INPUT_DETACHED`, `ERR_TRT_INPUT_VALUES`
 */
export function checkInputs(
  engine: InputContract,
  inputs: unknown,
  profile: number | null,
): CheckedInputs {
  return checkGiven(engine, readInputs(engine.inputs, inputs, null), profile);
}

/**
 * The dims, lengths and values of what was read.
 *
 * @throws TrtError `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INPUT_LENGTH`, `ERR_TRT_INPUT_DETACHED`, `ERR_TRT_INPUT_VALUES`
 */
export function checkGiven(
  engine: InputContract,
  given: GivenInputs,
  profile: number | null,
): CheckedInputs {
  const profiles = profile === null ? engine.profiles : engine.profiles.slice(profile, profile + 1);
  const checked = engine.inputs.map((info, index): InputDims => {
    const dims = given.dims[index];
    if (dims === noDims) {
      const reason =
        'a bare array has none and the engine leaves some open: pass { type, data, dims }';
      throw dimsError(info, [], reason, profiles);
    }
    return { info, dims: checkDims(info, dims, profiles) };
  });
  const fitting = profilesForDims(checked, engine.profiles, profile);
  const bytes = checked.map((input, index) => inputBytes(input, given.sources[index]));
  return {
    profile: profileForValues(engine.inputs, bytes, engine.profiles, fitting),
    dims: checked.map(({ dims }) => dims),
    bytes,
  };
}

function inputBytes(
  { info, dims }: InputDims,
  source: TensorData | NativeDeviceMemory | undefined,
): InputBytes {
  const { name, type } = info;
  const elements = elementCount(dims);
  const total = byteLengthOf(type, elements);
  if (!isArray(source)) {
    const size = source?.sizeBytes ?? 0;
    if (size < total) throw tooSmall(info, dims, total, size);
    return { name, parts: [], byteLength: total };
  }
  const { length } = source;
  if (length !== arrayLength(type, elements)) {
    if (length === 0 && isDetached(source.buffer)) throw detachedError(name, 'before the call');
    throw lengthError(name, type, dims, length);
  }
  const parts = partsOf(source, total);
  return {
    name,
    // The values of a shape tensor are checked: the caller must not change them between that and the copy.
    parts: info.isShapeTensor ? parts.map((part) => Uint8Array.from(part)) : parts,
    byteLength: total,
  };
}

/** An array of `total` bytes as `InputBytes` has it. */
export function partsOf({ buffer, byteOffset }: TensorData, total: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(total / partBytes) }, (_, index) => {
    const start = index * partBytes;
    return new Uint8Array(buffer, byteOffset + start, Math.min(partBytes, total - start));
  });
}

/**
 * The part of `input` that has the byte at `offset`; throws when the caller transferred or resized its buffer after it was
 * checked.
 *
 * @throws TrtError `ERR_TRT_INPUT_DETACHED`, `ERR_TRT_INPUT_LENGTH`
 */
export function unchangedPart({ name, parts, byteLength }: InputBytes, offset: number): Uint8Array {
  const index = Math.floor(offset / partBytes);
  const part = parts[index] ?? new Uint8Array(0);
  if (part.byteLength === Math.min(partBytes, byteLength - index * partBytes)) return part;
  if (isDetached(part.buffer)) throw detachedError(name, 'while it was being copied');
  throw new TrtError(
    'ERR_TRT_INPUT_LENGTH',
    `the buffer of input ${JSON.stringify(name)} was resized while it was being copied: expected ${byteLength} bytes. ` +
      'Leave it alone until infer() has resolved.',
    { details: { tensor: name, expectedBytes: byteLength } },
  );
}

/** `ArrayBuffer.prototype.detached` is not in Node 20; a view of a detached buffer cannot be made anywhere. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer, 0, 0);
    return false;
  } catch {
    return true;
  }
}

function detachedError(name: string, when: string): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_DETACHED',
    `the buffer of input ${JSON.stringify(name)} was detached ${when} (transferred to a worker, say). ` +
      'Pass an array that stays here until infer() has resolved.',
    { details: { tensor: name } },
  );
}

function tooSmall(
  { name, type }: TensorInfo,
  dims: readonly number[],
  expected: number,
  got: number,
): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_LENGTH',
    `input ${JSON.stringify(name)} has dims [${dims.join(', ')}], which is ${expected} bytes of ${type}, but its memory on the GPU has ${got}.`,
    { details: { tensor: name, dims, expectedBytes: expected, gotBytes: got } },
  );
}

function lengthError(
  name: string,
  type: TensorType,
  dims: readonly number[],
  length: number,
): TrtError {
  const elements = elementCount(dims);
  const expected = arrayLength(type, elements);
  const packed = expected === elements ? '' : `, which lie in ${expected} bytes, two in each`;
  return new TrtError(
    'ERR_TRT_INPUT_LENGTH',
    `input ${JSON.stringify(name)} has dims [${dims.join(', ')}], which is ${elements} ${type} elements${packed}, ` +
      `but its array has ${length}.`,
    { details: { tensor: name, dims, expected, got: length } },
  );
}
