import type { BenchmarkFigures } from './result';
import type { Summary } from './statistics';

/** Columns of every table of summaries: their titles, and what stands in them. */
export const statisticColumns = [
  ['mean', 'mean'],
  ['std dev', 'standardDeviation'],
  ['min', 'min'],
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p95', 'p95'],
  ['p99', 'p99'],
  ['max', 'max'],
] as const satisfies readonly (readonly [string, keyof Summary])[];

const rows = [
  ['end to end', 'endToEnd'],
  ['queue', 'queue'],
  ['enqueue', 'enqueue'],
  ['h2d', 'h2d'],
  ['compute', 'compute'],
  ['d2h', 'd2h'],
] as const satisfies readonly (readonly [string, keyof BenchmarkFigures])[];

export function benchmarkTable(figures: BenchmarkFigures): string {
  const { settings, endToEnd, throughput, coldStart, gpu, excluded, notes } = figures;
  const header = statisticColumns.map(([title]) => title.padStart(10)).join('');
  const lines = rows.map(([title, key]) => {
    const cells = statisticColumns.map(([, statistic]) =>
      figures[key][statistic].toFixed(4).padStart(10),
    );
    return title.padEnd(12) + cells.join('');
  });
  return [
    `${endToEnd.count} inferences, ${settings.concurrency} at a time, after ${settings.warmup} warm-ups; milliseconds`,
    ''.padEnd(12) + header,
    ...lines,
    `Throughput: ${throughput.toFixed(1)} inferences a second`,
    `Cold start: load ${milliseconds(coldStart.load)}, first inference ${milliseconds(coldStart.firstInference)}`,
    `GPU: ${clocks(gpu.before)} before, ${clocks(gpu.after)} after`,
    ...excluded.map((text) => `Excluded: ${text}`),
    ...notes.map((text) => `Note: ${text}`),
  ].join('\n');
}

function milliseconds(value: number | null): string {
  return value === null ? 'unknown' : `${value.toFixed(1)} ms`;
}

function clocks(state: BenchmarkFigures['gpu']['before']): string {
  if (state === null || state.smClockMhz === null) return 'clock unknown';
  const most = state.smClockMaxMhz === null ? '' : ` of ${state.smClockMaxMhz}`;
  return `${state.smClockMhz}${most} MHz`;
}
