import type { BenchEnvironment } from './environment';
import { compareFigures, figuresOfSamples, verdictOf } from './comparison';
import type {
  BenchEngine,
  BenchRecord,
  BenchRun,
  ComparedFigure,
  LoadRun,
  Verdict,
} from './record';

/** Two stored records compared: what `bench diff` prints with `--json`. */
export interface BenchDiff {
  readonly schema: 'trt-node/bench-diff';
  readonly schemaVersion: 1;
  /** The files; ratios are of `b` to `a`. */
  readonly a: DiffSide;
  readonly b: DiffSide;
  readonly environment: readonly Difference[];
  /** One for each pair of runs with the same batch, concurrency and convention. */
  readonly runs: readonly DiffRun[];
  /** Runs of one side that the other has not. */
  readonly unmatched: readonly string[];
}

export interface DiffSide {
  readonly path: string;
  readonly createdAt: string;
  readonly engines: readonly string[];
}

/** What differs between the two measurements beside the figures. */
export interface Difference {
  readonly name: string;
  readonly a: string | number | boolean | null;
  readonly b: string | number | boolean | null;
}

export interface DiffRun {
  /** `engine a, batch 8, 4 at a time` */
  readonly name: string;
  readonly figures: readonly ComparedFigure[];
  readonly verdict: Verdict;
}

export function diffRecords(
  a: { readonly path: string; readonly record: BenchRecord },
  b: { readonly path: string; readonly record: BenchRecord },
): BenchDiff {
  const left = namedRuns(a.record);
  const right = namedRuns(b.record);
  const names = [...left.keys()].filter((name) => right.has(name));
  return {
    schema: 'trt-node/bench-diff',
    schemaVersion: 1,
    a: sideOf(a),
    b: sideOf(b),
    environment: differences(a.record, b.record),
    runs: names.flatMap((name) => {
      const [one, other] = [left.get(name), right.get(name)];
      return one && other ? [diffRun(name, one, other)] : [];
    }),
    unmatched: [
      ...[...left.keys()].filter((name) => !right.has(name)).map((name) => `a: ${name}`),
      ...[...right.keys()].filter((name) => !left.has(name)).map((name) => `b: ${name}`),
    ],
  };
}

function sideOf({
  path,
  record,
}: {
  readonly path: string;
  readonly record: BenchRecord;
}): DiffSide {
  return { path, createdAt: record.createdAt, engines: record.engines.map((each) => each.path) };
}

type AnyRun = { readonly closed: BenchRun } | { readonly open: LoadRun };

function namedRuns({ runs, loads }: BenchRecord): Map<string, AnyRun> {
  return new Map<string, AnyRun>([
    ...runs.map((run): [string, AnyRun] => [closedName(run), { closed: run }]),
    ...loads.map((run): [string, AnyRun] => [openName(run), { open: run }]),
  ]);
}

function closedName({ engine, batch, concurrency, convention }: BenchRun): string {
  const size = batch === null ? '' : `, batch ${batch}`;
  const how = convention === '11' ? ', without transfers' : '';
  return `engine ${engine}${size}, ${concurrency} at a time${how}`;
}

function openName({ engine, batch, rate, arrival }: LoadRun): string {
  const size = batch === null ? '' : `, batch ${batch}`;
  return `engine ${engine}${size}, ${arrival} arrivals at ${Number(rate.toPrecision(6))}/s`;
}

function diffRun(name: string, a: AnyRun, b: AnyRun): DiffRun {
  const figures =
    'closed' in a && 'closed' in b
      ? closedFigures(a.closed, b.closed)
      : 'open' in a && 'open' in b
        ? openFigures(a.open, b.open)
        : [];
  return { name, figures, verdict: figures[0]?.verdict ?? 'unknown' };
}

function closedFigures(a: BenchRun, b: BenchRun): readonly ComparedFigure[] {
  const bySamples =
    a.samples && b.samples
      ? compareFigures(figuresOfSamples(b.samples), figuresOfSamples(a.samples), false)
      : [];
  const known = new Set(bySamples.map(({ figure }) => figure));
  const plain = [
    plainFigure('endToEnd.p50', a.endToEnd.p50, b.endToEnd.p50),
    plainFigure('endToEnd.mean', a.endToEnd.mean, b.endToEnd.mean),
    plainFigure('compute.p50', a.compute.p50, b.compute.p50),
    plainFigure('compute.mean', a.compute.mean, b.compute.mean),
    plainFigure('gpuLatency.p50', a.gpuLatency.p50, b.gpuLatency.p50),
    plainFigure('endToEnd.p99', a.endToEnd.p99, b.endToEnd.p99),
    plainFigure('throughput', a.throughput, b.throughput),
    plainFigure('cpuPerInference', a.cpuPerInference.totalMs, b.cpuPerInference.totalMs),
  ].flat();
  return [...bySamples, ...plain.filter(({ figure }) => !known.has(figure))];
}

function openFigures(a: LoadRun, b: LoadRun): readonly ComparedFigure[] {
  if (a.latency === null || b.latency === null) return [];
  return [
    plainFigure('latency.p50', a.latency.p50, b.latency.p50),
    plainFigure('latency.p99', a.latency.p99, b.latency.p99),
    plainFigure('achievedRate', a.achievedRate, b.achievedRate),
  ].flat();
}

/** Without samples there is no telling what chance does. */
function plainFigure(figure: string, baseline: number, value: number): ComparedFigure[] {
  if (!(baseline > 0 && value > 0)) return [];
  const ratio = { ratio: value / baseline, low: null, high: null };
  return [{ figure, value, baseline, ratio, verdict: verdictOf(ratio, 'less') }];
}

function differences(a: BenchRecord, b: BenchRecord): readonly Difference[] {
  const left = { ...environmentFacts(a.environment), ...engineFacts(a.engines), ...gpuFacts(a) };
  const right = { ...environmentFacts(b.environment), ...engineFacts(b.engines), ...gpuFacts(b) };
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((name) => {
    const difference = { name, a: left[name] ?? null, b: right[name] ?? null };
    return difference.a === difference.b ? [] : [difference];
  });
}

type Facts = Record<string, Difference['a']>;

function environmentFacts({ gpu, variables, container, ...host }: BenchEnvironment): Facts {
  return {
    ...host,
    container: container !== null,
    ...Object.fromEntries(
      Object.entries(gpu ?? { name: null }).map(([key, value]) => [`gpu.${key}`, value]),
    ),
    ...Object.fromEntries(
      Object.entries(variables).map(([key, value]) => [`environment ${key}`, value]),
    ),
  };
}

function engineFacts(engines: readonly BenchEngine[]): Facts {
  return Object.fromEntries(
    engines.flatMap(({ id, path: _path, loadMs: _loadMs, precision, ...facts }) => [
      ...Object.entries(facts).map(([key, value]): [string, Difference['a']] => [
        `engine ${id} ${key}`,
        value,
      ]),
      [`engine ${id} precision`, precision?.join('+') ?? null] as [string, Difference['a']],
    ]),
  );
}

/** Clocks as they were while it was measured: a few MHz are no difference. */
function gpuFacts({ runs, loads }: BenchRecord): Facts {
  const moments = [...runs, ...loads].flatMap(({ gpu }) => gpu.filter((moment) => moment !== null));
  const clocks = moments.flatMap(({ smClockMhz }) => smClockMhz ?? []);
  const most = Math.max(...clocks);
  return {
    'gpu clock (MHz, to the next 50)': clocks.length === 0 ? null : roundTo(most, 50),
    'gpu shared': moments.some(({ otherProcesses }) => (otherProcesses ?? 0) > 0),
  };
}

function roundTo(value: number, step: number): number {
  return Math.round(value / step) * step;
}
