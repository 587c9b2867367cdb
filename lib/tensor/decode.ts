import { elementsPerPosition } from '../data-types';
import type { TensorData, TensorDataByType, TensorType } from '../data-types';
import { int64Doubles } from './int64';
import { decoderOf, isNarrowFloat } from './narrow-floats';
import type { NarrowFloat } from './narrow-floats';
import { codes, withTypedArrays } from './typed-arrays';

/**
 * The values of `count` elements as float32. Exact but for int32 and int64 beyond 2^24, which are rounded to nearest.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: more elements than a typed array may have
 */
export function toFloat32Array(type: TensorType, data: TensorData, count: number): Float32Array {
  return withTypedArrays('data', count, () => decoded(type, data, count));
}

function decoded(type: TensorType, data: TensorData, count: number): Float32Array {
  if (isNarrowFloat(type)) return widenedArray(type, codes(data), count);
  switch (type) {
    case 'float32':
    case 'int32':
    case 'int8':
    case 'uint8':
      return new Float32Array(data as TensorDataByType[typeof type]);
    case 'bool':
      return truths(data as Uint8Array);
    case 'int64':
      return new Float32Array(int64Doubles(data as BigInt64Array));
    case 'int4':
      return nibbles(data as Uint8Array, count);
  }
}

function truths(bytes: Uint8Array): Float32Array {
  const result = new Float32Array(bytes.length);
  for (let index = 0; index < bytes.length; ++index) result[index] = bytes[index] === 0 ? 0 : 1;
  return result;
}

function nibbles(bytes: Uint8Array, count: number): Float32Array {
  const result = new Float32Array(count);
  for (let index = 0; index < count; ++index) {
    const code = nibble(bytes, index);
    result[index] = code < 8 ? code : code - 16;
  }
  return result;
}

function widenedArray(
  type: NarrowFloat,
  source: Uint16Array | Uint8Array,
  count: number,
): Float32Array {
  const result = new Float32Array(count);
  const bits = new Uint32Array(result.buffer);
  const decode = decoderOf(type);
  if (elementsPerPosition(type) === 2) {
    for (let index = 0; index < count; ++index) bits[index] = decode(nibble(source, index));
  } else {
    for (let index = 0; index < count; ++index) bits[index] = decode(source[index] as number);
  }
  return result;
}

/** Element `index` of an array that holds two per byte, the first in the low half. */
function nibble(data: Uint16Array | Uint8Array, index: number): number {
  // Not a shift: it would cut the index off at 32 bits.
  const byte = data[Math.floor(index / 2)] as number;
  return index % 2 === 0 ? byte & 0xf : byte >> 4;
}
