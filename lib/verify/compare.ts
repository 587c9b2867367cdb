import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TensorLike } from '../tensor';
import type { Measures } from './metric';
import type { Tolerance } from './tolerance';
import { isFloating, sizeOf, sliceElements, valuesAt, type Values } from './values';

/** An element that is not what it should be. */
export interface Deviation {
  /** In the row-major data. */
  readonly place: number;
  readonly got: number | bigint;
  readonly expected: number | bigint;
  /** How far apart the two may be. */
  readonly tolerance: number;
  readonly difference: number;
  /** How many tolerances they are apart; Infinity where none is allowed. */
  readonly excess: number;
}

/** Of two that no tolerance allows, the one that is further off. */
export function isWorseDeviation(
  a: Pick<Deviation, 'excess' | 'difference'>,
  b: Pick<Deviation, 'excess' | 'difference'>,
): boolean {
  return a.excess > b.excess || (a.excess === b.excess && a.difference > b.difference);
}

export interface Comparison {
  readonly elements: number;
  /** Elements that are not what they should be. */
  readonly mismatches: number;
  /** The one with the largest excess, and of equals the largest difference; null: all agree. */
  readonly worst: Deviation | null;
  readonly measures: Measures;
}

/** Calls `look` for slices of the elements, with turns of the event loop between them. */
async function inSlices(
  elements: number,
  look: (start: number, count: number) => void,
): Promise<void> {
  for (let start = 0; start < elements; start += sliceElements) {
    if (start > 0) await nextTurn();
    look(start, Math.min(sliceElements, elements - start));
  }
}

/** What `got` and `expected`, two tensors of the same dims, have in common. The event loop turns meanwhile. */
export async function compareTensors(
  got: TensorLike,
  expected: TensorLike,
  tolerance: Tolerance,
): Promise<Comparison> {
  const elements = sizeOf(got);
  let largest = 0;
  await inSlices(elements, (start, count) => {
    largest = Math.max(largest, largestFinite(valuesAt(expected, start, count)));
  });
  const exact = !isFloating(got.type);
  const { rtol } = tolerance;
  const atol = tolerance.atol ?? rtol * largest;
  const sums = { difference: 0, got: 0, expected: 0, product: 0 };
  let mismatches = 0;
  let worst: Deviation | null = null;
  let maxAbs = 0;
  await inSlices(elements, (start, count) => {
    const ours = valuesAt(got, start, count);
    const theirs = valuesAt(expected, start, count);
    for (let index = 0; index < count; ++index) {
      const a = ours[index] as number | bigint;
      const b = theirs[index] as number | bigint;
      const value = Number(a);
      const wanted = Number(b);
      const difference = distance(a, b);
      // Not Math.max: NaN is no difference, as two NaN agree.
      if (difference > maxAbs) maxAbs = difference;
      sums.difference += difference * difference;
      sums.got += value * value;
      sums.expected += wanted * wanted;
      sums.product += value * wanted;
      if (difference === 0) continue;
      const allowed = exact ? 0 : atol + rtol * Math.abs(wanted);
      // An infinity that is expected allows no other value.
      if (difference <= allowed && Number.isFinite(difference)) continue;
      mismatches += 1;
      const excess = Number.isFinite(difference) ? difference / allowed : Infinity;
      if (worst === null || isWorseDeviation({ excess, difference }, worst)) {
        const place = start + index;
        worst = { place, got: a, expected: b, tolerance: allowed, difference, excess };
      }
    }
  });
  return { elements, mismatches, worst, measures: measuresOf(sums, maxAbs, largest) };
}

/** Infinity where one of the two is NaN or they are different infinities. */
function distance(a: number | bigint, b: number | bigint): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return Math.abs(Number(a - b));
  const value = Number(a);
  const wanted = Number(b);
  if (value === wanted || (Number.isNaN(value) && Number.isNaN(wanted))) return 0;
  const difference = Math.abs(value - wanted);
  return Number.isNaN(difference) ? Infinity : difference;
}

function largestFinite(values: Values): number {
  let largest = 0;
  for (const element of values) {
    const magnitude = Math.abs(Number(element));
    if (magnitude > largest && magnitude !== Infinity) largest = magnitude;
  }
  return largest;
}

/** Nothing by nothing is no difference; something by nothing is an infinite one. */
function ratio(difference: number, size: number): number {
  return difference === 0 ? 0 : difference / size;
}

function measuresOf(
  sums: { readonly difference: number; got: number; expected: number; product: number },
  maxAbs: number,
  largest: number,
): Measures {
  const same = sums.got === 0 && sums.expected === 0;
  const norms = Math.sqrt(sums.got) * Math.sqrt(sums.expected);
  return {
    maxAbs,
    maxRel: ratio(maxAbs, largest),
    cosine: same ? 1 : norms === 0 ? 0 : sums.product / norms,
    l2: ratio(Math.sqrt(sums.difference), Math.sqrt(sums.expected)),
  };
}

export interface NotFinite {
  readonly elements: number;
  /** Elements that are NaN or infinite. */
  readonly count: number;
  /** The first of them. */
  readonly place: number;
  readonly value: number;
}

/** NaN and infinities in a tensor; null: there is none, or its type has none. */
export async function findNotFinite(tensor: TensorLike): Promise<NotFinite | null> {
  if (!isFloating(tensor.type)) return null;
  const elements = sizeOf(tensor);
  let count = 0;
  let first: { place: number; value: number } | null = null;
  await inSlices(elements, (start, length) => {
    const values = valuesAt(tensor, start, length) as Float32Array;
    for (let index = 0; index < length; ++index) {
      const value = values[index] as number;
      if (Number.isFinite(value)) continue;
      count += 1;
      first ??= { place: start + index, value };
    }
  });
  return first === null
    ? null
    : { elements, count, ...(first as { place: number; value: number }) };
}
