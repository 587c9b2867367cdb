import { describe, expect, test } from 'vitest';
import {
  mean,
  median,
  percentile,
  standardDeviation,
  summarize,
} from '../../lib/benchmark/statistics';

describe('statistics of the demo and the benchmarks', () => {
  test('mean', () => {
    expect(mean([1, 2, 3, 6])).toBe(3);
  });

  test('standard deviation is the sample one, over n - 1', () => {
    // Squared distances from the mean 5: 9+1+1+1+0+0+4+16 = 32; 32 / 7.
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect(standardDeviation([3])).toBe(0);
  });

  test('percentiles by nearest rank', () => {
    // The example of Wikipedia's "Percentile", nearest-rank method: 15, 20, 35, 40, 50.
    const values = [50, 15, 40, 20, 35];
    expect([5, 30, 40, 50, 100].map((p) => percentile(values, p))).toEqual([15, 20, 20, 35, 50]);
    // With 100 values 1..100 the p-th percentile is p.
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([1, 50, 95, 99, 100].map((p) => percentile(hundred, p))).toEqual([1, 50, 95, 99, 100]);
  });

  test('sorts numbers as numbers and leaves its argument alone', () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  test('summarize says all of it', () => {
    expect(summarize([4, 1, 3, 2])).toEqual({
      count: 4,
      mean: 2.5,
      // 2.25 + 0.25 + 0.25 + 2.25 = 5; 5 / 3
      standardDeviation: Math.sqrt(5 / 3),
      min: 1,
      p50: 2,
      p90: 4,
      p95: 4,
      p99: 4,
      max: 4,
    });
  });

  test('refuses what has no statistics', () => {
    expect(() => mean([])).toThrow(RangeError);
    expect(() => percentile([], 50)).toThrow(RangeError);
    expect(() => summarize([1, NaN])).toThrow(RangeError);
    expect(() => percentile([1, 2], 0)).toThrow(RangeError);
    expect(() => percentile([1, 2], 101)).toThrow(RangeError);
  });
});
