/** Element types of tensors. Where ONNX Runtime has a type, its name is the same. */
export const tensorTypes = [
  'float32',
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'float4e2m1',
  'float8e8m0',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
  'int4',
] as const;

export type TensorType = (typeof tensorTypes)[number];

/** What this package needs of a `Float16Array`, for compilers and Node versions that do not know it yet. */
export interface Float16ArrayLike {
  readonly [Symbol.toStringTag]: 'Float16Array';
  readonly BYTES_PER_ELEMENT: number;
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly length: number;
  [index: number]: number;
}

/**
 * The array that holds a tensor's elements, by type.
 *
 * `float16`: a `Float16Array` where this Node has one (24 and up), else a `Uint16Array` with the IEEE 754 half precision
 * bits. Both are accepted as inputs; outputs come as `Float16Array` where there is one.
 * `bfloat16`, `float8e4m3fn`, `float8e8m0`: JavaScript has no array of them, so the bits stand in arrays of integers.
 * `float4e2m1`, `int4`: two elements per byte, the first in the low four bits. Of an odd count, the last byte's high four
 * bits are 0.
 * `bool`: one byte per element, 0 or 1.
 */
export interface TensorDataByType {
  float32: Float32Array;
  float16: Uint16Array | Float16ArrayLike;
  bfloat16: Uint16Array;
  float8e4m3fn: Uint8Array;
  float4e2m1: Uint8Array;
  float8e8m0: Uint8Array;
  int8: Int8Array;
  uint8: Uint8Array | Uint8ClampedArray;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  int4: Uint8Array;
}

export type TensorData = TensorDataByType[TensorType];

type TensorDataConstructor = new (content: ArrayBuffer | number) => TensorData;

interface DataType {
  readonly bits: number;
  /** Names of the typed arrays that may hold it, the usual one first. */
  readonly arrays: readonly string[];
  readonly create: TensorDataConstructor;
}

const float16Array = (globalThis as { Float16Array?: TensorDataConstructor }).Float16Array;

const inBytes = (bits: 4 | 8): DataType => ({ bits, arrays: ['Uint8Array'], create: Uint8Array });

const dataTypes: Readonly<Record<TensorType, DataType>> = {
  float32: { bits: 32, arrays: ['Float32Array'], create: Float32Array },
  float16: {
    bits: 16,
    arrays: float16Array ? ['Float16Array', 'Uint16Array'] : ['Uint16Array', 'Float16Array'],
    create: float16Array ?? Uint16Array,
  },
  bfloat16: { bits: 16, arrays: ['Uint16Array'], create: Uint16Array },
  float8e4m3fn: inBytes(8),
  float4e2m1: inBytes(4),
  float8e8m0: inBytes(8),
  int8: { bits: 8, arrays: ['Int8Array'], create: Int8Array },
  uint8: { bits: 8, arrays: ['Uint8Array', 'Uint8ClampedArray'], create: Uint8Array },
  int32: { bits: 32, arrays: ['Int32Array'], create: Int32Array },
  int64: { bits: 64, arrays: ['BigInt64Array'], create: BigInt64Array },
  bool: inBytes(8),
  int4: inBytes(4),
};

export function isTensorType(value: unknown): value is TensorType {
  return typeof value === 'string' && (tensorTypes as readonly string[]).includes(value);
}

/** 4 for the types that stand two to a byte. */
export function bitsPerElement(type: TensorType): number {
  return dataTypes[type].bits;
}

/** Elements that one position of the type's array holds: 2 for `float4e2m1` and `int4`, else 1. */
export function elementsPerPosition(type: TensorType): 1 | 2 {
  return dataTypes[type].bits === 4 ? 2 : 1;
}

/** Length of the array that holds `elements` elements: half of them, rounded up, for `float4e2m1` and `int4`. */
export function arrayLength(type: TensorType, elements: number): number {
  return Math.ceil(elements / elementsPerPosition(type));
}

/** Bytes that `elements` elements take. Exact as long as it is a safe integer. */
export function byteLengthOf(type: TensorType, elements: number): number {
  const { bits } = dataTypes[type];
  return bits < 8 ? arrayLength(type, elements) : elements * (bits / 8);
}

/** Names of the typed arrays that may hold `type`, the usual one first. */
export function acceptedArrays(type: TensorType): readonly string[] {
  return dataTypes[type].arrays;
}

/** A view of a whole buffer as elements of `type`; nothing is copied. */
export function viewAs(type: TensorType, buffer: ArrayBuffer): TensorData {
  return new dataTypes[type].create(buffer);
}

/** A new array of `length` positions, all 0. */
export function newArray<T extends TensorType>(type: T, length: number): TensorDataByType[T] {
  return new dataTypes[type].create(length) as TensorDataByType[T];
}

/** The getter itself: V8 compiles a call of it to a look at the array, and `infer` makes one for each input. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the array as `this`
const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as (this: unknown) => unknown;

/**
 * `Float32Array` and the like; undefined for anything that is not a typed array. It reads the internal slot, so arrays of
 * another realm count too: test runners that use `vm` contexts make `instanceof Float32Array` false for every array.
 */
export function typedArrayName(value: unknown): string | undefined {
  return typedArrayTag.call(value) as string | undefined;
}

/** Whether `data` is a typed array that may hold elements of `type`. */
export function holds<T extends TensorType>(type: T, data: unknown): data is TensorDataByType[T] {
  const name = typedArrayName(data);
  return name !== undefined && dataTypes[type].arrays.includes(name);
}
