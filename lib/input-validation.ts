import {
  acceptedArrays,
  arrayLength,
  byteLengthOf,
  holds,
  isTensorType,
  typedArrayName,
} from './data-types';
import type { TensorData, TensorType } from './data-types';
import { describeValue, invalidArgument, TrtError } from './errors';
import { checkDims, dimsError, profilesForDims } from './input-dims';
import type { InputDims } from './input-dims';
import type { Profile, TensorInfo } from './manifest-schema';
import { suggestion } from './nearest-name';
import { quotedNames } from './quoted-names';
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
  const given = checkNames(engine.inputs, inputs);
  const profiles = profile === null ? engine.profiles : engine.profiles.slice(profile, profile + 1);
  const checked = engine.inputs.map((info) => checkInput(info, given[info.name], profiles));
  const fitting = profilesForDims(checked, engine.profiles, profile);
  const bytes = checked.map(inputBytes);
  return {
    profile: profileForValues(engine.inputs, bytes, engine.profiles, fitting),
    dims: checked.map(({ dims }) => dims),
    bytes,
  };
}

interface CheckedInput extends InputDims {
  readonly data: TensorData;
}

function checkNames(infos: readonly TensorInfo[], inputs: unknown): Record<string, unknown> {
  if (typeof inputs !== 'object' || inputs === null || typedArrayName(inputs) !== undefined) {
    throw invalidArgument('inputs', 'an object of tensors by input name', inputs);
  }
  const names = infos.map(({ name }) => name);
  for (const name of Object.keys(inputs)) {
    if (!names.includes(name)) throw unknownInput(name, names);
  }
  const missing = names.filter((name) => !Object.hasOwn(inputs, name));
  if (missing.length > 0) {
    throw new TrtError(
      'ERR_TRT_INPUT_MISSING',
      `expected a tensor for each of the engine's inputs, but there is none for ${quotedNames(missing)}. ` +
        `The inputs are ${quotedNames(names)}.`,
      { details: { missing, inputs: names } },
    );
  }
  return inputs as Record<string, unknown>;
}

function unknownInput(name: string, names: readonly string[]): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_UNKNOWN',
    `the engine has no input ${JSON.stringify(name)}; its inputs are ${quotedNames(names)}` +
      suggestion(name, names),
    { details: { tensor: name, inputs: names } },
  );
}

function checkInput(info: TensorInfo, value: unknown, profiles: readonly Profile[]): CheckedInput {
  if (typedArrayName(value) !== undefined) {
    const data = checkArray(info, value);
    if (info.dims.includes(-1)) {
      const reason =
        'a bare array has none and the engine leaves some open: pass { type, data, dims }';
      throw dimsError(info, [], reason, profiles);
    }
    return { info, dims: info.dims, data };
  }
  if (typeof value !== 'object' || value === null) {
    throw typeError(info, `a tensor { type: '${info.type}', data, dims }`, describeValue(value));
  }
  const tensor = value as Readonly<Record<'type' | 'data' | 'dims' | 'location', unknown>>;
  const { type, location } = tensor;
  if (!isTensorType(type) || type !== info.type) {
    throw typeError(info, info.type, typeof type === 'string' ? type : describeValue(type));
  }
  // ONNX Runtime's tensors tell where they are, and their `data` throws when that is not the CPU.
  if (location !== undefined && location !== 'cpu' && location !== 'cpu-pinned') {
    throw typeError(
      info,
      'a tensor on the CPU',
      `one whose location is ${describeValue(location)}`,
    );
  }
  const data = checkArray(info, tensor.data);
  return { info, dims: checkDims(info, tensor.dims, profiles), data };
}

function checkArray(info: TensorInfo, data: unknown): TensorData {
  if (holds(info.type, data)) return data;
  const expected = `a ${acceptedArrays(info.type).join(' or ')} (type ${info.type})`;
  throw typeError(info, expected, typedArrayName(data) ?? describeValue(data));
}

function inputBytes({ info, dims, data }: CheckedInput): InputBytes {
  const { name, type } = info;
  const elements = elementCount(dims);
  const { buffer, byteOffset, length } = data;
  if (length !== arrayLength(type, elements)) {
    if (length === 0 && isDetached(buffer)) throw detachedError(name, 'before the call');
    throw lengthError(name, type, dims, length);
  }
  const total = byteLengthOf(type, elements);
  const parts = Array.from({ length: Math.ceil(total / partBytes) }, (_, index) => {
    const start = index * partBytes;
    return new Uint8Array(buffer, byteOffset + start, Math.min(partBytes, total - start));
  });
  return {
    name,
    // The values of a shape tensor are checked: the caller must not change them between that and the copy.
    parts: info.isShapeTensor ? parts.map((part) => Uint8Array.from(part)) : parts,
    byteLength: total,
  };
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

function typeError(info: TensorInfo, expected: string, got: string): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_TYPE',
    `input ${JSON.stringify(info.name)}: expected ${expected} but received ${got}.`,
    { details: { tensor: info.name, expected: info.type, got } },
  );
}
