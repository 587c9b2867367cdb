/** TEST ONLY. Single inferences on engines of stub-models.ts, with what has to come out. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Engine } from '../../lib/engine';
import { counting, everything, pair, vector } from './stub-models';

/** Of `everything`. */
export const inputs = (count: number, from?: number) => ({
  x: vector(counting(count, from)),
  rows: BigInt64Array.of(BigInt(count >> 1)),
});

/** Other numbers each time: whatever an earlier inference left behind is not these. */
let inferences = 0.5;

/** Runs `everything` once and looks at what comes out. */
export async function inferWell(engine: Engine, count: number): Promise<void> {
  const from = (inferences += 1000);
  const outputs = await engine.infer(inputs(count, from));
  const expected = counting(count, from);
  expect(outputs['same']?.data).toEqual(expected);
  expect(outputs['some']?.data).toEqual(expected);
  expect(outputs['first']?.data).toEqual(expected.subarray(0, count >> 1));
}

/** Runs `pair` once and looks at what comes out. */
export async function inferPair(engine: Engine, count: number): Promise<void> {
  inferences += 1000;
  const a = vector(counting(count, inferences));
  const b = vector(counting(count, -inferences));
  const outputs = await engine.infer({ a, b });
  expect(outputs['a out']?.data).toEqual(a.data);
  expect(outputs['b out']?.data).toEqual(b.data);
}

/** Engines with one inference of each, which fails as the engine does. */
export const engines = [
  { what: 'everything', plan: everything, inferOne: inferWell },
  { what: 'a pair', plan: pair, inferOne: inferPair },
];

/** Resolves when so many of the engine's inferences have been given to the GPU. */
export async function begun(engine: Engine, count: number): Promise<void> {
  for (;;) {
    const { eager, replays } = engine.graphs;
    if (eager + replays >= count) return;
    await nextTurn();
  }
}
