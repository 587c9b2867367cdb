import { arrayLength, newArray, typedArrayName } from '../data-types';
import type { Float16ArrayLike, TensorDataByType, TensorType } from '../data-types';
import { invalidArgument } from '../errors';
import { toFloat32Array } from './decode';
import { int64Doubles, writeInt64 } from './int64';
import { encoderOf, isNarrowFloat, noCode, oddFloat32Bits } from './narrow-floats';
import type { NarrowFloat } from './narrow-floats';
import { bits32, isBigIntArray, withTypedArrays } from './typed-arrays';
import type { BigIntArray, NumberArray, TypedArray } from './typed-arrays';

type IntegerType = Exclude<TensorType, NarrowFloat | 'float32'>;

/** Where an element stands, for error messages: `values[1][2]`. */
export type PlaceOf = (index: number) => string;

/** Values are converted by so many at a time: JavaScript then reads one kind of array only, out of the first-level cache. */
const chunkElements = 2048;

/**
 * The values of `source` as elements of `type`, in an array of their own.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: a value that `type` cannot express, more elements than a typed array may have
 */
export function encode<T extends TensorType>(
  type: T,
  source: TypedArray,
  placeOf: PlaceOf,
): TensorDataByType[T] {
  const make = (): ArrayBufferView => encoded(type, source, placeOf);
  return withTypedArrays('values', source.length, make) as TensorDataByType[T];
}

function encoded(type: TensorType, source: TypedArray, placeOf: PlaceOf): ArrayBufferView {
  if (type === 'float32') return float32Of(source);
  if (isNarrowFloat(type)) return narrowFloatsOf(type, source, placeOf);
  if (type === 'int64' && isBigIntArray(source)) return int64Of(source, placeOf);
  return integersOf(type, source, placeOf);
}

function float32Of(source: TypedArray): Float32Array {
  // Through `toFloat32Array` half precision keeps its NaN payloads.
  if (isFloat16Array(source)) return toFloat32Array('float16', source, source.length);
  return new Float32Array(isBigIntArray(source) ? int64Doubles(source) : (source as Float32Array));
}

function narrowFloatsOf(type: NarrowFloat, source: TypedArray, placeOf: PlaceOf): ArrayBufferView {
  const count = source.length;
  const codes = new Uint16Array(chunkElements);
  const target = newTarget(type, count);
  const encodeOne = encoderOf(type);
  for (let start = 0; start < count; start += chunkElements) {
    const bits = float32Bits(source, start, Math.min(start + chunkElements, count));
    for (let index = 0; index < bits.length; ++index) {
      const code = encodeOne(bits[index] as number);
      if (code === noCode) {
        const expected =
          type === 'float8e8m0' ? 'a number that is not negative' : 'a number other than NaN';
        throw inexpressible(type, expected, source, start + index, placeOf);
      }
      codes[index] = code;
    }
    target.put(start, codes, bits.length);
  }
  return target.data;
}

/** float32's bits of `source` from `start` to `end`; rounded to odd where a value has more of them. */
function float32Bits(source: TypedArray, start: number, end: number): Uint32Array {
  const part = slice(source, start, end);
  if (typedArrayName(part) === 'Float32Array') return bits32(part as Float32Array);
  if (isFloat16Array(part)) return bits32(toFloat32Array('float16', part, part.length));
  const values = doubles(part);
  const bits = new Uint32Array(values.length);
  for (let index = 0; index < values.length; ++index) {
    bits[index] = oddFloat32Bits(values[index] as number);
  }
  return bits;
}

function integersOf(type: IntegerType, source: TypedArray, placeOf: PlaceOf): ArrayBufferView {
  const count = source.length;
  const { min, max } = ranges[type];
  const target = newTarget(type, count);
  for (let start = 0; start < count; start += chunkElements) {
    const values = doubles(slice(source, start, Math.min(start + chunkElements, count)));
    for (let index = 0; index < values.length; ++index) {
      const value = values[index] as number;
      if (!(value >= min && value <= max && Math.floor(value) === value)) {
        throw inexpressible(type, expectedOf(type), source, start + index, placeOf);
      }
    }
    target.put(start, values, values.length);
  }
  return target.data;
}

function int64Of(source: BigIntArray, placeOf: PlaceOf): BigInt64Array {
  const copy = new BigInt64Array(source);
  if (typedArrayName(source) === 'BigUint64Array') {
    const wrapped = copy.findIndex((element) => element < 0n);
    if (wrapped !== -1) {
      throw inexpressible('int64', 'an integer below 2^63', source, wrapped, placeOf);
    }
  }
  return copy;
}

const ranges: Readonly<Record<IntegerType, { readonly min: number; readonly max: number }>> = {
  int4: { min: -8, max: 7 },
  int8: { min: -128, max: 127 },
  uint8: { min: 0, max: 255 },
  int32: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  // Beyond, a number may already be another integer than the one that was meant.
  int64: { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER },
  bool: { min: 0, max: 1 },
};

function expectedOf(type: IntegerType): string {
  if (type === 'bool') return '0 or 1, true or false';
  if (type === 'int64') return 'a safe integer (beyond 2^53 pass bigints)';
  const { min, max } = ranges[type];
  return `an integer from ${min} to ${max}`;
}

interface Target {
  readonly data: ArrayBufferView;
  /** Stores the first `count` of `elements` from element `start` on; `start` is even. */
  put(start: number, elements: Float64Array | Uint16Array, count: number): void;
}

function newTarget(type: Exclude<TensorType, 'float32'>, count: number): Target {
  const length = arrayLength(type, count);
  switch (type) {
    case 'int4':
    case 'float4e2m1': {
      const data = new Uint8Array(length);
      return { data, put: (start, elements, stored) => pack(data, start, elements, stored) };
    }
    case 'int64': {
      const data = new BigInt64Array(length);
      return {
        data,
        put: (start, elements, stored) => writeInt64(data, start, elements, stored),
      };
    }
    case 'float16': {
      const data = newArray('float16', length);
      const codes = new Uint16Array(data.buffer);
      return { data, put: (start, elements, stored) => copy(codes, start, elements, stored) };
    }
    case 'bfloat16':
    case 'float8e4m3fn':
    case 'float8e8m0':
    case 'int8':
    case 'uint8':
    case 'int32':
    case 'bool': {
      const data = newArray(type, length);
      return { data, put: (start, elements, stored) => copy(data, start, elements, stored) };
    }
  }
}

function copy(
  target: Uint16Array | Uint8Array | Int8Array | Int32Array | Uint8ClampedArray,
  start: number,
  elements: Float64Array | Uint16Array,
  count: number,
): void {
  target.set(elements.subarray(0, count), start);
}

function pack(
  target: Uint8Array,
  start: number,
  elements: Float64Array | Uint16Array,
  count: number,
): void {
  const offset = start / 2;
  for (let index = 0; index < count; index += 2) {
    const low = (elements[index] as number) & 0xf;
    const high = index + 1 < count ? (elements[index + 1] as number) & 0xf : 0;
    target[offset + index / 2] = low | (high << 4);
  }
}

function doubles(source: TypedArray): Float64Array {
  return isBigIntArray(source) ? int64Doubles(source) : new Float64Array(source as Float64Array);
}

function slice(source: TypedArray, start: number, end: number): TypedArray {
  return (source as Float64Array).subarray(start, end);
}

function isFloat16Array(array: NumberArray | BigIntArray): array is Float16ArrayLike {
  return typedArrayName(array) === 'Float16Array';
}

function inexpressible(
  type: TensorType,
  expected: string,
  source: TypedArray,
  index: number,
  placeOf: PlaceOf,
): Error {
  return invalidArgument(placeOf(index), `${expected} (type ${type})`, source[index]);
}
