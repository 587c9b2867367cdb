import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrtError } from '../../lib/errors';
import { expectNothingHeld } from '../support/stub-held';
import { loadStub, setFaults } from '../support/stub-host';
import { counting, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';

beforeEach(() => setFaults());
afterEach(async () => {
  setFaults();
  await expectNothingHeld();
});

// trt-node makes no batches of requests. What is asked of who makes them holds for it all the more.
describe.each(stubAbis)('#46 requests to %s that wait together', (abi) => {
  const count = 60;
  const dimsOf = (request: number): number => 1 + (request % 5);

  it('run one by one, in their order, each with its own dims', async () => {
    await using engine = await loadStub(abi, identity, { lanes: 1, graphs: 'off' });
    const ends: number[] = [];
    await Promise.all(
      Array.from({ length: count }, async (_, request) => {
        const x = counting(dimsOf(request), request + 0.5);
        const { y } = await engine.infer({ x: vector(x) });
        ends.push(request);
        expect(y?.data).toEqual(x);
      }),
    );
    expect(ends).toEqual([...Array(count).keys()]);
    expect(engine.graphs).toMatchObject({ eager: count, replays: 0 });
  });

  it('fail alone', async () => {
    const bad = 20;
    const fail = [{ at: 'enqueueV3', call: bad + 1 }] as const;
    await using engine = await loadStub(abi, { ...identity, fail }, { lanes: 1, graphs: 'off' });
    const ends = await Promise.allSettled(
      Array.from({ length: count }, (_, request) =>
        engine.infer({ x: vector(counting(dimsOf(request), request + 0.5)) }),
      ),
    );
    for (const [request, end] of ends.entries()) {
      if (end.status === 'rejected') {
        expect([request, (end.reason as TrtError).code]).toEqual([bad, 'ERR_TRT_INFER_FAILED']);
      } else {
        expect(end.value['y']?.data).toEqual(counting(dimsOf(request), request + 0.5));
      }
    }
    expect(ends[bad]?.status).toBe('rejected');
  });
});
