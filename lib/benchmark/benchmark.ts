import type { InferTiming } from '../engine-facts';
import type { GpuState } from '../gpu-state';
import type { InferOptions } from '../infer-options';
import type { TensorInputs } from '../tensor';
import { inferOnce, plainLoop, timedLoop, type LoopSubject } from './measure-loops';
import { notesOf } from './notes';
import type { CheckedBenchmark } from './options';
import { BenchmarkResult, type BenchmarkSamples, type ColdStart } from './result';
import { summarize } from './statistics';

/** What a benchmark needs of an engine. */
export interface BenchmarkSubject extends LoopSubject {
  /** Of the GPU that it runs on; null where NVML has no answer. */
  gpuState(): Promise<GpuState | null>;
  /** Milliseconds; null where nobody measured. */
  readonly loadMs: number | null;
  /** Whether there was an inference already. */
  readonly hasInferred: boolean;
}

const spanNames = ['queue', 'enqueue', 'h2d', 'compute', 'd2h'] as const;

/**
 * Two loops: one without events for what a caller sees, one with events for where the time goes. Events cost time themselves, so
 * neither figure is taken from the other's loop.
 */
export async function runBenchmark(
  subject: BenchmarkSubject,
  { inputs, infer, warmup, limit, concurrency, samples }: CheckedBenchmark,
): Promise<BenchmarkResult> {
  const coldStart = await measureColdStart(subject, inputs, infer);
  const before = await subject.gpuState();
  const request = { inputs, infer };
  const requestOf = (): typeof request => request;
  const warm = { limit: { iterations: warmup }, concurrency };
  await plainLoop(subject, requestOf, warm);
  const { endToEnd, elapsedMs } = await plainLoop(subject, requestOf, { limit, concurrency });
  await timedLoop(subject, requestOf, warm);
  const timings = await timedLoop(subject, requestOf, { limit, concurrency });
  const gpu = { before, after: await subject.gpuState() };
  const spans = Object.fromEntries(
    spanNames.map((name) => [name, summarize(timings.map((timing) => timing[name]))]),
  ) as Record<(typeof spanNames)[number], ReturnType<typeof summarize>>;
  return new BenchmarkResult({
    settings: {
      warmup,
      iterations: limit.iterations ?? null,
      durationMs: limit.durationMs ?? null,
      concurrency,
    },
    endToEnd: summarize(endToEnd),
    throughput: (endToEnd.length * 1000) / elapsedMs,
    ...spans,
    coldStart,
    gpu,
    samples: samples ? samplesOf(endToEnd, timings) : null,
    excluded: excludedOf(warmup, coldStart),
    notes: notesOf(spans, gpu, concurrency),
  });
}

/** One array for each span. */
export function samplesOf(
  endToEnd: readonly number[],
  timings: readonly InferTiming[],
): BenchmarkSamples {
  const of = (name: (typeof spanNames)[number]): number[] => timings.map((timing) => timing[name]);
  return {
    endToEnd,
    queue: of('queue'),
    enqueue: of('enqueue'),
    h2d: of('h2d'),
    compute: of('compute'),
    d2h: of('d2h'),
  };
}

async function measureColdStart(
  subject: BenchmarkSubject,
  inputs: TensorInputs,
  infer: InferOptions,
): Promise<ColdStart> {
  const { loadMs: load } = subject;
  if (subject.hasInferred) return { load, firstInference: null, total: null };
  const firstInference = await inferOnce(subject, { inputs, infer });
  return { load, firstInference, total: load === null ? null : load + firstInference };
}

function excludedOf(warmup: number, { load, firstInference }: ColdStart): string[] {
  return [
    `${warmup} warm-up inferences before each loop`,
    "JavaScript's copy of ordinary arrays into pinned memory, and of small outputs out of it, is in endToEnd alone",
    'closing device tensors that `outputs` made, which is in throughput alone',
    'CUDA events, and what they cost: endToEnd and throughput are of a loop without them',
    ...(load === null ? ['the load: loadEngine did not make this engine'] : []),
    ...(firstInference === null
      ? ['the first inference: the engine had inferred before the benchmark']
      : ['the first inference, which coldStart has']),
  ];
}
