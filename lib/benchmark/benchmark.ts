import { isDeviceTensor } from '../device-tensor';
import type { AnyTensor } from '../device-tensor';
import type { InferTiming } from '../engine-facts';
import type { GpuState } from '../gpu-state';
import type { InferOptions } from '../infer-options';
import type { TensorInputs } from '../tensor';
import { runLoop } from './loop';
import { notesOf } from './notes';
import type { CheckedBenchmark } from './options';
import { BenchmarkResult, type ColdStart } from './result';
import { summarize } from './statistics';

type Outputs = Readonly<Record<string, AnyTensor>>;

/** What a benchmark needs of an engine. */
export interface BenchmarkSubject {
  infer(inputs: TensorInputs, options: InferOptions): Promise<Outputs>;
  inferTimed(
    inputs: TensorInputs,
    options: InferOptions,
  ): Promise<{ readonly outputs: Outputs; readonly timing: InferTiming }>;
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
  { inputs, infer, warmup, limit, concurrency }: CheckedBenchmark,
): Promise<BenchmarkResult> {
  const coldStart = await measureColdStart(subject, inputs, infer);
  const before = await subject.gpuState();

  const plain = async (): Promise<number> => {
    const start = performance.now();
    const outputs = await subject.infer(inputs, infer);
    const elapsed = performance.now() - start;
    await closeNew(outputs, infer);
    return elapsed;
  };
  await runLoop(plain, { iterations: warmup }, concurrency);
  const wall: number[] = [];
  const elapsedMs = await runLoop(async () => void wall.push(await plain()), limit, concurrency);

  const timings: InferTiming[] = [];
  const timed = async (): Promise<InferTiming> => {
    const { outputs, timing } = await subject.inferTimed(inputs, infer);
    await closeNew(outputs, infer);
    return timing;
  };
  await runLoop(timed, { iterations: warmup }, concurrency);
  await runLoop(async () => void timings.push(await timed()), limit, concurrency);

  const gpu = { before, after: await subject.gpuState() };
  const spans = Object.fromEntries(
    spanNames.map((name) => [name, summarize(timings.map((timing) => timing[name]))]),
  ) as Record<(typeof spanNames)[number], ReturnType<typeof summarize>>;
  return new BenchmarkResult({
    settings: {
      warmup,
      iterations: 'iterations' in limit ? limit.iterations : null,
      durationMs: 'durationMs' in limit ? limit.durationMs : null,
      concurrency,
    },
    endToEnd: summarize(wall),
    throughput: (wall.length * 1000) / elapsedMs,
    ...spans,
    coldStart,
    gpu,
    excluded: excludedOf(warmup, coldStart),
    notes: notesOf(spans, gpu, concurrency),
  });
}

/** Device memory is nothing that the garbage collector sees. What the caller named as a target stays his. */
async function closeNew(outputs: Outputs, { outputs: targets = {} }: InferOptions): Promise<void> {
  const named: readonly unknown[] = Object.values(targets);
  const made = Object.values(outputs).filter(isDeviceTensor);
  await Promise.all(made.filter((tensor) => !named.includes(tensor)).map((each) => each.close()));
}

async function measureColdStart(
  subject: BenchmarkSubject,
  inputs: TensorInputs,
  options: InferOptions,
): Promise<ColdStart> {
  const { loadMs: load } = subject;
  if (subject.hasInferred) return { load, firstInference: null, total: null };
  const start = performance.now();
  const outputs = await subject.infer(inputs, options);
  const firstInference = performance.now() - start;
  await closeNew(outputs, options);
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
