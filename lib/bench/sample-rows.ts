import type { BenchRecord } from './record';

/** One inference, as `--export-samples` writes it. Names that trtexec's `--exportTimes` has too mean the same. Milliseconds. */
export type SampleRow = TimedRow | WallRow | ArrivalRow;

interface RunRow {
  readonly engine: string;
  readonly batch: number | null;
}

interface TimedRow extends RunRow {
  readonly concurrency: number;
  readonly queueMs: number;
  readonly enqMs: number;
  readonly h2dMs: number;
  readonly computeMs: number;
  readonly d2hMs: number;
  /** The three before together. */
  readonly latencyMs: number;
}

/** Of the loop without CUDA events. */
interface WallRow extends RunRow {
  readonly concurrency: number;
  readonly endToEndMs: number;
}

interface ArrivalRow extends RunRow {
  readonly rate: number;
  readonly arrivalMs: number;
  readonly endToEndMs: number;
}

export function sampleRows({ runs, loads }: BenchRecord): SampleRow[] {
  const closed = runs.flatMap(({ engine, batch, concurrency, samples }): SampleRow[] => {
    if (samples === null) return [];
    const run = { engine, batch, concurrency };
    const { endToEnd, queue, enqueue, h2d, compute, d2h } = samples;
    return [
      ...compute.map((computeMs, index): TimedRow => {
        const [h2dMs, d2hMs] = [h2d[index] ?? 0, d2h[index] ?? 0];
        return {
          ...run,
          queueMs: queue[index] ?? 0,
          enqMs: enqueue[index] ?? 0,
          ...{ h2dMs, computeMs, d2hMs, latencyMs: h2dMs + computeMs + d2hMs },
        };
      }),
      ...endToEnd.map((endToEndMs): WallRow => ({ ...run, endToEndMs })),
    ];
  });
  const open = loads.flatMap(({ engine, batch, rate, samples }): SampleRow[] =>
    (samples?.latencyMs ?? []).map((endToEndMs, index) => {
      const arrivalMs = samples?.arrivalMs[index] ?? 0;
      return { engine, batch, rate, arrivalMs, endToEndMs };
    }),
  );
  return [...closed, ...open];
}
