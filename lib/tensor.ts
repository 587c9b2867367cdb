import { acceptedArrays, holds, isTensorType, tensorTypes } from './data-types';
import type { TensorData, TensorDataByType, TensorType } from './data-types';
import { invalidArgument } from './errors';

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

/** Tensors by name, as `infer` returns them. */
export type Tensors = Record<string, Tensor>;

/** What `infer` takes, by input name. A bare typed array is enough for an input whose dims are all static. */
export type TensorInputs = Readonly<Record<string, TensorLike | TensorData>>;

/** A tensor in memory of the CPU. The constructor keeps `data`, it does not copy it. */
export class Tensor<T extends TensorType = TensorType> implements TensorLike {
  readonly type: T;
  readonly data: TensorDataByType[T];
  readonly dims: readonly number[];

  /**
   * @param type `float32`, `float16`, `int32`, `int64`, `int8`, `uint8` or `bool`
   * @param data the elements in row-major order, in the typed array that belongs to `type`
   * @param dims elements per axis; one axis with all elements when left out
   * @throws TrtError `ERR_TRT_INVALID_ARG`: unknown type, an array that cannot hold the type, dims that are not
   * non-negative integers or whose product is not the number of elements
   */
  constructor(type: T, data: TensorDataByType[T], dims?: readonly number[]) {
    if (!isTensorType(type)) {
      throw invalidArgument('type', `one of ${tensorTypes.join(', ')}`, type);
    }
    if (!holds(type, data)) {
      throw invalidArgument('data', `a ${acceptedArrays(type).join(' or ')} (type ${type})`, data);
    }
    this.type = type;
    this.data = data;
    this.dims = dims === undefined ? [data.length] : checkedDims(dims, data.length);
  }

  /** Where `data` lies. */
  get location(): 'cpu' {
    return 'cpu';
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.dims);
  }
}

/** The product of `dims`: 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const dim of dims) count *= dim;
  return count;
}

/** The index of the first dim that is not a non-negative safe integer; -1 when all are. */
export function firstInvalidDim(dims: readonly unknown[]): number {
  return Array.from(dims).findIndex((dim) => !Number.isSafeInteger(dim) || (dim as number) < 0);
}

function checkedDims(dims: unknown, length: number): readonly number[] {
  if (!Array.isArray(dims)) throw invalidArgument('dims', 'an array of integers', dims);
  const invalid = firstInvalidDim(dims);
  if (invalid !== -1) {
    throw invalidArgument(`dims[${invalid}]`, 'a non-negative safe integer', dims[invalid]);
  }
  const copy = (dims as number[]).map((dim) => dim + 0); // -0 becomes 0
  if (elementCount(copy) !== length) {
    throw invalidArgument('dims', `dims whose product is ${length}, the length of \`data\``, dims);
  }
  return copy;
}
