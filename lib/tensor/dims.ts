import { invalidArgument } from '../errors';

/** The product of `dims`: 1 for a scalar. Beyond 2^53 it is not exact, and no safe integer either. */
export function elementCount(dims: readonly number[]): number {
  // Infinity times a zero that comes later would be NaN.
  if (dims.includes(0)) return 0;
  let count = 1;
  for (const dim of dims) count *= dim;
  return count;
}

/** The index of the first dim that is not a non-negative safe integer; -1 when all are. */
export function firstInvalidDim(dims: readonly unknown[]): number {
  // A plain loop, as every output's dims run through here.
  for (let i = 0; i < dims.length; i += 1) {
    if (!Number.isSafeInteger(dims[i]) || (dims[i] as number) < 0) return i;
  }
  return -1;
}

/** A copy of the caller's `dims`, whose product is a safe integer. */
export function checkedDims(dims: unknown): readonly number[] {
  if (!Array.isArray(dims)) throw invalidArgument('dims', 'an array of integers', dims);
  const given: readonly unknown[] = [...(dims as readonly unknown[])];
  const invalid = firstInvalidDim(given);
  if (invalid !== -1) {
    throw invalidArgument(`dims[${invalid}]`, 'a non-negative safe integer', given[invalid]);
  }
  const copy = given.map((dim) => (dim as number) + 0); // -0 becomes 0
  if (!Number.isSafeInteger(elementCount(copy))) {
    throw invalidArgument('dims', 'dims whose product is below 2^53', given);
  }
  return copy;
}
