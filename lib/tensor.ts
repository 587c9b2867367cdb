import {
  acceptedArrays,
  arrayLength,
  bitsPerElement,
  elementsPerPosition,
  holds,
  isTensorType,
  tensorTypes,
  typedArrayName,
} from './data-types';
import type { Float16ArrayLike, TensorData, TensorDataByType, TensorType } from './data-types';
import type { DeviceTensor } from './device-tensor';
import { invalidArgument } from './errors';
import { giveBack } from './infer/lent-buffers';
import { toFloat32Array } from './tensor/decode';
import { checkedDims, elementCount } from './tensor/dims';
import { encode } from './tensor/encode';
import { flatten, nest, placeIn } from './tensor/nested';
import type { NestedArray } from './tensor/nested';
import { asTypedArray, naturalType } from './tensor/typed-arrays';
import type { TypedArray } from './tensor/typed-arrays';

export { elementCount, firstInvalidDim } from './tensor/dims';

/**
 * Any object of a tensor's shape: a {@link Tensor}, a tensor of ONNX Runtime, a literal. Its `data` lies in row-major
 * order, without gaps.
 */
export interface TensorLike {
  readonly type: TensorType;
  readonly data: TensorData;
  /** Elements per axis; `[]` is a scalar. */
  readonly dims: readonly number[];
}

/** A tensor whose `type` tells which array its `data` is: `if (tensor.type === 'int64') tensor.data[0] + 1n`. */
export type TypedTensor = { [T in TensorType]: Tensor<T> }[TensorType];

/** Tensors by name, as `infer` returns them. */
export type Tensors = Record<string, TypedTensor>;

/** What `infer` takes, by input name. A bare typed array is enough for an input whose dims are all static. */
export type TensorInputs = Readonly<Record<string, TensorLike | TensorData | DeviceTensor>>;

/** What {@link Tensor.from} reads: a value, a typed array, or arrays of them as deep as the tensor has axes. */
export type TensorValues = NestedArray<number | bigint | boolean | TypedArray>;

/** What {@link Tensor.toNested} gives for a type. */
export type NestedTensor<T extends TensorType> = T extends 'int64'
  ? NestedArray<bigint>
  : T extends 'bool'
    ? NestedArray<boolean>
    : NestedArray<number>;

/**
 * A tensor in memory of the CPU. The constructor keeps `data`, it does not copy it.
 *
 * @typeParam D dims as the compiler knows them, of an engine with types (see {@link ModelTypes}); any dims otherwise
 */
export class Tensor<
  T extends TensorType = TensorType,
  D extends readonly number[] = readonly number[],
> implements TensorLike {
  readonly type: T;
  readonly data: TensorDataByType[T];
  readonly dims: D;

  /**
   * @param type one of the names of {@link TensorType}
   * @param data the elements in row-major order, in the typed array that belongs to `type`. Of `float4e2m1` and `int4` each
   * byte holds two, the first in its low half; of an odd count the last byte's high half is 0.
   * @param dims elements per axis; one axis with all elements when left out. For `float4e2m1` and `int4` these are then
   * two for each byte: an odd count needs dims.
   * @throws TrtError `ERR_TRT_INVALID_ARG`: unknown type, an array that cannot hold the type, dims that are not
   * non-negative integers or whose product is not the number of elements
   */
  constructor(type: T, data: TensorDataByType[T], dims?: NoInfer<D>) {
    checkType(type);
    if (!holds(type, data)) {
      throw invalidArgument('data', `a ${acceptedArrays(type).join(' or ')} (type ${type})`, data);
    }
    this.type = type;
    this.data = data;
    const checked =
      dims === undefined
        ? [data.length * elementsPerPosition(type)]
        : dimsOf(type, dims, data.length);
    this.dims = checked as D;
  }

  /**
   * A tensor of plain values: `Tensor.from([[1, 2], [3, 4]])`, `Tensor.from(samples, 'float16', [1, 16000])`. The values are
   * copied.
   *
   * Values that the type cannot express exactly are rounded to nearest, ties to even. Too large ones become infinities in
   * `float16` and `bfloat16`, ±448 in `float8e4m3fn` and ±6 in `float4e2m1`, which have none. `float8e8m0` holds powers of two:
   * values are rounded up and held between 2^-127 (0 too) and 2^127. These are ONNX's rules for `Cast`, with one exception:
   * what a type has no way to express at all is an error, never another value.
   *
   * @param values a number, bigint or boolean (a scalar, dims `[]`), a typed array, or arrays of these, nested as deep as the
   * tensor has axes. An empty array is an axis of 0.
   * @throws TrtError `ERR_TRT_INVALID_ARG`, naming the place and the value: arrays of unequal lengths, values of several
   * kinds, a fraction or an integer out of range for an integer type, a number beyond 2^53 for `int64` (pass bigints), NaN for
   * `float4e2m1`, a negative number for `float8e8m0`; an array that could hold values or bits (a `Uint16Array` for
   * `float16`): the constructor takes bits
   */
  static from(values: NestedArray<number> | Float32Array | Float64Array): Tensor<'float32'>;
  static from(values: NestedArray<bigint> | BigInt64Array): Tensor<'int64'>;
  static from(values: NestedArray<boolean>): Tensor<'bool'>;
  static from(values: Float16ArrayLike): Tensor<'float16'>;
  static from(values: Int32Array): Tensor<'int32'>;
  static from(values: Int8Array): Tensor<'int8'>;
  static from(values: Uint8Array | Uint8ClampedArray): Tensor<'uint8'>;
  /**
   * A tensor of plain values in a type of your choice, with the rounding and the errors of `Tensor.from(values)`.
   *
   * @param values a number, bigint or boolean, a typed array, or nested arrays of these
   * @param type the tensor's; without it a typed array's own, else `float32` for numbers, `int64` for bigints, `bool` for booleans
   * @param dims other dims for the same elements
   */
  static from<T extends TensorType, D extends readonly number[] = readonly number[]>(
    values: TensorValues,
    type: T,
    dims?: NoInfer<D>,
  ): Tensor<T, D>;
  static from(values: TensorValues, type?: TensorType, dims?: readonly number[]): Tensor;
  static from(values: unknown, type?: TensorType, dims?: readonly number[]): Tensor {
    if (type !== undefined) checkType(type);
    const array = asTypedArray(values);
    const source = array
      ? { array, dims: [array.length], row: array, type: naturalType(array) }
      : flatten(values);
    const chosen = type ?? source.type;
    if (chosen === undefined) throw typeNeeded(source.row);
    if (source.row && couldBeBits(chosen, source.row)) throw bitsOrValues(chosen, source.row);
    const shape = dims === undefined ? source.dims : checkedDims(dims);
    if (elementCount(shape) !== source.array.length) {
      throw invalidArgument('dims', `dims whose product is ${source.array.length}`, dims);
    }
    const data = encode(chosen, source.array, (index) => placeIn(source.dims, index));
    return new Tensor(chosen, data, shape);
  }

  /** Where `data` lies. */
  get location(): 'cpu' {
    return 'cpu';
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.dims);
  }

  /** `data`, which is there already. A tensor on a GPU has the same method. */
  getData(): Promise<TensorDataByType[T]> {
    return Promise.resolve(this.data);
  }

  /**
   * Says that `data` is not needed any more. Pinned memory (of `engine.allocate`, and of outputs from 64 KiB on) goes back to the
   * engine's pool, and every array on it is detached. Of other tensors nothing changes.
   */
  close(): void {
    giveBack(this.data.buffer);
  }

  /** `using tensor`: {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * The values as float32, in an array of their own. Exact for every type but `int32` and `int64` beyond 2^24, which are
   * rounded to nearest. `bool` becomes 0 and 1.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG`: the buffer of `data` was transferred or resized
   */
  toFloat32(): Float32Array {
    return toFloat32Array(this.type, this.#wholeData(), this.size);
  }

  /**
   * The values as nested arrays, as deep as there are dims; a bare value for a scalar. Bigints for `int64`, booleans for `bool`,
   * numbers for every other type.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG`: the buffer of `data` was transferred or resized; more than 32 axes, or more than
   * 10^8 arrays and values
   */
  toNested(): NestedTensor<T> {
    return this.#nested() as NestedTensor<T>;
  }

  #nested(): NestedArray<number | bigint | boolean> {
    const data = this.#wholeData();
    switch (this.type) {
      case 'int64': {
        const integers = data as BigInt64Array;
        return nest(this.dims, (index) => integers[index] as bigint);
      }
      case 'bool': {
        const bytes = data as Uint8Array;
        return nest(this.dims, (index) => bytes[index] !== 0);
      }
      case 'int32': {
        // float32 does not hold all of them.
        const integers = data as Int32Array;
        return nest(this.dims, (index) => integers[index] as number);
      }
      default: {
        const values = toFloat32Array(this.type, data, this.size);
        return nest(this.dims, (index) => values[index] as number);
      }
    }
  }

  #wholeData(): TensorData {
    const expected = arrayLength(this.type, this.size);
    if (this.data.length === expected) return this.data;
    throw invalidArgument(
      'data.length',
      `${expected} (the buffer was neither transferred nor resized)`,
      this.data.length,
    );
  }
}

function checkType(type: unknown): void {
  if (!isTensorType(type)) {
    throw invalidArgument('type', `one of ${tensorTypes.join(', ')}`, type);
  }
}

function dimsOf(type: TensorType, dims: unknown, length: number): readonly number[] {
  const checked = checkedDims(dims);
  if (arrayLength(type, elementCount(checked)) === length) return checked;
  const expected =
    elementsPerPosition(type) === 1
      ? `dims whose product is ${length}, the length of \`data\``
      : `dims whose product is ${2 * length} or ${2 * length - 1}, two for each byte of \`data\`,`;
  throw invalidArgument('dims', expected, dims);
}

/** Whether `array` is what the constructor takes for codes of `type`, which are not their values. */
function couldBeBits(type: TensorType, array: TypedArray): boolean {
  switch (type) {
    case 'float16':
    case 'bfloat16':
      return typedArrayName(array) === 'Uint16Array';
    case 'float8e4m3fn':
    case 'float8e8m0':
    case 'float4e2m1':
    case 'int4':
      return typedArrayName(array) === 'Uint8Array';
    default:
      return false;
  }
}

function bitsOrValues(type: TensorType, array: TypedArray): Error {
  const name = typedArrayName(array);
  return invalidArgument(
    'values',
    `an array whose numbers are surely values (a ${name} could hold ${bitsPerElement(type)}-bit codes: ` +
      `for codes call new Tensor('${type}', data, dims), for values pass Array.from(array))`,
    array,
  );
}

function typeNeeded(array: TypedArray | undefined): Error {
  return invalidArgument('type', `a type, as ${typedArrayName(array)} belongs to none,`, undefined);
}
