import { describe, expect, it } from 'vitest';
import { compareModels } from '../../lib/compare/compare-models';
import type { Subject } from '../../lib/compare/subject';
import { ErrorHistogram } from '../../lib/compare/error-histogram';
import { OutputComparer } from '../../lib/compare/output-comparison';
import { Tensor, type Tensors } from '../../lib/tensor';

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

  it('orders by tolerances, and by the difference where no tolerance is given', async () => {
    // 2 of 0.5 + 0.5 · 0 allowed, then 10 of 0.5 + 0.5 · 100.
    const runs = [
      [float32([2, 0], [2]), float32([0, 0], [2])],
      [float32([110, 0], [2]), float32([100, 0], [2])],
      [float32([160, 0], [2]), float32([100, 0], [2])],
    ] as const;
    const held = new OutputComparer('y', { atol: 0.5, rtol: 0.5 });
    for (const [a, b] of runs) await held.add(a, b);
    expect(held.result()).toMatchObject({ mismatches: 2, worst: { run: 0, a: 2 } });
    const measured = new OutputComparer('y', null);
    for (const [a, b] of runs) await measured.add(a, b);
    expect(measured.result().worst).toMatchObject({ run: 2, a: 160 });
  });

  it('keeps NaN as the worst of all', async () => {
    const comparer = new OutputComparer('y', null);
    await comparer.add(float32([NaN], [1]), float32([1], [1]));
    await comparer.add(float32([1000], [1]), float32([1], [1]));
    expect(comparer.result().worst).toMatchObject({ run: 0, a: 'NaN' });
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

describe('compareModels', () => {
  it('runs both in the profile that is asked for', async () => {
    const asked: unknown[] = [];
    const subject = (path: string): Subject => ({
      ...{ path, kind: 'engine', runtime: 'TensorRT', profiles: [] },
      inputs: [{ name: 'x', type: 'float32', dims: [1], isShapeTensor: false }],
      outputs: [{ name: 'y', type: 'float32', dims: [1], isShapeTensor: false }],
      infer: (inputs, profile) => {
        asked.push([path, profile]);
        return Promise.resolve({ y: inputs['x'] } as unknown as Tensors);
      },
      close: () => Promise.resolve(),
    });
    async function* inputs() {
      yield await Promise.resolve({ x: float32([1], [1]) });
    }
    for (const profile of [2, null]) {
      const options = { tolerance: null, profile, signal: new AbortController().signal };
      const { runs } = await compareModels(subject('a'), subject('b'), inputs(), options);
      expect(runs).toBe(1);
    }
    expect(asked).toEqual([
      ['a', 2],
      ['b', 2],
      ['a', null],
      ['b', null],
    ]);
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
