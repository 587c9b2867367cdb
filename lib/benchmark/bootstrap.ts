import { mean, percentile } from './statistics';

/** A ratio with the interval that it lies in at 95 % confidence. */
export interface RatioInterval {
  readonly ratio: number;
  /** null: there are too few blocks to say. */
  readonly low: number | null;
  readonly high: number | null;
}

const resamples = 2000;
const leastBlocks = 5;

/**
 * How much larger the figures of `a` are than those of `b`, each a figure of one block of a measurement. Blocks and not single samples are
 * resampled: samples that follow each other are alike, as the clocks are, and would make the interval far too narrow.
 *
 * The ratio is that of the geometric means. `paired`: blocks of the same index were measured next to each other, and are resampled together.
 *
 * @throws RangeError without blocks, or with a figure that is not above 0
 */
export function ratioInterval(
  a: readonly number[],
  b: readonly number[],
  { paired, random }: { readonly paired: boolean; readonly random: () => number },
): RatioInterval {
  const left = a.map(logarithm);
  const right = b.map(logarithm);
  const ratio = Math.exp(mean(left) - mean(right));
  if (Math.min(a.length, b.length) < leastBlocks) return { ratio, low: null, high: null };
  const pick = (count: number): number => Math.floor(random() * count);
  const ratios = Array.from({ length: resamples }, () => {
    if (!paired) return Math.exp(resampledMean(left, pick) - resampledMean(right, pick));
    let sum = 0;
    for (let count = 0; count < left.length; ++count) {
      const index = pick(left.length);
      sum += (left[index] ?? NaN) - (right[index] ?? NaN);
    }
    return Math.exp(sum / left.length);
  });
  return { ratio, low: percentile(ratios, 2.5), high: percentile(ratios, 97.5) };
}

function resampledMean(values: readonly number[], pick: (count: number) => number): number {
  let sum = 0;
  for (let count = 0; count < values.length; ++count) sum += values[pick(values.length)] ?? NaN;
  return sum / values.length;
}

function logarithm(value: number): number {
  if (value > 0 && Number.isFinite(value)) return Math.log(value);
  throw new RangeError(`expected figures above 0 but found ${value}`);
}

/** Contiguous blocks of about equal length, in order; fewer where there are too few values for blocks of at least `leastLength`. */
export function blocksOf<T>(
  values: readonly T[],
  count: number,
  leastLength: number,
): readonly (readonly T[])[] {
  const blocks = Math.max(1, Math.min(count, Math.floor(values.length / leastLength)));
  return Array.from({ length: blocks }, (_, index) =>
    values.slice(
      Math.floor((index * values.length) / blocks),
      Math.floor(((index + 1) * values.length) / blocks),
    ),
  );
}
