/**
 * The statistics that the demo and the benchmarks print, in one place so that they all mean the same.
 *
 * Percentiles are by nearest rank: the p-th percentile of n values is the ⌈p/100 · n⌉-th smallest, so it is always a value
 * that was measured. The standard deviation is the sample's, over n − 1.
 */

/** @param {readonly number[]} values */
export function mean(values) {
  requireValues(values);
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/**
 * 0 for a single value.
 * @param {readonly number[]} values
 */
export function standardDeviation(values) {
  const middle = mean(values);
  if (values.length === 1) return 0;
  let squares = 0;
  for (const value of values) squares += (value - middle) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * By nearest rank; 0 < percent ≤ 100.
 * @param {readonly number[]} values
 * @param {number} percent
 */
export function percentile(values, percent) {
  return percentileOfSorted(sorted(values), percent);
}

/** @param {readonly number[]} values */
export function median(values) {
  return percentile(values, 50);
}

/** @param {readonly number[]} values */
export function summarize(values) {
  const ascending = sorted(values);
  return {
    count: ascending.length,
    mean: mean(ascending),
    standardDeviation: standardDeviation(ascending),
    min: ascending[0],
    p50: percentileOfSorted(ascending, 50),
    p95: percentileOfSorted(ascending, 95),
    p99: percentileOfSorted(ascending, 99),
    max: percentileOfSorted(ascending, 100),
  };
}

function sorted(values) {
  requireValues(values);
  return Float64Array.from(values).sort();
}

function percentileOfSorted(ascending, percent) {
  if (!(percent > 0 && percent <= 100)) {
    throw new RangeError(`expected a percentile above 0 and up to 100 but received ${percent}`);
  }
  return ascending[Math.ceil((percent / 100) * ascending.length) - 1];
}

function requireValues(values) {
  if (values.length === 0) throw new RangeError('expected at least one value but received none');
  for (const value of values) {
    if (!Number.isFinite(value)) throw new RangeError(`expected finite values but found ${value}`);
  }
}
