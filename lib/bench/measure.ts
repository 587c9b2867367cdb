import { setTimeout as sleep } from 'node:timers/promises';
import { plainLoop, timedLoop, type PlainLoop } from '../benchmark/measure-loops';
import type { Limit } from '../benchmark/options';
import type { InferTiming } from '../engine-facts';
import { stateOf } from './environment';
import { momentOf, type GpuMoment } from './gpu-watch';
import type { PreparedEngine } from './prepared-engine';

export interface MeasureOptions {
  readonly warmup: Limit;
  /** Of each engine and each of the two loops, over all rounds. */
  readonly limit: Limit;
  readonly concurrency: number;
  /** How many blocks the loops are cut into. Several engines take turns with them. */
  readonly rounds: number;
  readonly signal: AbortSignal;
}

/** What one engine's loops gave, one entry a round. */
export interface Measured {
  readonly plain: readonly PlainLoop[];
  readonly timed: readonly (readonly InferTiming[])[];
  readonly gpu: readonly (GpuMoment | null)[];
  /** The engine's counters before the first of these inferences. */
  readonly graphsBefore: { readonly replays: number; readonly eager: number };
}

/** Longer than a lane of waiting `spin` spins behind its last inference: it would take the processor of the engine that is measured next. */
const restMs = 120;

/** After a rest a lane's thread sleeps, and the first inferences wake it. */
const wakeUps = 5;

/**
 * Measures engines in turns, so that drifting clocks and temperature meet all of them; who begins changes every round. First all
 * rounds of `infer`, then all of `inferTimed`, as in `engine.benchmark()`.
 */
export async function measureInTurns(
  engines: readonly PreparedEngine[],
  { warmup, limit, concurrency, rounds, signal }: MeasureOptions,
): Promise<readonly Measured[]> {
  const share = partOf(limit, rounds);
  const several = engines.length > 1;
  const warm = { limit: warmup, concurrency, signal };
  const block = { limit: share, concurrency, signal };
  const wake = { limit: { iterations: wakeUps * concurrency }, concurrency, signal };
  const results = engines.map(({ engine }) => ({
    plain: [] as PlainLoop[],
    timed: [] as (readonly InferTiming[])[],
    gpu: [] as (GpuMoment | null)[],
    graphsBefore: engine.graphs,
  }));
  const look = async (): Promise<void> => {
    for (const [index, { engine }] of engines.entries()) {
      results[index]?.gpu.push(momentOf(await stateOf(engine.device.index)));
    }
  };
  const turns = async (
    loop: (prepared: PreparedEngine, index: number) => Promise<void>,
  ): Promise<void> => {
    for (let round = 0; round < rounds; ++round) {
      for (let turn = 0; turn < engines.length; ++turn) {
        const index = (round + turn) % engines.length;
        const prepared = engines[index];
        if (prepared === undefined) continue;
        if (several) await sleep(restMs, undefined, { signal });
        await loop(prepared, index);
      }
    }
  };

  for (const { engine, request } of engines) await plainLoop(engine, request, warm);
  await look();
  await turns(async ({ engine, request }, index) => {
    if (several) await plainLoop(engine, request, wake);
    results[index]?.plain.push(await plainLoop(engine, request, block));
  });
  await look();
  for (const { engine, request } of engines) await timedLoop(engine, request, warm);
  await turns(async ({ engine, request }, index) => {
    if (several) await timedLoop(engine, request, wake);
    results[index]?.timed.push(await timedLoop(engine, request, block));
  });
  await look();
  return results;
}

function partOf({ iterations, durationMs }: Limit, rounds: number): Limit {
  return {
    ...(iterations === undefined ? {} : { iterations: Math.ceil(iterations / rounds) }),
    ...(durationMs === undefined ? {} : { durationMs: durationMs / rounds }),
  };
}
