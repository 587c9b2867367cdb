import {
  constantArrivals,
  poissonArrivals,
  readTrace,
  traceArrivals,
  type Arrivals,
} from '../bench/arrivals';
import { metricsOfRun } from '../bench/closed-metrics';
import { compareFigures, figuresOfRounds } from '../bench/comparison';
import { servingCost } from '../bench/cost';
import { benchEnvironment } from '../bench/environment';
import { gpuWarnings } from '../bench/gpu-watch';
import { checkLimit, measuredText, type LimitResult } from '../bench/limits';
import { busyConcurrency, loadWarnings, measureLoad, metricsOfLoad } from '../bench/load-run';
import { measureInTurns } from '../bench/measure';
import type { PreparedEngine } from '../bench/prepared-engine';
import type { BenchRecord, BenchRun, EngineComparison, LoadRun, SloResult } from '../bench/record';
import { runOfMeasured } from '../bench/run-of-measured';
import { seededRandom } from '../bench/seeded-random';
import { searchRate } from '../bench/slo-search';
import { plainLoop } from '../benchmark/measure-loops';
import { packageVersion } from '../package-version';
import { withEngines, type LoadedEngine } from './bench-engines';
import { prepareEngine } from './bench-prepare';
import { checkInputFlags } from './make-inputs';
import type { BenchProgress } from './bench-progress';
import type { BenchMode, BenchSettings } from './bench-settings';

/** What the modes measure; the rest of the record is the same for all. */
type Figures = Pick<
  BenchRecord,
  'runs' | 'comparisons' | 'loads' | 'slo' | 'assertions' | 'warnings'
>;

interface Surroundings {
  readonly progress: BenchProgress;
  readonly signal: AbortSignal;
  readonly command: string;
}

/** Everything of `bench` but cold starts and `bench diff`. */
export async function runBench(
  settings: BenchSettings,
  { progress, signal, command }: Surroundings,
): Promise<BenchRecord> {
  const { plans, load, mode } = settings;
  // Read first: a wrong file is told before the GPU is asked.
  const trace = await traceOf(settings);
  return await withEngines(plans, load, async (engines) => {
    signal.throwIfAborted();
    const environment = await benchEnvironment(load.device ?? 0);
    const figures = await figuresOf(mode, settings, engines, trace, { progress, signal });
    return {
      schema: 'trt-node/bench',
      schemaVersion: 1,
      createdAt: new Date().toISOString(),
      version: packageVersion(),
      command,
      environment,
      engines: engines.map(({ facts }) => facts),
      ...figures,
    };
  });
}

type Running = Pick<Surroundings, 'progress' | 'signal'>;

async function figuresOf(
  mode: BenchMode,
  settings: BenchSettings,
  engines: readonly LoadedEngine[],
  trace: readonly number[] | null,
  running: Running,
): Promise<Figures> {
  const [first] = engines;
  switch (mode.kind) {
    case 'rate':
      if (first) return await atRate(settings, mode.durationMs, first, trace, running);
      break;
    case 'slo':
      if (first) return await forSlo(settings, mode, first, running);
      break;
    case 'closed':
    case 'cold-start':
      break;
  }
  return await closedLoops(settings, engines, running);
}

async function closedLoops(
  settings: BenchSettings,
  engines: readonly LoadedEngine[],
  { progress, signal }: Running,
): Promise<Figures> {
  const { batches, concurrencies, convention, warmup, limit, rounds, flags, assertions } = settings;
  const runs: BenchRun[] = [];
  const comparisons: EngineComparison[] = [];
  const total = batches.length * concurrencies.length;
  // A size that the last engine of the sweep does not take is told before the first is measured.
  for (const { engine } of engines) {
    for (const batch of batches) checkInputFlags(engine, flags, batch ?? undefined);
  }
  for (const batch of batches) {
    for (const concurrency of concurrencies) {
      progress.step(stepName(engines.length, batch, concurrency), total);
      await withPrepared(engines, settings, batch, concurrency, async (prepared) => {
        const options = { warmup, limit, concurrency, rounds, signal };
        const measured = await measureInTurns(prepared, options);
        const facts = { convention, batch, concurrency, percentiles: flags.percentile ?? [] };
        for (const [index, each] of prepared.entries()) {
          const figures = measured[index];
          if (figures) runs.push(runOfMeasured(each, figures, facts));
        }
        const rounded = measured.map(figuresOfRounds);
        comparisons.push(
          ...prepared.slice(1).map((each, index): EngineComparison => {
            const figures = compareFigures(rounded[index + 1] ?? [], rounded[0] ?? [], true);
            const verdict = figures[0]?.verdict ?? 'unknown';
            const baseline = prepared[0]?.id ?? '';
            return { engine: each.id, baseline, batch, concurrency, rounds, figures, verdict };
          }),
        );
      });
    }
  }
  return {
    ...{ runs, comparisons, loads: [], slo: null },
    assertions: runs.flatMap((run) =>
      assertions.map((each) => named(checkLimit(each, metricsOfRun(run)), run, runs.length)),
    ),
    warnings: distinct(runs.flatMap(({ gpu }) => gpuWarnings(gpu))),
  };
}

async function atRate(
  settings: BenchSettings,
  durationMs: number | null,
  engine: LoadedEngine,
  trace: readonly number[] | null,
  { progress, signal }: Running,
): Promise<Figures> {
  const { batches, warmup, flags, assertions } = settings;
  const { rate, seed = 0, queueLimit } = flags;
  const arrivals =
    trace === null
      ? arrivalsAt(flags.arrival, rate ?? 1, durationMs ?? 10_000, seed)
      : traceArrivals(trace, rate ?? null, durationMs);
  const batch = batches[0] ?? null;
  const load = await withPrepared([engine], settings, batch, 1, async ([prepared]) => {
    progress.step(`${rateText(arrivals.rate)} for ${(arrivals.durationMs / 1000).toFixed(1)} s`, 1);
    const options = { arrivals, seed, batch, warmup, queueLimit, limits: [], signal };
    return await measureLoad(prepared as PreparedEngine, options);
  });
  return {
    ...{ runs: [], comparisons: [], loads: [load], slo: null },
    assertions: assertions.map((each) => checkLimit(each, metricsOfLoad(load))),
    warnings: [...gpuWarnings(load.gpu), ...loadWarnings(load)],
  };
}

/** No rate is told apart by less. */
const precision = 0.03;

async function forSlo(
  settings: BenchSettings,
  { stepMs, limits }: Extract<BenchMode, { kind: 'slo' }>,
  engine: LoadedEngine,
  { progress, signal }: Running,
): Promise<Figures> {
  const { batches, warmup, flags, assertions } = settings;
  const { seed = 0, targetQps = null, costPerHour = null, queueLimit } = flags;
  const batch = batches[0] ?? null;
  return await withPrepared([engine], settings, batch, 1, async ([first]) => {
    const prepared = first as PreparedEngine;
    progress.step('what it can do at most', 1);
    const most = await capacityOf(prepared, queueLimit, signal);
    const search = await searchRate(
      async (rate): Promise<LoadRun & { readonly holds: boolean }> => {
        const arrivals = arrivalsAt(flags.arrival, rate, stepMs, seed);
        const options = { arrivals, seed, batch, warmup, queueLimit, limits, signal };
        const run = await measureLoad(prepared, options);
        const holds = run.holds === true;
        progress.line(sloStepText(run, holds));
        return { ...run, holds };
      },
      {
        startRate: flags.rate ?? most / 4,
        precision,
        // A step of fewer requests would tell nothing.
        leastRate: Math.min(10_000 / stepMs, most / 4),
        // The event loop gives up long before.
        mostRate: 1e6,
      },
    );
    const { steps, best, failed } = search;
    const slo: SloResult = {
      limits: limits.map(({ text }) => text),
      rate: best?.rate ?? null,
      failedRate: failed?.rate ?? null,
      cost: best === null ? null : servingCost(best.rate, targetQps, costPerHour),
    };
    const shown = best ?? steps.at(-1) ?? null;
    return {
      ...{ runs: [], comparisons: [], loads: steps, slo },
      assertions:
        shown === null ? [] : assertions.map((each) => checkLimit(each, metricsOfLoad(shown))),
      warnings: distinct([
        ...steps.flatMap(({ gpu }) => gpuWarnings(gpu)),
        ...(best === null ? [] : loadWarnings(best)),
      ]),
    };
  });
}

/** Inferences a second when as many are under way as keep every lane busy. */
async function capacityOf(
  { engine, request }: PreparedEngine,
  queueLimit: number | undefined,
  signal: AbortSignal,
): Promise<number> {
  const concurrency = busyConcurrency(engine.lanes, queueLimit);
  const of = { limit: { durationMs: 300 }, concurrency, signal };
  await plainLoop(engine, request, of);
  const { endToEnd, elapsedMs } = await plainLoop(engine, request, of);
  return (endToEnd.length * 1000) / elapsedMs;
}

function arrivalsAt(
  how: string | undefined,
  rate: number,
  durationMs: number,
  seed: number,
): Arrivals {
  return how === 'constant'
    ? constantArrivals(rate, durationMs)
    : poissonArrivals(rate, durationMs, () => seededRandom(seed));
}

async function traceOf({ flags, mode }: BenchSettings): Promise<readonly number[] | null> {
  const { arrival } = flags;
  if (mode.kind !== 'rate' || arrival === undefined) return null;
  return arrival === 'poisson' || arrival === 'constant' ? null : await readTrace(arrival);
}

/** Makes inputs and outputs for every engine, and gives them back however `work` ends. */
async function withPrepared<T>(
  engines: readonly LoadedEngine[],
  { flags, convention }: BenchSettings,
  batch: number | null,
  slots: number,
  work: (prepared: readonly PreparedEngine[]) => Promise<T>,
): Promise<T> {
  const prepared: PreparedEngine[] = [];
  try {
    for (const engine of engines) {
      const options = { flags, convention, batch, slots, idleMs: flags.idleTime || undefined };
      prepared.push(await prepareEngine(engine, options));
    }
    return await work(prepared);
  } finally {
    await Promise.all(prepared.map((each) => each.close()));
  }
}

function named(result: LimitResult, run: BenchRun, runs: number): LimitResult {
  if (runs === 1) return result;
  const batch = run.batch === null ? '' : `, batch ${run.batch}`;
  return {
    ...result,
    limit: `${result.limit} (engine ${run.engine}${batch}, ${run.concurrency} at a time)`,
  };
}

function stepName(engines: number, batch: number | null, concurrency: number): string {
  const what = engines === 1 ? 'measuring' : `measuring ${engines} engines in turns`;
  const size = batch === null ? '' : `, batch ${batch}`;
  return `${what}${size}, ${concurrency} at a time`;
}

function sloStepText(run: LoadRun, holds: boolean): string {
  const limits = run.limits.map(
    ({ limit, value }) => `${limit}: ${measuredText(value, (number) => number.toPrecision(4))}`,
  );
  const failures = run.offered - run.completed;
  const more = failures === 0 ? '' : `, ${failures} not answered`;
  return `  ${rateText(run.rate).padEnd(12)} ${holds ? 'holds' : 'fails'}  ${limits.join(', ')}${more}`;
}

export function rateText(rate: number): string {
  return `${Number(rate.toPrecision(4))}/s`;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
