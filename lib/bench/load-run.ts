import { inferOnce, plainLoop } from '../benchmark/measure-loops';
import type { Limit as LoopLimit } from '../benchmark/options';
import { summarize } from '../benchmark/statistics';
import type { Arrivals } from './arrivals';
import { stateOf } from './environment';
import { momentOf } from './gpu-watch';
import { checkLimit, type Limit, type MetricNames, type Metrics } from './limits';
import { runOpenLoop } from './open-loop';
import type { PreparedEngine } from './prepared-engine';
import type { LoadRun } from './record';

/** What limits of open-loop runs can be about. */
export const loadMetrics: MetricNames = {
  spans: ['latency'],
  main: 'latency',
  scalars: { throughput: '/s', errors: '%', dropped: '%' },
};

export interface LoadOptions {
  readonly arrivals: Arrivals;
  readonly seed: number;
  readonly batch: number | null;
  readonly warmup: LoopLimit;
  /** Of the engine, where it is not the default. */
  readonly queueLimit?: number | undefined;
  /** Of `--slo`; without them, `holds` is null. */
  readonly limits: readonly Limit[];
  readonly signal: AbortSignal;
}

/** A generator that is later than this share of the median latency is in the figures. */
const lagShare = 0.1;

/** Where more of the requests than this share wait when the load ends, and more than the lanes can have at hand, the backlog grows. */
const waitingShare = 0.05;

/** Runs an engine under requests that arrive when the schedule says so. */
export async function measureLoad(
  prepared: PreparedEngine,
  { arrivals, seed, batch, warmup, queueLimit, limits, signal }: LoadOptions,
): Promise<LoadRun> {
  const { id, engine, request, shapes } = prepared;
  const concurrency = busyConcurrency(engine.lanes, queueLimit);
  await plainLoop(engine, request, { limit: warmup, concurrency, signal });
  const before = momentOf(await stateOf(engine.device.index));
  const result = await runOpenLoop(() => inferOnce(engine, request(0)), arrivals, { signal });
  const after = momentOf(await stateOf(engine.device.index));
  const { offered, completed, dropped, errors, samples, lagMs, backlog } = result;
  const latency = completed === 0 ? null : summarize(samples.latencyMs);
  const run: LoadRun = {
    engine: id,
    arrival: arrivals.kind,
    ...{ seed, shapes, batch, offered, completed, dropped, errors, backlog, latency },
    rate: arrivals.rate,
    durationMs: arrivals.durationMs,
    achievedRate: result.achievedRate,
    lag: offered === 0 ? null : summarize(lagMs),
    cpuPerInference: null,
    gpu: [before, after],
    holds: null,
    limits: [],
    samples,
  };
  if (limits.length === 0) return run;
  const checked = limits.map((limit) => checkLimit(limit, metricsOfLoad(run)));
  const failed = unansweredOf(run);
  const keepsUp = backlog.atEnd <= Math.max(2 * engine.lanes, waitingShare * offered);
  return {
    ...run,
    limits: checked,
    holds: offered > 0 && failed === 0 && keepsUp && checked.every(({ holds }) => holds),
  };
}

/** Inferences under way at a time that keep every lane busy, and no more than the queue takes. */
export function busyConcurrency(lanes: number, queueLimit = lanes): number {
  return lanes + Math.min(lanes, queueLimit);
}

/** Of a run with its samples. A request without an answer is endlessly late. */
export function metricsOfLoad(run: LoadRun): Metrics {
  const { offered, samples, achievedRate, dropped } = run;
  const unanswered = unansweredOf(run);
  const share = (count: number): number | null => (offered === 0 ? null : count / offered);
  return {
    main: 'latency',
    spans: { latency: samples?.latencyMs ?? [] },
    scalars: {
      throughput: achievedRate,
      errors: share(unanswered),
      dropped: share(dropped),
    },
    unanswered,
  };
}

/** What makes the figures of a load doubtful. */
export function loadWarnings(run: LoadRun): string[] {
  const { latency, lag, offered } = run;
  const warnings: string[] = [];
  const unanswered = unansweredOf(run);
  if (unanswered > 0) {
    warnings.push(
      `${unanswered} of ${offered} requests were not answered: the latencies shown are of the others, and limits take these as endlessly late`,
    );
  }
  if (latency !== null && lag !== null && lag.p99 > lagShare * latency.p50 && lag.p99 > 0.1) {
    warnings.push(
      `the load generator was up to ${lag.p99.toFixed(2)} ms late (p99), which is in the latency: this machine's processors are busy`,
    );
  }
  if (offered < 100) {
    warnings.push(`only ${offered} requests arrived: p99 is the slowest of them; measure longer`);
  }
  return warnings;
}

/** Refused by a full queue, or failed. */
function unansweredOf({ dropped, errors }: LoadRun): number {
  return Object.values(errors).reduce((total, count) => total + count, dropped);
}
