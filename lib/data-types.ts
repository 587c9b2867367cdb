/** Element types of tensors that this version moves, by the names that DESIGN and ONNX Runtime share. */
export const tensorTypes = [
  'float32',
  'float16',
  'int32',
  'int64',
  'int8',
  'uint8',
  'bool',
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
 * `bool`: one byte per element, 0 or 1.
 */
export interface TensorDataByType {
  float32: Float32Array;
  float16: Uint16Array | Float16ArrayLike;
  int32: Int32Array;
  int64: BigInt64Array;
  int8: Int8Array;
  uint8: Uint8Array | Uint8ClampedArray;
  bool: Uint8Array;
}

export type TensorData = TensorDataByType[TensorType];

type TensorDataConstructor = new (buffer: ArrayBuffer) => TensorData;

interface DataType {
  readonly bytes: number;
  /** Names of the typed arrays that may hold it, the usual one first. */
  readonly arrays: readonly string[];
  readonly create: TensorDataConstructor;
}

const float16Array = (globalThis as { Float16Array?: TensorDataConstructor }).Float16Array;

const dataTypes: Readonly<Record<TensorType, DataType>> = {
  float32: { bytes: 4, arrays: ['Float32Array'], create: Float32Array },
  float16: {
    bytes: 2,
    arrays: float16Array ? ['Float16Array', 'Uint16Array'] : ['Uint16Array', 'Float16Array'],
    create: float16Array ?? Uint16Array,
  },
  int32: { bytes: 4, arrays: ['Int32Array'], create: Int32Array },
  int64: { bytes: 8, arrays: ['BigInt64Array'], create: BigInt64Array },
  int8: { bytes: 1, arrays: ['Int8Array'], create: Int8Array },
  uint8: { bytes: 1, arrays: ['Uint8Array', 'Uint8ClampedArray'], create: Uint8Array },
  bool: { bytes: 1, arrays: ['Uint8Array'], create: Uint8Array },
};

export function isTensorType(value: unknown): value is TensorType {
  return typeof value === 'string' && (tensorTypes as readonly string[]).includes(value);
}

export function bytesPerElement(type: TensorType): number {
  return dataTypes[type].bytes;
}

/** Names of the typed arrays that may hold `type`, the usual one first. */
export function acceptedArrays(type: TensorType): readonly string[] {
  return dataTypes[type].arrays;
}

/** A view of a whole buffer as elements of `type`; nothing is copied. */
export function viewAs(type: TensorType, buffer: ArrayBuffer): TensorData {
  return new dataTypes[type].create(buffer);
}

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;

/**
 * `Float32Array` and the like; undefined for anything that is not a typed array. It reads the internal slot, so arrays of
 * another realm count too: test runners that use `vm` contexts make `instanceof Float32Array` false for every array.
 */
export function typedArrayName(value: unknown): string | undefined {
  return Reflect.get(typedArrayPrototype, Symbol.toStringTag, value) as string | undefined;
}

/** Whether `data` is a typed array that may hold elements of `type`. */
export function holds<T extends TensorType>(type: T, data: unknown): data is TensorDataByType[T] {
  const name = typedArrayName(data);
  return name !== undefined && dataTypes[type].arrays.includes(name);
}
