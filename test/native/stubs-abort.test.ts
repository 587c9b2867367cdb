import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/engine';
import { rejectionOf } from '../support/native-host';
import { expectNothingHeld } from '../support/stub-held';
import { loadStub, setFaults } from '../support/stub-host';
import { begun } from '../support/stub-inferences';
import { counting, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';

beforeEach(() => {
  setFaults();
});
afterEach(async () => {
  setFaults();
  await expectNothingHeld();
});

const x = vector(counting(5));
/** Of 4 MiB: it is copied in four slices, with a turn of the event loop between two. */
const large = vector(counting(1 << 20));

/** Counts how often the promise settles, and says how. */
function watched<T>(promise: Promise<T>): { settled: string[]; end: Promise<unknown> } {
  const settled: string[] = [];
  const end = promise.then(
    () => settled.push('resolved'),
    () => settled.push('rejected'),
  );
  return { settled, end };
}

/** What was given up has given back all that it took: as much as at first can be queued. */
async function expectWhole(engine: Engine, queueLimit: number): Promise<void> {
  const ends = await Promise.all(Array.from({ length: queueLimit }, () => engine.infer({ x })));
  for (const { y } of ends) expect(y?.data).toEqual(x.data);
  expect((await engine.infer({ x: large }))['y']?.dims).toEqual(large.dims);
}

describe.each(stubAbis)('#44 a signal under %s', (abi) => {
  const queueLimit = 6;
  const load = (delay: number) =>
    loadStub(abi, { ...identity, delay }, { lanes: 1, queueLimit, graphs: 'off' });

  it.each([{ x }, { x: large }])(
    'that was aborted before: nothing is asked of the engine',
    async (inputs) => {
      await using engine = await load(0);
      const reason = new Error('not now');
      const { graphs } = engine;
      const signal = AbortSignal.abort(reason);
      expect(await rejectionOf(engine.infer(inputs, { signal }))).toBe(reason);
      expect(await rejectionOf(engine.inferTimed(inputs, { signal }))).toBe(reason);
      expect(await rejectionOf(() => engine.inferSync(inputs, { signal }))).toBe(reason);
      expect(engine.graphs).toEqual(graphs);
      await expectWhole(engine, queueLimit);
    },
  );

  it.each([0, 1, 2, 3])('while inputs are copied (after %i turns)', async (turns) => {
    await using engine = await load(0);
    const controller = new AbortController();
    const reason = new Error('enough');
    const inference = engine.infer({ x: large }, { signal: controller.signal });
    const { settled, end } = watched(inference);
    for (let i = 0; i < turns; i += 1) await nextTurn();
    controller.abort(reason);
    expect(await rejectionOf(inference)).toBe(reason);
    await end;
    await expectWhole(engine, queueLimit);
    expect(settled).toEqual(['rejected']);
  });

  it('while it is queued: it never runs, and its place is free at once', async () => {
    await using engine = await load(100_000);
    const first = engine.infer({ x });
    const controllers = Array.from({ length: queueLimit - 1 }, () => new AbortController());
    const queued = controllers.map(({ signal }) => watched(engine.infer({ x }, { signal })));
    for (const controller of controllers) controller.abort();
    // As many again: without their places that were too many.
    const again = controllers.map(() => engine.infer({ x }));
    await Promise.all(queued.map(({ end }) => end));
    expect(queued.map(({ settled }) => settled)).toEqual(controllers.map(() => ['rejected']));
    expect(engine.graphs.eager).toBeLessThanOrEqual(1);
    await Promise.all([first, ...again]);
    expect(engine.graphs.eager).toBe(1 + again.length);
    await expectWhole(engine, queueLimit);
  });

  it('while the GPU is at it: rejected at once, and the engine goes on', async () => {
    await using engine = await load(100_000);
    const controller = new AbortController();
    const running = engine.infer({ x }, { signal: controller.signal });
    const { settled, end } = watched(running);
    await begun(engine, 1);
    let next = false;
    const after = engine.infer({ x }).then(() => (next = true));
    controller.abort('stop');
    expect(await rejectionOf(running)).toBe('stop');
    expect(next).toBe(false);
    await Promise.all([after, end]);
    expect(settled).toEqual(['rejected']);
    await expectWhole(engine, queueLimit);
  });

  it('in the tick of the completion, before and after it: one end each', async () => {
    await using engine = await load(300);
    for (let i = 0; i < 60; i += 1) {
      const controller = new AbortController();
      const inference = engine.infer({ x }, { signal: controller.signal });
      const { settled, end } = watched(inference);
      const until = performance.now() + i * 0.02;
      while (performance.now() < until && settled.length === 0) await nextTurn();
      controller.abort(new Error('late'));
      await end;
      await nextTurn();
      expect(settled).toHaveLength(1);
    }
    await expectWhole(engine, queueLimit);
  });

  it('that is aborted when all is over changes nothing', async () => {
    await using engine = await load(0);
    const controller = new AbortController();
    const { signal } = controller;
    const { y } = await engine.infer({ x }, { signal });
    controller.abort();
    expect(y?.data).toEqual(x.data);
    await nextTurn();
    await expectWhole(engine, queueLimit);
  });

  it('of many requests: each ends once, with the reason', async () => {
    await using engine = await load(50_000);
    const controller = new AbortController();
    const reason = { why: 'all of them' };
    const { signal } = controller;
    const requests = Array.from({ length: queueLimit }, () => engine.infer({ x }, { signal }));
    const all = requests.map(watched);
    await Promise.race(requests);
    controller.abort(reason);
    const ends = await Promise.allSettled(requests);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBe(reason);
    expect(ends.some(({ status }) => status === 'rejected')).toBe(true);
    expect(all.every(({ settled }) => settled.length === 1)).toBe(true);
    await expectWhole(engine, queueLimit);
  });

  it('and a deadline: whichever is first', async () => {
    await using engine = await load(100_000);
    const first = engine.infer({ x });
    const aborted = new AbortController();
    const both = engine.infer({ x }, { signal: aborted.signal, deadlineMs: 60_000 });
    aborted.abort('first');
    expect(await rejectionOf(both)).toBe('first');
    const late = new AbortController();
    const timed = engine.infer({ x }, { signal: late.signal, deadlineMs: 5 });
    expect(await rejectionOf(timed)).toMatchObject({ code: 'ERR_TRT_DEADLINE' });
    late.abort();
    await first;
    await expectWhole(engine, queueLimit);
  });

  it('outlives a close: what was given up before stays given up', async () => {
    const engine = await load(50_000);
    const controller = new AbortController();
    const requests = [0, 1, 2].map(() => engine.infer({ x }, { signal: controller.signal }));
    const ends = requests.map(watched);
    controller.abort();
    await engine.close();
    await Promise.all(ends.map(({ end }) => end));
    expect(ends.map(({ settled }) => settled)).toEqual(requests.map(() => ['rejected']));
  });
});
