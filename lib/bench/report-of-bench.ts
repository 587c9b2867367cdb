import type { Summary } from '../benchmark/statistics';
import type {
  Cell,
  FactsSection,
  NotesSection,
  ReportDocument,
  ReportSection,
} from '../report/document';
import { coldStartSteps, type ColdStartRecord } from './cold-start-record';
import type { BenchEnvironment } from './environment';
import type { LimitResult } from './limits';
import type { BenchEngine, BenchRecord, BenchRun } from './record';
import { costSection, loadSections } from './report-of-loads';

/** A benchmark as a report. Charts of samples need a record that has them. */
export function reportOfBench(record: BenchRecord): ReportDocument {
  const { runs, loads, slo, engines, environment, comparisons } = record;
  const first = runs[0];
  const load = loads[0];
  return {
    ...head(record, `Benchmark of ${engines.map(({ path }) => path).join(' and ')}`),
    highlights: [
      ...(first
        ? [
            { name: 'end to end, p50', value: first.endToEnd.p50, unit: 'ms' },
            { name: 'end to end, p99', value: first.endToEnd.p99, unit: 'ms' },
            { name: 'compute, p50', value: first.compute.p50, unit: 'ms' },
            {
              name: 'throughput',
              value: Math.max(...runs.map(({ throughput }) => throughput)),
              unit: '/s',
              text: runs.length > 1 ? 'the highest of all runs' : 'inferences',
            },
          ]
        : []),
      ...(slo
        ? [{ name: `highest rate with ${slo.limits.join(', ')}`, value: slo.rate, unit: '/s' }]
        : []),
      ...(load && !slo
        ? [
            {
              name: 'latency, p99',
              value: load.latency?.p99 ?? null,
              unit: 'ms',
              text: 'from the scheduled arrival',
            },
          ]
        : []),
    ],
    sections: [
      ...notesSection(record),
      ...runSections(runs),
      ...comparisons.map(
        ({ engine, baseline, batch, concurrency, figures, verdict }, index): ReportSection => ({
          kind: 'table',
          id: `comparison-${index + 1}`,
          title: `Engine ${engine} against ${baseline}${batch === null ? '' : `, batch ${batch}`}, ${concurrency} at a time: ${verdict}`,
          text: 'Measured in turns. Intervals are of 95 % confidence, by bootstrap over the turns.',
          columns: ['figure', baseline, engine, 'ratio', 'from', 'to', 'verdict'].map((title) => ({
            title,
          })),
          rows: figures.map(({ figure, value, baseline: other, ratio, verdict: each }) => [
            ...[figure, other, value, ratio.ratio, ratio.low, ratio.high, each],
          ]),
        }),
      ),
      ...loadSections(loads, slo !== null),
      ...costSection(record),
      ...limitSection(record.assertions),
      ...engines.map(engineSection),
      environmentSection(environment),
    ],
    data: record,
  };
}

/** Cold starts as a report. */
export function coldStartReport(record: ColdStartRecord): ReportDocument {
  const { steps, whole, wholeLoad, warmInference, samples, processes } = record;
  return {
    ...head(record, `Cold start of ${record.engine}`),
    highlights: [
      { name: 'start to first output, p50', value: whole.p50, unit: 'ms' },
      { name: 'loadEngine, p50', value: wholeLoad.p50, unit: 'ms' },
      { name: 'first inference, p50', value: steps.firstInference.p50, unit: 'ms' },
    ],
    sections: [
      {
        kind: 'bars',
        id: 'steps',
        title: 'Where the time goes',
        text: `Median of ${processes} fresh processes that take one step after the other.`,
        unit: 'ms',
        bars: coldStartSteps.map((step) => ({ name: step, value: steps[step].p50 })),
      },
      summaryTable('figures', 'Figures', [
        ...coldStartSteps.map((step): [string, Summary] => [step, steps[step]]),
        ['warm inference', warmInference],
        ['start to first output', whole],
        ['loadEngine in those', wholeLoad],
      ]),
      {
        kind: 'timeline',
        id: 'starts',
        title: 'Start to first output, process by process',
        x: { title: 'process' },
        y: { title: 'start to first output', unit: 'ms' },
        series: [{ name: 'whole', points: samples.whole.map((y, index) => ({ x: index + 1, y })) }],
      },
      ...limitSection(record.assertions),
      environmentSection(record.environment),
    ],
    data: record,
  };
}

function head(
  { createdAt, version, command }: Pick<BenchRecord, 'createdAt' | 'version' | 'command'>,
  title: string,
): Pick<
  ReportDocument,
  'schema' | 'schemaVersion' | 'title' | 'command' | 'createdAt' | 'version'
> {
  return { schema: 'trt-node/report', schemaVersion: 1, title, command, createdAt, version };
}

function runSections(runs: readonly BenchRun[]): ReportSection[] {
  if (runs.length === 0) return [];
  const [only] = runs;
  const several = runs.length > 1;
  return [
    ...(several ? [overviewTable(runs), sweepSection(runs)] : []),
    ...(only && !several
      ? [summaryTable('figures', `Figures of ${only.count} inferences`, spansOf(only))]
      : []),
    ...sampleSections(runs),
  ];
}

function spansOf(run: BenchRun): [string, Summary][] {
  return [
    ['end to end', run.endToEnd],
    ['queue', run.queue],
    ['enqueue', run.enqueue],
    ['h2d', run.h2d],
    ['compute', run.compute],
    ['d2h', run.d2h],
    ['GPU latency', run.gpuLatency],
  ];
}

function overviewTable(runs: readonly BenchRun[]): ReportSection {
  const inMs = { unit: 'ms' };
  return {
    kind: 'table',
    id: 'runs',
    title: 'Runs',
    columns: [
      { title: 'engine' },
      { title: 'batch' },
      { title: 'at a time' },
      { title: 'inferences', unit: '/s' },
      { title: 'samples', unit: '/s' },
      { title: 'end to end p50', ...inMs },
      { title: 'end to end p99', ...inMs },
      { title: 'compute p50', ...inMs },
      { title: 'enqueue p50', ...inMs },
      { title: 'GPU latency p50', ...inMs },
      { title: 'CPU per inference', ...inMs },
      { title: 'CPU-bound' },
    ],
    rows: runs.map((run): Cell[] => [
      ...[run.engine, run.batch, run.concurrency, run.throughput, run.samplesPerSecond],
      ...[run.endToEnd.p50, run.endToEnd.p99, run.compute.p50, run.enqueue.p50, run.gpuLatency.p50],
      ...[run.cpuPerInference.totalMs, run.cpuBound ? 'yes' : 'no'],
    ]),
  };
}

/** Throughput against latency: a line for each engine and batch, or for each engine where batches alone were swept. */
function sweepSection(runs: readonly BenchRun[]): ReportSection {
  const byBatch = new Set(runs.map(({ concurrency }) => concurrency)).size > 1;
  const nameOf = ({ engine, batch }: BenchRun): string =>
    byBatch && batch !== null ? `engine ${engine}, batch ${batch}` : `engine ${engine}`;
  const names = [...new Set(runs.map(nameOf))];
  return {
    kind: 'sweep',
    id: 'throughput-latency',
    title: 'Throughput against latency',
    text: 'Up and to the left is better. Points are joined in the order of the sweep.',
    x: { title: 'end to end, p99', unit: 'ms' },
    y: { title: 'samples', unit: '/s' },
    series: names.map((name) => ({
      name,
      points: runs
        .filter((run) => nameOf(run) === name)
        .map((run) => ({
          x: run.endToEnd.p99,
          y: run.samplesPerSecond ?? run.throughput,
          label: `${run.batch === null ? '' : `batch ${run.batch}, `}${run.concurrency} at a time`,
        })),
    })),
  };
}

function sampleSections(runs: readonly BenchRun[]): ReportSection[] {
  const sampled = runs.flatMap((run) => (run.samples ? [{ run, samples: run.samples }] : []));
  if (sampled.length === 0) return [];
  const label = (run: BenchRun, what: string): string =>
    runs.length === 1
      ? what
      : `${what}: ${run.engine}${run.batch === null ? '' : `, batch ${run.batch}`}, ${run.concurrency} at a time`;
  const ends = sampled.map(({ run, samples }) => ({
    name: label(run, 'end to end'),
    values: samples.endToEnd,
  }));
  const computes = sampled.map(({ run, samples }) => ({
    name: label(run, 'compute'),
    values: samples.compute,
  }));
  return [
    {
      kind: 'histogram',
      id: 'latency-histogram',
      title: 'Latency',
      text: 'End to end is wall clock in JavaScript, compute the time between CUDA events; they are of two loops.',
      unit: 'ms',
      series: [...ends, ...computes],
    },
    {
      kind: 'percentiles',
      id: 'percentiles',
      title: 'Latency by percentile',
      unit: 'ms',
      series: [...ends, ...computes],
    },
    {
      kind: 'timeline',
      id: 'timeline',
      title: 'Latency over the run',
      text: 'In the order of completion: drifting clocks and pauses show here.',
      x: { title: 'inference' },
      y: { title: 'end to end', unit: 'ms' },
      series: ends.map(({ name, values }) => ({ name, points: values.map((y, x) => ({ x, y })) })),
    },
  ];
}

function limitSection(results: readonly LimitResult[]): ReportSection[] {
  if (results.length === 0) return [];
  return [
    {
      kind: 'table',
      id: 'assertions',
      title: 'Assertions',
      columns: [{ title: 'limit' }, { title: 'measured' }, { title: 'unit' }, { title: 'holds' }],
      rows: results.map(({ limit, value, unit, holds }) => [
        limit,
        Number.isFinite(value) ? value : null,
        unit,
        holds ? 'yes' : 'no',
      ]),
    },
  ];
}

function notesSection({ warnings, runs }: BenchRecord): NotesSection[] {
  const notes = [...new Set(runs.flatMap((run) => run.notes))];
  if (warnings.length + notes.length === 0) return [];
  return [
    {
      kind: 'notes',
      id: 'notes',
      title: 'Notes',
      notes: [
        ...warnings.map((text) => ({ level: 'warning' as const, text })),
        ...notes.map((text) => ({ level: 'note' as const, text })),
      ],
    },
  ];
}

function engineSection(engine: BenchEngine): FactsSection {
  return {
    kind: 'facts',
    id: `engine-${engine.id}`,
    title: `Engine ${engine.id}`,
    facts: [
      { name: 'file', value: engine.path },
      { name: 'size', value: engine.sizeBytes, unit: 'bytes' },
      { name: 'SHA-256', value: engine.sha256 },
      { name: 'runtime', value: `${engine.runtime} ${engine.runtimeVersion}` },
      { name: 'precision', value: engine.precision?.join(', ') ?? null },
      { name: 'lanes', value: engine.lanes },
      { name: 'CUDA graphs', value: engine.graphs },
      { name: 'waiting', value: engine.waiting },
      { name: 'load', value: engine.loadMs, unit: 'ms' },
    ],
  };
}

export function environmentSection(environment: BenchEnvironment): FactsSection {
  const { gpu } = environment;
  return {
    kind: 'facts',
    id: 'environment',
    title: 'Environment',
    facts: [
      { name: 'GPU', value: gpu?.name ?? null },
      { name: 'compute capability', value: gpu?.computeCapability ?? null },
      { name: 'highest clock', value: gpu?.smClockMaxMhz ?? null, unit: 'MHz' },
      { name: 'power limit', value: gpu?.powerLimitWatts ?? null, unit: 'W' },
      { name: 'driver', value: environment.driver },
      { name: 'CUDA of the driver', value: environment.cuda },
      { name: 'Node.js', value: environment.node },
      { name: 'operating system', value: environment.os },
      { name: 'kernel', value: environment.kernel },
      { name: 'container', value: environment.container ?? 'no sign of one' },
      { name: 'processor', value: environment.cpu },
      { name: 'processors', value: environment.cpuCount },
      { name: 'governor', value: environment.cpuGovernor },
    ],
  };
}

function summaryTable(
  id: string,
  title: string,
  rows: readonly (readonly [string, Summary])[],
): ReportSection {
  const keys = ['mean', 'standardDeviation', 'min', 'p50', 'p90', 'p95', 'p99', 'max'] as const;
  const titles = ['mean', 'std dev', ...keys.slice(2)];
  return {
    ...{ kind: 'table', id, title },
    columns: [{ title: '' }, ...titles.map((each) => ({ title: each, unit: 'ms' }))],
    rows: rows.map(([name, summary]) => [name, ...keys.map((key) => summary[key])]),
  };
}
