import { percentileOfSorted, summarize, type Summary } from '../benchmark/statistics';
import type { SampleSeries } from './document';

/** One series of samples, ready to be asked. Values that are no finite number are left out and counted. */
export interface Samples {
  readonly name: string;
  readonly ascending: Float64Array;
  readonly leftOut: number;
}

export function samplesOf(series: SampleSeries): Samples {
  const known = sorted.get(series);
  if (known !== undefined) return known;
  const { name, values } = series;
  const ascending = Float64Array.from(values.filter(Number.isFinite)).sort();
  const samples = { name, ascending, leftOut: values.length - ascending.length };
  sorted.set(series, samples);
  return samples;
}

/** Chart, tables and sentences of a section all ask, and sorting a million samples takes a while. */
const sorted = new WeakMap<SampleSeries, Samples>();

/** Null for a series without samples. */
export function summaryOf({ ascending }: Samples): Summary | null {
  return ascending.length === 0 ? null : summarize(Array.from(ascending));
}

/** By nearest rank, as all figures of trt-node; null without samples. 0 asks for the smallest. */
export function percentileOf({ ascending }: Samples, percent: number): number | null {
  if (ascending.length === 0) return null;
  return percent === 0 ? (ascending[0] ?? null) : percentileOfSorted(ascending, percent);
}

/** The percentiles that people name. */
export const namedPercentiles = [50, 75, 90, 95, 99, 99.9] as const;

/** Whether that percentile is another sample than the largest one: with 100 samples the 99.9th would be. */
export function isKnown(percent: number, count: number): boolean {
  return count * (1 - percent / 100) >= 1 - 1e-9;
}
