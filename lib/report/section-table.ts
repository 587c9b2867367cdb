import type {
  BarsSection,
  Cell,
  HistogramSection,
  LayersSection,
  PercentilesSection,
  ReportSection,
  SweepSection,
  TimelineSection,
} from './document';
import { binSamples } from './histogram-bins';
import { reducePoints } from './reduce-points';
import { isKnown, namedPercentiles, percentileOf, samplesOf, summaryOf } from './samples';

/** Rows that stand for a chart, or for themselves. */
export interface ReportTable {
  readonly title: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface TableColumn {
  readonly title: string;
  readonly unit?: string;
}

/** The sections that are drawn. */
export type ChartSection =
  | HistogramSection
  | PercentilesSection
  | TimelineSection
  | SweepSection
  | BarsSection
  | LayersSection;

/** What is in a section, by line: of samples their summary, of everything else each of them. */
export function tableOf(section: ChartSection): ReportTable {
  switch (section.kind) {
    case 'histogram':
      return summaries(section);
    case 'percentiles':
      return percentiles(section);
    case 'timeline':
    case 'sweep':
      return points(section);
    case 'bars':
      return bars(section);
    case 'layers':
      return layers(section);
  }
}

export function isChartSection(section: ReportSection): section is ChartSection {
  return section.kind !== 'facts' && section.kind !== 'table' && section.kind !== 'notes';
}

function summaries({ unit, series }: HistogramSection): ReportTable {
  const columns = ['mean', 'std. dev.', 'min', 'p50', 'p90', 'p95', 'p99', 'max'];
  return {
    title: `Summary, in ${unit}`,
    columns: ['series', 'samples', ...columns].map((title) => ({ title })),
    rows: series.map(samplesOf).map((samples) => {
      const found = summaryOf(samples);
      if (found === null) return [samples.name, 0, ...columns.map(() => null)];
      const { count, mean, standardDeviation, min, p50, p90, p95, p99, max } = found;
      return [samples.name, count, mean, standardDeviation, min, p50, p90, p95, p99, max];
    }),
  };
}

/** The bars of a histogram as they are drawn; null without samples. */
export function binTable({ unit, series }: HistogramSection): ReportTable | null {
  const samples = series.map(samplesOf);
  const bins = binSamples(samples);
  if (bins === null) return null;
  const { edges, counts, tail } = bins;
  const rows = edges
    .slice(0, -1)
    .map((edge, bin): Cell[] => [
      edge,
      edges[bin + 1] ?? null,
      ...counts.map((each) => each[bin] ?? 0),
    ]);
  if (tail !== null) rows.push([tail.from, tail.to, ...tail.counts]);
  return {
    title: `Samples in each bin, from and to in ${unit}`,
    columns: ['from', 'to', ...series.map(({ name }) => name)].map((title) => ({ title })),
    rows,
  };
}

function percentiles({ unit, series }: PercentilesSection): ReportTable {
  const samples = series.map(samplesOf);
  const known = namedPercentiles.filter((percent) =>
    samples.some(({ ascending }) => isKnown(percent, ascending.length)),
  );
  const row = (name: string, percent: number): Cell[] => [
    name,
    ...samples.map((each) => {
      const count = each.ascending.length;
      const told = percent === 0 || percent === 100 || isKnown(percent, count);
      return told ? percentileOf(each, percent) : null;
    }),
  ];
  return {
    title: `Percentiles, in ${unit}`,
    columns: [{ title: 'percentile' }, ...samples.map(({ name }) => ({ title: name }))],
    rows: [row('min', 0), ...known.map((percent) => row(`p${percent}`, percent)), row('max', 100)],
  };
}

function points({ x, y, series }: TimelineSection | SweepSection): ReportTable {
  const lines = series.map(({ name, points: given }) => ({ name, points: reducePoints(given) }));
  const all = lines.flatMap((line) => line.points);
  const several = series.length > 1;
  const labelled = all.some(({ label }) => label !== undefined);
  const reduced = all.some(({ span }) => span !== undefined);
  const columns: TableColumn[] = [
    ...(several ? [{ title: 'series' }] : []),
    ...(labelled ? [{ title: 'step' }] : []),
    reduced ? { ...x, title: `${x.title}, from` } : x,
    ...(reduced ? [{ ...x, title: 'to' }] : []),
    reduced ? { ...y, title: `${y.title}, median` } : y,
    ...(reduced
      ? [{ ...y, title: 'lowest' }, { ...y, title: 'highest' }, { title: 'points' }]
      : []),
  ];
  const rows = lines.flatMap((line) =>
    line.points.map((point) => [
      ...(several ? [line.name] : []),
      ...(labelled ? [point.label ?? null] : []),
      point.x,
      ...(reduced ? [point.span?.toX ?? point.x] : []),
      point.y,
      ...(reduced
        ? [point.span?.low ?? point.y, point.span?.high ?? point.y, point.span?.count ?? 1]
        : []),
    ]),
  );
  return { title: 'Points', columns, rows };
}

function bars({ unit, bars: given }: BarsSection): ReportTable {
  const grouped = given.some(({ group }) => group !== undefined);
  return {
    title: 'Values',
    columns: [
      { title: 'name' },
      ...(grouped ? [{ title: 'group' }] : []),
      { title: 'value', unit },
    ],
    rows: given.map(({ name, group, value }) => [
      name,
      ...(grouped ? [group ?? null] : []),
      finiteOrNull(value),
    ]),
  };
}

function layers({ layers: given }: LayersSection): ReportTable {
  return {
    title: 'Layers',
    columns: [
      { title: 'layer' },
      { title: 'type' },
      { title: 'precision' },
      { title: 'time', unit: 'ms' },
      { title: 'share', unit: '%' },
    ],
    rows: [...given]
      .sort((a, b) => b.meanMs - a.meanMs)
      .map(({ name, type, precision, meanMs, share }) => [
        name,
        type,
        precision,
        finiteOrNull(meanMs),
        finiteOrNull(Math.round(share * 10_000) / 100),
      ]),
  };
}

/** Layers of one type together, the longest first. */
export function layerTypes({ layers: given }: LayersSection): ReportTable {
  const types = new Map<string | null, { count: number; ms: number; share: number }>();
  for (const { type, meanMs, share } of given) {
    const sum = types.get(type) ?? { count: 0, ms: 0, share: 0 };
    types.set(type, { count: sum.count + 1, ms: sum.ms + meanMs, share: sum.share + share });
  }
  return {
    title: 'Time by type',
    columns: [
      { title: 'type' },
      { title: 'layers' },
      { title: 'time', unit: 'ms' },
      { title: 'share', unit: '%' },
    ],
    rows: [...types]
      .sort(([, a], [, b]) => b.ms - a.ms)
      .map(([type, { count, ms, share }]) => [
        type,
        count,
        finiteOrNull(ms),
        finiteOrNull(Math.round(share * 10_000) / 100),
      ]),
  };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
