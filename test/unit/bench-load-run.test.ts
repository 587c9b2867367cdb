import { describe, expect, it, vi } from 'vitest';
import { constantArrivals } from '../../lib/bench/arrivals';
import { checkLimit, parseLimits } from '../../lib/bench/limits';
import {
  busyConcurrency,
  loadMetrics,
  loadWarnings,
  measureLoad,
  metricsOfLoad,
} from '../../lib/bench/load-run';
import { measureInTurns } from '../../lib/bench/measure';
import type { PreparedEngine } from '../../lib/bench/prepared-engine';
import type { LoadRun } from '../../lib/bench/record';
import { runOfMeasured } from '../../lib/bench/run-of-measured';
import { plainLoop, timedLoop } from '../../lib/benchmark/measure-loops';
import { TrtError } from '../../lib/errors';

// No GPU is asked.
vi.mock('../../lib/bench/environment', () => ({ stateOf: () => Promise.resolve(null) }));

const timing = { queue: 0, enqueue: 0.1, h2d: 0.1, compute: 1, d2h: 0.1, total: 1.2 };

/** Answers in the next turn; once `refuse` is set, every request but each tenth is refused. */
class FakeEngine {
  readonly lanes = 3;
  readonly device = { index: 0 };
  refuse = false;
  mostUnderWay = 0;
  #underWay = 0;
  #inferences = 0;

  get graphs() {
    const eager = Math.min(this.#inferences, 2);
    return { held: 1, replays: this.#inferences - eager, eager, reason: null };
  }

  async infer(): Promise<Record<string, never>> {
    this.#inferences += 1;
    if (this.refuse && this.#inferences % 10 !== 0) throw new TrtError('ERR_TRT_QUEUE_FULL', 'no');
    this.#underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.#underWay -= 1;
    return {};
  }

  async inferTimed(): Promise<{ outputs: Record<string, never>; timing: typeof timing }> {
    return { outputs: await this.infer(), timing };
  }
}

function prepared(engine: FakeEngine): PreparedEngine {
  return {
    ...{ id: 'a', engine, shapes: {}, inputs: { source: 'random', memory: 'pinned' } },
    request: () => ({ inputs: {}, infer: {} }),
    close: () => Promise.resolve(),
  } as unknown as PreparedEngine;
}

const { signal } = new AbortController();

function load(engine: FakeEngine, warmup: number): Promise<LoadRun> {
  return measureLoad(prepared(engine), {
    ...{ arrivals: constantArrivals(2000, 100), seed: 0, batch: null, limits: [], signal },
    warmup: { iterations: warmup },
  });
}

describe('an open loop of an engine', () => {
  it('does not hold a latency that most requests have not', async () => {
    const engine = new FakeEngine();
    engine.refuse = true;
    const run = await load(engine, 0);
    expect(run).toMatchObject({ offered: 200, completed: 20, dropped: 180 });
    const check = (text: string) =>
      parseLimits(text, '--assert', loadMetrics).map((limit) =>
        checkLimit(limit, metricsOfLoad(run)),
      )[0];
    expect(check('p99<1000s')).toMatchObject({ holds: false, value: Infinity });
    expect(check('p50<1000s')).toMatchObject({ holds: false, value: Infinity });
    expect(check('p10<1000s')?.holds).toBe(true);
    expect(check('errors<91%')).toMatchObject({ holds: true, value: 0.9 });
    expect(loadWarnings(run).filter((each) => each.includes('180 of 200'))).toHaveLength(1);
  });

  it('has no warning about answers when all came, and no CPU time', async () => {
    const run = await load(new FakeEngine(), 0);
    expect(run).toMatchObject({ completed: 200, dropped: 0, cpuPerInference: null });
    expect(loadWarnings(run).filter((each) => each.includes('answered'))).toEqual([]);
    expect(metricsOfLoad(run).unanswered).toBe(0);
  });

  it('warms every lane', async () => {
    const engine = new FakeEngine();
    const none = { ...constantArrivals(1, 1), times: () => [] };
    const options = { arrivals: none, seed: 0, batch: null, limits: [], signal };
    await measureLoad(prepared(engine), { ...options, warmup: { iterations: 20 } });
    expect(engine.mostUnderWay).toBe(6);
    // As many as the queue takes.
    expect([0, 2, 100].map((limit) => busyConcurrency(3, limit))).toEqual([3, 5, 6]);
  });
});

describe('a closed loop of an engine', () => {
  it('counts graphs of its own inferences', async () => {
    const each = prepared(new FakeEngine());
    const options = { warmup: { iterations: 2 }, limit: { iterations: 10 }, rounds: 1, signal };
    const facts = { convention: '10', batch: null, concurrency: 1, percentiles: [] } as const;
    const graphs: unknown[] = [];
    for (let count = 0; count < 2; ++count) {
      const [measured] = await measureInTurns([each], { ...options, concurrency: 1 });
      if (measured === undefined) throw new Error('it was measured');
      graphs.push(runOfMeasured(each, measured, facts).graphs);
    }
    expect(graphs).toMatchObject([
      { held: 1, replays: 22, eager: 2 },
      { held: 1, replays: 24, eager: 0 },
    ]);
  });

  it.each([
    ['infer', plainLoop],
    ['inferTimed', timedLoop],
  ])('of %s ends in a rest with the reason of an abort', async (_, loop) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const request = () => {
      setTimeout(() => controller.abort(reason), 5);
      return { inputs: {}, infer: {}, idleMs: 1e6 };
    };
    const options = { limit: { iterations: 5 }, concurrency: 1, signal: controller.signal };
    await expect(loop(new FakeEngine(), request, options)).rejects.toBe(reason);
  });
});
