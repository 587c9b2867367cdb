import { samplesOf } from '../benchmark/benchmark';
import { notesOf } from '../benchmark/notes';
import type { BenchmarkSamples } from '../benchmark/result';
import { percentile, summarize } from '../benchmark/statistics';
import type { Measured } from './measure';
import type { PreparedEngine } from './prepared-engine';
import type { BenchRun, Convention } from './record';

/** CUDA events and the host's clock resolve no more than a nanosecond. */
const decimals = 1e6;

export interface RunFacts {
  readonly convention: Convention;
  readonly batch: number | null;
  readonly concurrency: number;
  readonly percentiles: readonly number[];
}

/** The record of what one engine's loops gave, with all samples. */
export function runOfMeasured(
  { id, engine, shapes, inputs }: PreparedEngine,
  measured: Measured,
  { convention, batch, concurrency, percentiles }: RunFacts,
): BenchRun {
  const samples = roundedSamples(measured);
  const { endToEnd, queue, enqueue, h2d, compute, d2h } = samples;
  const latency = gpuLatencyOf(samples);
  const count = endToEnd.length;
  const sum = (value: (loop: Measured['plain'][number]) => number): number =>
    measured.plain.reduce((total, loop) => total + value(loop), 0);
  const throughput = (count * 1000) / sum(({ elapsedMs }) => elapsedMs);
  const userMs = sum(({ cpu }) => cpu.userMs) / count;
  const systemMs = sum(({ cpu }) => cpu.systemMs) / count;
  const spans = {
    queue: summarize(queue),
    enqueue: summarize(enqueue),
    h2d: summarize(h2d),
    compute: summarize(compute),
    d2h: summarize(d2h),
  };
  const { held, reason, ...counted } = engine.graphs;
  const { graphsBefore } = measured;
  const replays = counted.replays - graphsBefore.replays;
  const eager = counted.eager - graphsBefore.eager;
  return {
    engine: id,
    convention,
    transfers: convention === '10',
    ...{ shapes, batch, concurrency, inputs, count, throughput },
    samplesPerSecond: batch === null ? null : throughput * batch,
    endToEnd: summarize(endToEnd),
    ...spans,
    gpuLatency: summarize(latency),
    percentiles: percentiles.map((percent) => ({
      percent,
      endToEnd: percentile(endToEnd, percent),
      compute: percentile(compute, percent),
      gpuLatency: percentile(latency, percent),
    })),
    cpuPerInference: { userMs, systemMs, totalMs: userMs + systemMs },
    cpuBound: isCpuBound(spans),
    graphs: { held, replays, eager, reason },
    gpu: measured.gpu,
    notes: notesOf(spans, { before: null, after: null }, concurrency),
    samples,
  };
}

/** trtexec's rule. */
function isCpuBound({ enqueue, compute }: Pick<BenchRun, 'enqueue' | 'compute'>): boolean {
  return enqueue.p50 > 0.8 * compute.p50;
}

function roundedSamples({ plain, timed }: Measured): BenchmarkSamples {
  const all = samplesOf(
    plain.flatMap(({ endToEnd }) => endToEnd),
    timed.flat(),
  );
  const rounded = (values: readonly number[]): number[] =>
    values.map((value) => Math.round(value * decimals) / decimals);
  return {
    endToEnd: rounded(all.endToEnd),
    queue: rounded(all.queue),
    enqueue: rounded(all.enqueue),
    h2d: rounded(all.h2d),
    compute: rounded(all.compute),
    d2h: rounded(all.d2h),
  };
}

/** Of each inference, the three spans of the GPU together. */
export function gpuLatencyOf({ h2d, compute, d2h }: BenchmarkSamples): readonly number[] {
  return compute.map((time, index) => (h2d[index] ?? 0) + time + (d2h[index] ?? 0));
}
