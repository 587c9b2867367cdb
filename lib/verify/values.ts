import { elementsPerPosition, type TensorData, type TensorType } from '../data-types';
import type { TensorLike } from '../tensor';
import { toFloat32Array } from '../tensor/decode';
import { elementCount } from '../tensor/dims';

/** Of int64, bigints; of every other type the values, exactly. */
export type Values = Float32Array | Int32Array | BigInt64Array;

/** Elements that are looked at between two turns of the event loop; even, since some types lie two to a byte. */
export const sliceElements = 2 ** 17;

/** Elements `start` to `start + count`; `start` is even. Nothing is copied where the array holds the values as they are. */
export function valuesAt(tensor: TensorLike, start: number, count: number): Values {
  const { type, data } = tensor;
  const perPosition = elementsPerPosition(type);
  const part = sliceOf(data, start / perPosition, Math.ceil((start + count) / perPosition));
  switch (type) {
    case 'float32':
      return part as Float32Array;
    case 'int32':
      return part as Int32Array;
    case 'int64':
      return part as BigInt64Array;
    default:
      return toFloat32Array(type, part, count);
  }
}

/** Positions `start` to `end`. Nothing is copied. */
export function sliceOf(data: TensorData, start: number, end: number): TensorData {
  // Every typed array has it; the type of a Float16Array here does not say so.
  return (data as Uint8Array).subarray(start, end);
}

/** Types whose values are compared with a tolerance, and that have NaN. */
export function isFloating(type: TensorType): boolean {
  switch (type) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
    case 'float8e4m3fn':
    case 'float4e2m1':
    case 'float8e8m0':
      return true;
    case 'int8':
    case 'uint8':
    case 'int32':
    case 'int64':
    case 'bool':
    case 'int4':
      return false;
  }
}

/** The indices of an element by its place in the row-major data. */
export function indicesOf(place: number, dims: readonly number[]): number[] {
  const indices: number[] = [];
  let rest = place;
  for (const dim of dims.toReversed()) {
    indices.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return indices;
}

export function sizeOf({ dims }: TensorLike): number {
  return elementCount(dims);
}

/** The bytes that hold the elements. Nothing is copied. */
export function bytesOf({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
