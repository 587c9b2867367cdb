import type { NativeNamedWeights } from '../binding';
import { arrayLength, holds, isTensorType, tensorTypes } from '../data-types';
import { acceptedArrays } from '../data-types';
import { invalidArgument } from '../errors';
import { checkedPlainObject } from '../plain-object';
import { checkedDims, elementCount } from '../tensor/dims';
import type { TensorLike } from '../tensor';

/** Weights by the names that they have in the engine: those of the model's initializers. */
export type NamedWeights = Readonly<Record<string, TensorLike>>;

/**
 * Named weights as the addon takes them: views of the caller's arrays. Whether the engine has them, with that type and count, is
 * for TensorRT to say.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedNamedWeights(value: unknown): readonly NativeNamedWeights[] {
  const expected = 'the path, URL or bytes of a model, or a plain object of tensors by name,';
  const entries = Object.entries(checkedPlainObject(value, 'source', expected));
  if (entries.length === 0) {
    throw invalidArgument('source', `${expected.slice(0, -1)} with one tensor at least,`, value);
  }
  return entries.map(([name, tensor]) => checkedWeights(name, tensor));
}

function checkedWeights(name: string, value: unknown): NativeNamedWeights {
  const where = `source[${JSON.stringify(name)}]`;
  if (typeof value !== 'object' || value === null) {
    throw invalidArgument(where, 'a tensor { type, data, dims }', value);
  }
  // Each property is read once: a getter cannot show native code anything else than was checked.
  const { type, data, dims } = value as Readonly<Record<'type' | 'data' | 'dims', unknown>>;
  if (!isTensorType(type)) {
    throw invalidArgument(`${where}.type`, `one of ${tensorTypes.join(', ')}`, type);
  }
  if (!holds(type, data)) {
    throw invalidArgument(`${where}.data`, `a ${acceptedArrays(type).join(' or ')}`, data);
  }
  const elements = elementCount(checkedDims(dims));
  if (data.length !== arrayLength(type, elements)) {
    throw invalidArgument(
      `${where}.dims`,
      `dims that belong to an array of ${data.length} (type ${type})`,
      dims,
    );
  }
  return {
    name,
    type,
    elements,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}
