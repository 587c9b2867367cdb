import { describe, expect, it } from 'vitest';
import type { GraphEvent, InferTrace } from '../../lib/diagnostics/payloads';
import { recordGraphs, recordTraces } from '../support/channel-records';
import { loadStub } from '../support/stub-host';
import { counting, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';

const inputs = (count: number) => ({ x: vector(counting(count)) });
const kinds = (events: readonly GraphEvent[]): string[] => events.map(({ kind }) => kind);

describe.each(stubAbis)('the diagnostics channels with an engine of %s', (abi) => {
  it('tell of an inference what it was given and what it gave', async () => {
    const engine = await loadStub(abi, identity);
    const told = recordTraces<InferTrace>('trt-node:infer');
    const given = inputs(5);
    const options = { outputs: ['y'] };
    const outputs = await engine.infer(given, options);
    expect(told.map(([step]) => step)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    const trace = told[0]?.[1];
    expect(trace).toEqual({ engine, method: 'infer', inputs: given, options, result: outputs });
    expect([trace?.engine, trace?.inputs, trace?.result]).toEqual([engine, given, outputs]);

    told.length = 0;
    const timed = await engine.inferTimed(given);
    expect(told.at(-1)?.[1]).toMatchObject({ method: 'inferTimed', result: timed });
    told.length = 0;
    const now = engine.inferSync(given);
    expect(told.map(([step]) => step)).toEqual(['start', 'end']);
    expect(told[1]?.[1]).toMatchObject({ method: 'inferSync', result: now });
    await engine.close();
  });

  it('tell of one that is refused or fails, and change nothing about its error', async () => {
    const engine = await loadStub(abi, {
      ...identity,
      fail: [{ at: 'enqueueV3', andLater: true }],
    });
    const told = recordTraces<InferTrace>('trt-node:infer');
    for (const given of [{}, inputs(5)]) {
      told.length = 0;
      const error: unknown = await engine.infer(given).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: 'x' in given ? 'ERR_TRT_INFER_FAILED' : 'ERR_TRT_INPUT_MISSING',
      });
      const expected = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];
      expect(told.map(([step]) => step)).toEqual(expected);
      expect(told[2]?.[1].error).toBe(error);
      told.length = 0;
      expect(() => engine.inferSync(given)).toThrow();
      expect(told.map(([step]) => step)).toEqual(['start', 'error', 'end']);
    }
    await engine.close();
  });

  it('tell of a graph with the inference behind which it was captured', async () => {
    const engine = await loadStub(abi, identity, { lanes: 1, graphs: { max: 1 } });
    const told = recordGraphs();
    await engine.infer(inputs(5));
    expect(told).toEqual([]);
    await engine.infer(inputs(5));
    const event = { engine, lane: 0, reason: null };
    expect(told).toEqual([{ ...event, kind: 'captured', held: 1, captured: 1 }]);
    told.length = 0;
    engine.inferSync(inputs(4));
    engine.inferSync(inputs(4));
    // There is room for one.
    expect(kinds(told)).toEqual(['captured', 'dropped']);
    expect(told[0]).toMatchObject({ held: 1, captured: 2 });
    await engine.close();
  });

  it('tell why an engine runs without graphs', async () => {
    const engine = await loadStub(abi, { ...identity, captureUnsafe: true }, { lanes: 1 });
    const told = recordGraphs();
    await engine.warmup();
    expect(told).toEqual([
      { engine, kind: 'fallback', lane: 0, held: 0, captured: 0, reason: engine.graphs.reason },
    ]);
    expect(engine.graphs.reason).not.toBeNull();
    await engine.close();
  });
});
