import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import type { NativeGraphState, NativeLaneGraphs } from '../../lib/binding';
import { buildEngine } from '../../lib/build';
import {
  isInferTraced,
  traceInfer,
  traceInferSync,
  traceLoad,
} from '../../lib/diagnostics/channels';
import { GraphWatch } from '../../lib/diagnostics/graph-watch';
import type { BuildTrace, InferTrace, LoadTrace } from '../../lib/diagnostics/payloads';
import type { Engine } from '../../lib/engine';
import { loadEngine } from '../../lib/load';
import { recordGraphs, recordTraces } from '../support/channel-records';

const engine = {} as Engine;
const trace = (): InferTrace => ({ engine, method: 'infer', inputs: {}, options: undefined });

describe('trt-node:build and trt-node:load', () => {
  it('tell of a build that is refused, with its model and its error', async () => {
    const told = recordTraces<BuildTrace>('trt-node:build');
    const error: unknown = await buildEngine('/no/such.onnx', { precision: 'fp7' as 'fp16' }).catch(
      (reason: unknown) => reason,
    );
    expect(told.map(([step]) => step)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(new Set(told.map(([, payload]) => payload)).size).toBe(1);
    expect(told[0]?.[1]).toEqual({ model: '/no/such.onnx', error });
    expect(error).toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('tell of a load that succeeds, with what it gave', async () => {
    const told = recordTraces<LoadTrace>('trt-node:load');
    const url = new URL('file:///plans/a.engine');
    expect(await traceLoad(url, () => Promise.resolve(engine))).toBe(engine);
    expect(told.map(([step]) => step)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(told[3]?.[1]).toEqual({ plan: url.href, result: engine });
  });

  it('name the path of what has one, and null for bytes', async () => {
    const told = recordTraces<LoadTrace>('trt-node:load');
    for (const plan of [new Uint8Array(4), { path: '/plans/b.engine' }, undefined]) {
      await traceLoad(plan, () => Promise.resolve(engine));
    }
    const plans = told.filter(([step]) => step === 'start').map(([, { plan }]) => plan);
    expect(plans).toEqual([null, '/plans/b.engine', null]);
  });

  it('change nothing about an error: its stack leads to the caller', async () => {
    recordTraces('trt-node:load');
    async function theCaller(): Promise<void> {
      await loadEngine('');
    }
    const error: unknown = await theCaller().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
    expect((error as Error).stack).toContain('theCaller');
  });
});

describe('trt-node:infer', () => {
  it('is not traced while nobody subscribes, and is as soon as one step is subscribed to', () => {
    expect(isInferTraced()).toBe(false);
    const listener = (): void => undefined;
    subscribe('tracing:trt-node:infer:error', listener);
    expect(isInferTraced()).toBe(true);
    unsubscribe('tracing:trt-node:infer:error', listener);
    expect(isInferTraced()).toBe(false);
  });

  it('gives result or error to the payload, and what the work gave to the caller', async () => {
    const told = recordTraces<InferTrace>('trt-node:infer');
    expect(await traceInfer(trace(), () => Promise.resolve(7))).toBe(7);
    const failure = new Error('it failed');
    await expect(traceInfer(trace(), () => Promise.reject(failure))).rejects.toBe(failure);
    expect(traceInferSync(trace(), () => 8)).toBe(8);
    expect(() =>
      traceInferSync(trace(), () => {
        throw failure;
      }),
    ).toThrow(failure);
    expect(told.map(([step]) => step)).toEqual([
      ...['start', 'end', 'asyncStart', 'asyncEnd'],
      ...['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
      ...['start', 'end'],
      ...['start', 'error', 'end'],
    ]);
    const results = [3, 8, 10, 13].map((index) => told[index]?.[1]);
    expect(results).toEqual([
      { ...trace(), result: 7 },
      { ...trace(), error: failure },
      { ...trace(), result: 8 },
      { ...trace(), error: failure },
    ]);
  });
});

describe('trt-node:graph', () => {
  const lane = (change: Partial<NativeLaneGraphs>): NativeLaneGraphs => ({
    ...{ held: 0, captured: 0, replays: 0, eager: 0, reason: null },
    ...change,
  });
  const state = (...lanes: NativeLaneGraphs[]) => ({
    graphState: (): NativeGraphState => ({ mode: 'auto', lanes }),
  });

  it('asks for nothing while nobody subscribes', () => {
    expect(channel('trt-node:graph').hasSubscribers).toBe(false);
    new GraphWatch().look(engine, {
      graphState: () => expect.unreachable('nobody wants to know'),
    });
  });

  it('tells of captures, each lane’s own, once', () => {
    const told = recordGraphs();
    const watch = new GraphWatch();
    watch.look(engine, state(lane({ eager: 1 }), lane({})));
    expect(told).toEqual([]);
    watch.look(engine, state(lane({ held: 1, captured: 1 }), lane({})));
    watch.look(engine, state(lane({ held: 1, captured: 1, replays: 5 }), lane({})));
    watch.look(engine, state(lane({ held: 1, captured: 1 }), lane({ held: 2, captured: 2 })));
    expect(told).toEqual([
      { engine, kind: 'captured', lane: 0, held: 1, captured: 1, reason: null },
      { engine, kind: 'captured', lane: 1, held: 2, captured: 2, reason: null },
    ]);
  });

  it('tells of graphs that are gone, and of one that took another’s place', () => {
    const told = recordGraphs();
    const watch = new GraphWatch();
    watch.look(engine, state(lane({ held: 2, captured: 2 })));
    told.length = 0;
    watch.look(engine, state(lane({ held: 2, captured: 3 })));
    expect(told.map(({ kind }) => kind)).toEqual(['captured', 'dropped']);
    told.length = 0;
    watch.look(engine, state(lane({ held: 0, captured: 3 })));
    expect(told).toEqual([
      { engine, kind: 'dropped', lane: 0, held: 0, captured: 3, reason: null },
    ]);
  });

  it('tells why an inference runs without, once for each reason', () => {
    const told = recordGraphs();
    const watch = new GraphWatch();
    watch.look(engine, state(lane({ reason: 'the dims depend on the data' })));
    watch.look(engine, state(lane({ reason: 'the dims depend on the data', eager: 9 })));
    watch.look(engine, state(lane({ reason: 'no memory' })));
    expect(told.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['fallback', 'the dims depend on the data'],
      ['fallback', 'no memory'],
    ]);
  });

  it('takes an engine without lanes, as a closed one is, for no change', () => {
    const told = recordGraphs();
    const watch = new GraphWatch();
    watch.look(engine, state(lane({ held: 1, captured: 1 })));
    watch.look(engine, state());
    expect(told).toHaveLength(1);
  });
});
