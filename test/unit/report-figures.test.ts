import { describe, expect, it } from 'vitest';
import { formatColumn, formatNumber } from '../../lib/report/format-value';
import { binSamples } from '../../lib/report/histogram-bins';
import { percentileAxis, tailPosition } from '../../lib/report/percentile-axis';
import { reducePoints } from '../../lib/report/reduce-points';
import { isKnown, percentileOf, samplesOf } from '../../lib/report/samples';

const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);
const samples = (values: readonly number[]) => samplesOf({ name: 'a', values });

describe('numbers for a reader', () => {
  it('have four digits, or are whole', () => {
    expect([0.374123, 1980, 12345.6, 1234.5, 0, -0.5, 1e-5].map(formatNumber)).toEqual([
      ...['0.3741', '1980', '12,346', '1235', '0', '-0.5', '0.00001'],
    ]);
    expect([NaN, Infinity].map(formatNumber)).toEqual(['NaN', 'Infinity']);
  });

  it('have their points below each other in a column', () => {
    expect([0.3741, 0.45, 1.78212].map(formatColumn([0.3741, 0.45, 1.78212]))).toEqual([
      ...['0.3741', '0.4500', '1.7821'],
    ]);
    expect([1, 2, 30].map(formatColumn([1, 2, 30]))).toEqual(['1', '2', '30']);
  });

  it('keep their digits in a column of unlike things', () => {
    const column = [0.3741, 2612, null].filter((value) => value !== null);
    expect(column.map(formatColumn(column))).toEqual(['0.3741', '2612']);
  });

  it('may be very many', () => {
    const column = Array.from({ length: 300_000 }, (_, index) => index + 1);
    expect(formatColumn(column)(7)).toBe('7');
  });
});

describe('bins of a histogram', () => {
  it('hold every sample once, whatever the spread', () => {
    for (const values of [
      [1, 2, 3, 4, 5],
      [3],
      [2, 2, 2, 2],
      [0, 0, 0],
      [-5, -4.5, 12],
      [1e-9, 2e-9, 3e-9],
      Array.from({ length: 5000 }, (_, index) => Math.sin(index) + (index % 1000 === 0 ? 50 : 0)),
    ]) {
      const bins = binSamples([samples(values)]);
      expect(sum(bins?.counts[0] ?? []) + sum(bins?.tail?.counts ?? [])).toBe(values.length);
      expect(bins?.edges).toHaveLength((bins?.counts[0]?.length ?? 0) + 1);
      expect(bins?.edges[0]).toBeLessThanOrEqual(Math.min(...values));
      expect(Math.max(bins?.edges.at(-1) ?? 0, bins?.tail?.to ?? -Infinity)).toBeGreaterThanOrEqual(
        Math.max(...values),
      );
    }
  });

  it('count what lies at an edge into the bin above it', () => {
    // Interquartile range 2 of 4 samples: width 2 · 2 / 4^⅓ = 2.52, above a twelfth of the span: 3 / 12 = 0.25.
    const bins = binSamples([samples([1, 2, 3, 4])]);
    expect(bins?.edges.slice(0, 3)).toEqual([1, 1.25, 1.5]);
    expect(bins?.counts[0]?.[0]).toBe(1);
    expect(bins?.counts[0]?.[4]).toBe(1);
    expect(bins?.counts[0]?.at(-1)).toBe(1);
  });

  it('put far stragglers into a tail, and near ones not', () => {
    const near = Array.from({ length: 1000 }, (_, index) => 1 + index / 1000);
    expect(binSamples([samples([...near, 2.1])])?.tail).toBeNull();
    expect(binSamples([samples([...near, 40])])?.tail).toMatchObject({ to: 40, counts: [1] });
  });

  it('are the same for all series, and none without samples', () => {
    const bins = binSamples([samples([1, 2]), samples([]), samples([9, 10])]);
    expect(bins?.counts.map(sum)).toEqual([2, 0, 2]);
    expect(binSamples([samples([]), samples([NaN])])).toBeNull();
  });
});

describe('samples', () => {
  it('leave out what is no number, and say how many', () => {
    const found = samples([3, NaN, 1, Infinity, 2]);
    expect([...found.ascending]).toEqual([1, 2, 3]);
    expect(found.leftOut).toBe(2);
    expect(percentileOf(found, 50)).toBe(2);
    expect(percentileOf(found, 0)).toBe(1);
  });

  it('know a percentile when some lie above it', () => {
    expect(isKnown(99, 100)).toBe(true);
    expect(isKnown(99.9, 100)).toBe(false);
    expect(isKnown(99.9, 1000)).toBe(true);
  });
});

describe('the axis of percentiles', () => {
  it('gives each nine the same room', () => {
    // -log10(1 - p): 0.9 is 1, 0.99 is 2, 0.999 is 3.
    expect([0, 90, 99, 99.9].map(tailPosition).map((each) => Math.round(each * 1e9) / 1e9)).toEqual(
      [0, 1, 2, 3],
    );
  });

  it('goes as far as the samples do', () => {
    expect(percentileAxis(0)).toEqual([]);
    expect(percentileAxis(1)).toEqual([0]);
    expect(percentileAxis(100).at(-1)).toBe(99);
    expect(percentileAxis(1_000_000).at(-1)).toBe(99.9);
    const axis = percentileAxis(100_000);
    expect(axis).toEqual([...axis].sort((a, b) => a - b));
    expect(axis).toEqual(expect.arrayContaining([0, 50, 75, 90, 95, 99, 99.5, 99.9]));
  });
});

describe('points of a line', () => {
  const line = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ x: index, y: index % 10 }));

  it('stay as they are when there are few', () => {
    const given = [{ x: 1, y: 2, label: 'batch 8' }];
    expect(reducePoints(given)).toEqual(given);
  });

  it('are put together in equal numbers, and no straggler is lost', () => {
    const reduced = reducePoints([...line(999_999), { x: 1_000_000, y: 77 }]);
    expect(reduced).toHaveLength(400);
    expect(sum(reduced.map(({ span }) => span?.count ?? 0))).toBe(1_000_000);
    expect(new Set(reduced.map(({ span }) => span?.count))).toEqual(new Set([2500]));
    expect(reduced[0]).toEqual({ x: 0, y: 4, span: { toX: 2499, low: 0, high: 9, count: 2500 } });
    expect(reduced.at(-1)?.span).toMatchObject({ high: 77, toX: 1_000_000 });
  });

  it('leave out what cannot be drawn', () => {
    expect(
      reducePoints([
        { x: 1, y: NaN },
        { x: Infinity, y: 1 },
        { x: 2, y: 3 },
      ]),
    ).toEqual([{ x: 2, y: 3 }]);
  });
});
