import type { TensorType } from '../data-types';
import { invalidArgument } from '../errors';
import { elementCount } from './dims';
import { asTypedArray, naturalType, withTypedArrays } from './typed-arrays';
import type { TypedArray } from './typed-arrays';

/** A value, an array of values, an array of such arrays, and so on. */
export type NestedArray<Value> = Value | readonly NestedArray<Value>[];

/** What was in nested arrays, in row-major order. */
export interface Flattened {
  readonly array: Float64Array | BigInt64Array;
  readonly dims: readonly number[];
  /** The first of the innermost arrays, where it is a typed one. */
  readonly row: TypedArray | undefined;
  /** The type of such values when none is asked for; undefined where only the caller can say. */
  readonly type: TensorType | undefined;
}

type Level = ArrayLike<unknown>;
type Kind = 'number' | 'bigint' | 'boolean';

const typesByKind: Readonly<Record<Kind, TensorType>> = {
  number: 'float32',
  bigint: 'int64',
  boolean: 'bool',
};

/** Deeper than any tensor: what is deeper is an array that contains itself. */
const deepest = 32;

/** Arrays and values together. V8 ends the process when an array has to grow beyond some 112 million elements. */
const mostNested = 100_000_000;

/**
 * Reads numbers, bigints or booleans out of nested arrays of equal lengths. The innermost arrays may be typed arrays.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: ragged arrays, values of several kinds, other values, more of them than a typed array
 * may have
 */
export function flatten(values: unknown): Flattened {
  const { dims, first, row } = shapeOf(values);
  const count = elementCount(dims);
  const kind = count === 0 ? 'number' : kindOf(first, dims);
  const array = withTypedArrays('values', count, () =>
    kind === 'bigint' ? new BigInt64Array(count) : new Float64Array(count),
  );
  new Reader(dims, array, kind).read(values);
  return { array, dims, row, type: row ? naturalType(row) : typesByKind[kind] };
}

/** The place of element `index`: `values[1][2]`. */
export function placeIn(dims: readonly number[], index: number): string {
  const path: number[] = [];
  let rest = index;
  for (const dim of [...dims].reverse()) {
    path.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return pathName(path);
}

function shapeOf(values: unknown) {
  const dims: number[] = [];
  let row: TypedArray | undefined;
  let first = values;
  for (let level = asLevel(first); level !== undefined; level = asLevel(first)) {
    if (dims.length === deepest) {
      throw invalidArgument('values', `arrays nested at most ${deepest} deep`, values);
    }
    dims.push(level.length);
    row = asTypedArray(level);
    first = level[0];
  }
  return { dims, first, row };
}

function asLevel(value: unknown): Level | undefined {
  return Array.isArray(value) ? (value as readonly unknown[]) : asTypedArray(value);
}

function kindOf(first: unknown, dims: readonly number[]): Kind {
  const kind = typeof first;
  if (kind === 'number' || kind === 'bigint' || kind === 'boolean') return kind;
  throw invalidArgument(placeIn(dims, 0), 'a number, a bigint, a boolean or an array', first);
}

class Reader {
  readonly #dims: readonly number[];
  readonly #array: Float64Array | BigInt64Array;
  readonly #kind: Kind;
  /** The indices of the array that is being read. */
  readonly #path: number[] = [];
  #next = 0;

  constructor(dims: readonly number[], array: Float64Array | BigInt64Array, kind: Kind) {
    this.#dims = dims;
    this.#array = array;
    this.#kind = kind;
  }

  read(values: unknown): void {
    if (this.#dims.length === 0) this.#row([values]);
    else this.#level(values);
  }

  #level(value: unknown): void {
    const depth = this.#path.length;
    const level = this.#checkedLevel(value, this.#dims[depth] as number);
    if (depth === this.#dims.length - 1) {
      this.#row(level);
      return;
    }
    for (let index = 0; index < level.length; ++index) {
      this.#path.push(index);
      this.#level(level[index]);
      this.#path.pop();
    }
  }

  #checkedLevel(value: unknown, length: number): Level {
    const level = asLevel(value);
    if (level?.length === length) return level;
    const expected = `an array of ${length}, as the first one at this depth,`;
    if (level === undefined) throw invalidArgument(pathName(this.#path), expected, value);
    throw invalidArgument(
      `${pathName(this.#path)}.length`,
      `${length}, as of the first array at this depth,`,
      level.length,
    );
  }

  #row(level: Level): void {
    // The length was checked; a getter or a proxy that changes it meanwhile must not write past it.
    const count = this.#dims.at(-1) ?? 1;
    if (this.#array instanceof BigInt64Array) this.#bigints(level, count, this.#array);
    else this.#numbers(level, count, this.#array);
    this.#next += count;
  }

  #numbers(level: Level, count: number, target: Float64Array): void {
    for (let index = 0; index < count; ++index) {
      const value = level[index];
      if (typeof value !== this.#kind) throw this.#otherKind(index, value);
      target[this.#next + index] = Number(value);
    }
  }

  #bigints(level: Level, count: number, target: BigInt64Array): void {
    for (let index = 0; index < count; ++index) {
      const value = level[index];
      if (typeof value !== 'bigint') throw this.#otherKind(index, value);
      target[this.#next + index] = value;
      if (target[this.#next + index] !== value) {
        throw invalidArgument(this.#place(index), 'an integer from -2^63 to 2^63 - 1', value);
      }
    }
  }

  #otherKind(index: number, value: unknown): Error {
    return invalidArgument(this.#place(index), `a ${this.#kind}, as the first value,`, value);
  }

  #place(index: number): string {
    return pathName(this.#dims.length === 0 ? [] : [...this.#path, index]);
  }
}

function pathName(path: readonly number[]): string {
  return `values${path.map((index) => `[${index}]`).join('')}`;
}

/**
 * Row-major elements as nested arrays; the bare element where there are no dims.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: more dims or arrays than JavaScript can nest
 */
export function nest<Value>(
  dims: readonly number[],
  elementAt: (index: number) => Value,
): NestedArray<Value> {
  checkNestable(dims);
  let next = 0;
  const level = (depth: number): NestedArray<Value> => {
    const count = dims[depth];
    if (count === undefined) return elementAt(next++);
    const isRow = depth === dims.length - 1;
    const result: NestedArray<Value>[] = [];
    for (let index = 0; index < count; ++index) {
      result.push(isRow ? elementAt(next++) : level(depth + 1));
    }
    return result;
  };
  return level(0);
}

/** Dims of 1 or with a 0 among them take no room in `data`, but they do as arrays. */
function checkNestable(dims: readonly number[]): void {
  const instead = '(read `data` with `dims` instead)';
  if (dims.length > deepest) {
    throw invalidArgument('dims', `at most ${deepest} axes for nested arrays ${instead}`, dims);
  }
  let width = 1;
  let nested = 0;
  for (const dim of dims) {
    width *= dim;
    nested += width;
    if (width === 0) return;
    if (nested > mostNested) {
      const expected = `at most ${mostNested} nested arrays and values ${instead}`;
      throw invalidArgument('dims', expected, dims);
    }
  }
}
