import type { RatioInterval } from '../benchmark/bootstrap';
import type { BenchmarkSamples } from '../benchmark/result';
import type { Summary } from '../benchmark/statistics';
import type { ServingCost } from './cost';
import type { BenchEnvironment } from './environment';
import type { GpuMoments } from './gpu-watch';
import type { LimitResult } from './limits';

/** What `trt-node bench` measured: what `--json` prints, what `--output` stores, and what `bench diff` reads. Times are milliseconds. */
export interface BenchRecord {
  readonly schema: 'trt-node/bench';
  readonly schemaVersion: 1;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** trt-node's. */
  readonly version: string;
  readonly command: string;
  readonly environment: BenchEnvironment;
  readonly engines: readonly BenchEngine[];
  /** Closed loops: the next request begins when one is done. One for each engine, batch and concurrency. */
  readonly runs: readonly BenchRun[];
  /** Of each further engine with the first one. */
  readonly comparisons: readonly EngineComparison[];
  /** Open loops: requests arrive when the schedule says so. */
  readonly loads: readonly LoadRun[];
  readonly slo: SloResult | null;
  readonly assertions: readonly LimitResult[];
  /** What makes the figures doubtful. */
  readonly warnings: readonly string[];
}

export interface BenchEngine {
  /** `a`, `b`, …: what the other parts of the record call it. */
  readonly id: string;
  readonly path: string;
  readonly sizeBytes: number | null;
  /** Of the plan, from its manifest. */
  readonly sha256: string | null;
  readonly runtime: 'tensorrt' | 'tensorrt-rtx';
  readonly runtimeVersion: string;
  readonly precision: readonly string[] | null;
  readonly lanes: number;
  readonly graphs: 'auto' | 'on' | 'off';
  readonly waiting: 'auto' | 'spin' | 'block';
  /** All of `loadEngine`. */
  readonly loadMs: number;
}

/** trtexec 10 measures with copies, trtexec 11 without, with graphs and spinning. */
export type Convention = '10' | '11';

export interface BenchRun {
  readonly engine: string;
  readonly convention: Convention;
  readonly transfers: boolean;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** What `--batch` set; null: it was not given. */
  readonly batch: number | null;
  readonly concurrency: number;
  readonly inputs: {
    readonly source: 'random' | 'files';
    readonly memory: 'pinned' | 'pageable' | 'device';
  };
  readonly count: number;
  /** Inferences a second. */
  readonly throughput: number;
  /** Times the batch, samples a second; null without `--batch`. */
  readonly samplesPerSecond: number | null;
  readonly endToEnd: Summary;
  readonly queue: Summary;
  readonly enqueue: Summary;
  readonly h2d: Summary;
  readonly compute: Summary;
  readonly d2h: Summary;
  /** h2d, compute and d2h of each inference together: what trtexec calls latency. */
  readonly gpuLatency: Summary;
  /** Those that `--percentile` asked for. */
  readonly percentiles: readonly {
    readonly percent: number;
    readonly endToEnd: number;
    readonly compute: number;
    readonly gpuLatency: number;
  }[];
  /** CPU time of the process by inference. */
  readonly cpuPerInference: {
    readonly userMs: number;
    readonly systemMs: number;
    readonly totalMs: number;
  };
  /** The host takes longer to enqueue the network than 0.8 of its time on the GPU. */
  readonly cpuBound: boolean;
  readonly graphs: {
    readonly held: number;
    /** Of this run and its warm-up. */
    readonly replays: number;
    readonly eager: number;
    readonly reason: string | null;
  };
  readonly gpu: GpuMoments;
  readonly notes: readonly string[];
  readonly samples: BenchmarkSamples | null;
}

export interface EngineComparison {
  readonly engine: string;
  readonly baseline: string;
  readonly batch: number | null;
  readonly concurrency: number;
  readonly rounds: number;
  readonly figures: readonly ComparedFigure[];
  readonly verdict: Verdict;
}

export interface ComparedFigure {
  /** `endToEnd.p50`, `throughput` */
  readonly figure: string;
  readonly value: number;
  readonly baseline: number;
  /** value / baseline */
  readonly ratio: RatioInterval;
  readonly verdict: Verdict;
}

/** `unknown`: there are no samples, or too few, to tell. */
export type Verdict = 'faster' | 'slower' | 'no difference' | 'unknown';

export interface LoadRun {
  readonly engine: string;
  readonly arrival: 'poisson' | 'constant' | 'trace';
  readonly seed: number;
  /** Requests a second that were meant. */
  readonly rate: number;
  readonly durationMs: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly batch: number | null;
  readonly offered: number;
  readonly completed: number;
  readonly dropped: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly achievedRate: number;
  readonly backlog: { readonly most: number; readonly atEnd: number };
  /** From the scheduled arrival to the answer; null: nothing was answered. */
  readonly latency: Summary | null;
  /** By how much the generator was late. */
  readonly lag: Summary | null;
  /** Not known: the generator waits for arrivals by spinning, which is in the CPU time of the process. */
  readonly cpuPerInference: null;
  readonly gpu: GpuMoments;
  /** Of a step of `--slo`: whether the rate held; else null. */
  readonly holds: boolean | null;
  readonly limits: readonly LimitResult[];
  readonly samples: {
    readonly arrivalMs: readonly number[];
    readonly latencyMs: readonly number[];
  } | null;
}

export interface SloResult {
  readonly limits: readonly string[];
  /** The highest rate that held; null: none did. */
  readonly rate: number | null;
  /** The lowest one above it that did not; null: none was found. */
  readonly failedRate: number | null;
  readonly cost: ServingCost | null;
}

/** The name of the engine of this index: a, b, …, z, 27, … */
export function engineId(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : String(index + 1);
}
