import type { Float16ArrayLike, TensorData, TensorType } from '../data-types';
import { typedArrayName } from '../data-types';
import { TrtError } from '../errors';

export type NumberArray =
  | Float64Array
  | Float32Array
  | Float16ArrayLike
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

export type BigIntArray = BigInt64Array | BigUint64Array;

/** Every typed array of JavaScript. */
export type TypedArray = NumberArray | BigIntArray;

/** As for any value, `undefined` when it is no typed array. */
export function asTypedArray(value: unknown): TypedArray | undefined {
  return typedArrayName(value) === undefined ? undefined : (value as TypedArray);
}

export function isBigIntArray(array: TypedArray): array is BigIntArray {
  const name = typedArrayName(array);
  return name === 'BigInt64Array' || name === 'BigUint64Array';
}

/** Doubles become float32, as plain numbers do; arrays of integers that no tensor type has are not here. */
const naturalTypes: Readonly<Record<string, TensorType>> = {
  Float64Array: 'float32',
  Float32Array: 'float32',
  Float16Array: 'float16',
  Int32Array: 'int32',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  BigInt64Array: 'int64',
};

/** The tensor type that the values of `array` have when none is asked for. */
export function naturalType(array: TypedArray): TensorType | undefined {
  return naturalTypes[typedArrayName(array) ?? ''];
}

/** The same memory as unsigned integers of the elements' width. Nothing is copied. */
export function bits32(array: Float32Array | Int32Array | BigIntArray): Uint32Array {
  return new Uint32Array(array.buffer, array.byteOffset, array.byteLength / 4);
}

/** The elements' codes. Nothing is copied. */
export function codes(array: TensorData | Float16ArrayLike): Uint16Array | Uint8Array {
  const { buffer, byteOffset, length } = array;
  return array.BYTES_PER_ELEMENT === 2
    ? new Uint16Array(buffer, byteOffset, length)
    : new Uint8Array(buffer, byteOffset, length);
}

/**
 * What `make` gives for the `count` elements of `argument`, in typed arrays and views. How many elements these may have is V8's
 * to say (2^32 in Node 20, more in later ones) and the machine's memory's: both end in a RangeError.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function withTypedArrays<Result>(
  argument: string,
  count: number,
  make: () => Result,
): Result {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'RangeError') throw error;
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected as many elements in \`${argument}\` as this Node has typed arrays for but received ${count} ` +
        `(${error.message}). Convert them in parts, each a tensor of its own.`,
      { cause: error, details: { argument, elements: count } },
    );
  }
}
