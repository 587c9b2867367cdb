import { describe, expect, it } from 'vitest';
import { ErrorHistogram } from '../../lib/compare/error-histogram';
import { OutputComparer } from '../../lib/compare/output-comparison';
import { Tensor } from '../../lib/tensor';

const float32 = (values: readonly number[], dims: readonly number[]) =>
  new Tensor('float32', Float32Array.from(values), dims);

describe('OutputComparer', () => {
  it('sums up runs, and keeps the worst element of all', async () => {
    const comparer = new OutputComparer('y', { atol: 0.5, rtol: 0 });
    await comparer.add(float32([1, 2], [1, 2]), float32([1, 2.25], [1, 2]));
    // Another place is the largest now, and 2 is beyond the tolerance.
    await comparer.add(float32([1, 5], [1, 2]), float32([6, 3], [1, 2]));
    expect(comparer.result()).toMatchObject({
      elements: 4,
      maxAbs: 5,
      // (0 + 0.25 + 5 + 2) / 4
      meanAbs: 1.8125,
      notFinite: 0,
      argmax: { rows: 2, same: 1 },
      mismatches: 2,
      worst: { run: 1, index: [0, 0], a: 1, b: 6 },
    });
  });

  it('counts what is not finite apart, and lets equal infinities and NaN agree', async () => {
    const comparer = new OutputComparer('y', null);
    const a = float32([NaN, Infinity, 1, NaN], [4]);
    const b = float32([NaN, Infinity, NaN, 2], [4]);
    await comparer.add(a, b);
    expect(comparer.result()).toMatchObject({ notFinite: 2, meanAbs: 0, mismatches: null });
  });

  it('compares integers of 64 bits exactly, and has no argmax for them', async () => {
    const big = 2n ** 60n;
    const comparer = new OutputComparer('ids', { atol: 10, rtol: 0 });
    const tensor = (value: bigint) => new Tensor('int64', BigInt64Array.of(value, 0n), [1, 2]);
    await comparer.add(tensor(big + 1n), tensor(big));
    expect(comparer.result()).toMatchObject({
      maxAbs: 1,
      argmax: null,
      mismatches: 1,
      worst: { a: String(big + 1n), b: String(big) },
    });
  });
});

describe('ErrorHistogram', () => {
  it('counts by powers of ten, and leaves empty ends out', () => {
    const histogram = new ErrorHistogram();
    histogram.add([0, 0.005, 0.02, 0.05, 0, 1e9], [0, 0, 0, 0, 1e-12, 0], 6);
    const bins = histogram.bins().filter(({ elements }) => elements > 0);
    expect(bins.map(({ elements }) => elements)).toEqual([1, 1, 1, 2, 1]);
    expect(histogram.bins().at(1)).toEqual({ above: 0, atMost: 1e-9, elements: 1 });
    expect(histogram.bins().at(-1)).toMatchObject({ above: 1e3, elements: 1 });
    expect(new ErrorHistogram().bins()).toEqual([{ above: 0, atMost: 0, elements: 0 }]);
  });
});
