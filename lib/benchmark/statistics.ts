/**
 * The statistics of every figure of this project, in one place so that they all mean the same.
 *
 * Percentiles are by nearest rank: the p-th percentile of n values is the ⌈p/100 · n⌉-th smallest, so it is always a value
 * that was measured. The standard deviation is the sample's, over n − 1.
 */

export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** @throws RangeError without values, or with one that is not finite; so do all functions here */
export function mean(values: readonly number[]): number {
  return meanOf(finite(values));
}

/** 0 for a single value. */
export function standardDeviation(values: readonly number[]): number {
  return standardDeviationOf(finite(values));
}

/** By nearest rank; 0 < percent ≤ 100. */
export function percentile(values: readonly number[], percent: number): number {
  return percentileOfSorted(finite(values).sort(), percent);
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

export function summarize(values: readonly number[]): Summary {
  const ascending = finite(values).sort();
  return {
    count: ascending.length,
    mean: meanOf(ascending),
    standardDeviation: standardDeviationOf(ascending),
    min: ascending[0] ?? NaN,
    p50: percentileOfSorted(ascending, 50),
    p90: percentileOfSorted(ascending, 90),
    p95: percentileOfSorted(ascending, 95),
    p99: percentileOfSorted(ascending, 99),
    max: percentileOfSorted(ascending, 100),
  };
}

function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function standardDeviationOf(values: Float64Array): number {
  if (values.length === 1) return 0;
  const middle = meanOf(values);
  let squares = 0;
  for (const value of values) squares += (value - middle) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** Of values that are ascending. */
export function percentileOfSorted(ascending: Float64Array, percent: number): number {
  if (!(percent > 0 && percent <= 100)) {
    throw new RangeError(`expected a percentile above 0 and up to 100 but received ${percent}`);
  }
  // The product is rounded, and up to there it is no next rank: 99.9 % of 1000 is 999.
  const rank = ((percent * ascending.length) / 100) * (1 - 4 * Number.EPSILON);
  return ascending[Math.ceil(rank) - 1] ?? NaN;
}

/** A copy: what is sorted is never the caller's. */
function finite(values: readonly number[]): Float64Array {
  if (values.length === 0) throw new RangeError('expected at least one value but received none');
  for (const value of values) {
    if (!Number.isFinite(value)) throw new RangeError(`expected finite values but found ${value}`);
  }
  return Float64Array.from(values);
}
