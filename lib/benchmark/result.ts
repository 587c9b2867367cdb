import type { GpuState } from '../gpu-state';
import type { Summary } from './statistics';
import { benchmarkTable } from './table';

/** What {@link BenchmarkResult} is made of. */
export interface BenchmarkFigures {
  readonly settings: BenchmarkSettings;
  readonly endToEnd: Summary;
  readonly throughput: number;
  readonly queue: Summary;
  readonly enqueue: Summary;
  readonly h2d: Summary;
  readonly compute: Summary;
  readonly d2h: Summary;
  readonly coldStart: ColdStart;
  readonly gpu: { readonly before: GpuState | null; readonly after: GpuState | null };
  readonly samples: BenchmarkSamples | null;
  readonly excluded: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Every single measurement, in milliseconds and in the order of completion. `endToEnd` is of the loop without events: its inferences are not those of
 * the others, which belong together by index.
 */
export interface BenchmarkSamples {
  readonly endToEnd: readonly number[];
  readonly queue: readonly number[];
  readonly enqueue: readonly number[];
  readonly h2d: readonly number[];
  readonly compute: readonly number[];
  readonly d2h: readonly number[];
}

export interface BenchmarkSettings {
  readonly warmup: number;
  /** null: the loops ended after `durationMs`. */
  readonly iterations: number | null;
  readonly durationMs: number | null;
  readonly concurrency: number;
}

/** Milliseconds, wall clock. */
export interface ColdStart {
  /** Of `loadEngine`, from the call to the engine. null: the engine was not made by it. */
  readonly load: number | null;
  /** Of the engine's first inference. null: it had inferred before, so that there was none to measure. */
  readonly firstInference: number | null;
  /** Both together; null where one is. */
  readonly total: number | null;
}

/** What `engine.benchmark()` measured. All times are milliseconds; percentiles are by nearest rank. */
export class BenchmarkResult implements BenchmarkFigures {
  readonly settings: BenchmarkSettings;
  /** Wall clock in JavaScript, from the call of `infer` until its promise is resolved, of a loop without CUDA events. */
  readonly endToEnd: Summary;
  /** Inferences a second in the same loop, by its wall clock; times the batch size it is samples a second. */
  readonly throughput: number;
  /** From submission until a lane took it (host clock), of a loop of `inferTimed`, as the following. */
  readonly queue: Summary;
  /** Handing the network to the driver (host clock): beside the GPU's work, not before it. */
  readonly enqueue: Summary;
  /** Inputs to the GPU, between CUDA events. */
  readonly h2d: Summary;
  /** The network, between CUDA events. */
  readonly compute: Summary;
  /** Outputs back, between CUDA events. */
  readonly d2h: Summary;
  readonly coldStart: ColdStart;
  /** What NVML said of the engine's GPU before the first loop and after the last: clocks, temperature, power; null without NVML. */
  readonly gpu: { readonly before: GpuState | null; readonly after: GpuState | null };
  /** With the option `samples`; else null. */
  readonly samples: BenchmarkSamples | null;
  /** What is in none of the figures, or in some alone. */
  readonly excluded: readonly string[];
  /** What the figures suggest: an engine bound by its launches, copies longer than the network, unstable clocks. */
  readonly notes: readonly string[];

  /** @internal `engine.benchmark()` makes it. */
  constructor(figures: BenchmarkFigures) {
    this.settings = figures.settings;
    this.endToEnd = figures.endToEnd;
    this.throughput = figures.throughput;
    this.queue = figures.queue;
    this.enqueue = figures.enqueue;
    this.h2d = figures.h2d;
    this.compute = figures.compute;
    this.d2h = figures.d2h;
    this.coldStart = figures.coldStart;
    this.gpu = figures.gpu;
    this.samples = figures.samples;
    this.excluded = figures.excluded;
    this.notes = figures.notes;
  }

  /** The figures as text, for a person. */
  toTable(): string {
    return benchmarkTable(this);
  }
}
