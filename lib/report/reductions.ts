import { formatCount, formatNumber } from './format-value';
import { binSamples } from './histogram-bins';
import { reducePoints } from './reduce-points';
import type { SampleSeries } from './document';
import { samplesOf } from './samples';
import type { ChartSection } from './section-table';

/** What was left out or put together for a section's chart and tables, a sentence each; none where all is as it was measured. */
export function reductionsOf(section: ChartSection): string[] {
  switch (section.kind) {
    case 'histogram':
      return [...samplesLeftOut(section.series), ...tailOf(section)];
    case 'percentiles':
      return samplesLeftOut(section.series);
    case 'timeline':
    case 'sweep':
      return section.series.flatMap(({ name, points }) => pointsOf(name, points));
    case 'bars':
      return leftOutOf(
        section.title,
        section.bars.filter(({ value }) => !Number.isFinite(value)).length,
      );
    case 'layers':
      return leftOutOf(
        section.title,
        section.layers.filter(({ meanMs }) => !Number.isFinite(meanMs)).length,
      );
  }
}

function samplesLeftOut(series: readonly SampleSeries[]): string[] {
  return series.map(samplesOf).flatMap(({ name, leftOut }) => leftOutOf(name, leftOut));
}

function tailOf({ unit, series }: Extract<ChartSection, { kind: 'histogram' }>): string[] {
  const tail = binSamples(series.map(samplesOf))?.tail ?? null;
  if (tail === null) return [];
  const count = tail.counts.reduce((sum, each) => sum + each, 0);
  const [from, to] = [formatNumber(tail.from), formatNumber(tail.to)];
  const verb = count === 1 ? 'lies' : 'lie';
  return [
    `${formatCount(count, 'sample')} above ${from} ${unit}, up to ${to} ${unit}, ${verb} together in the last bar.`,
  ];
}

function pointsOf(name: string, points: Parameters<typeof reducePoints>[0]): string[] {
  const reduced = reducePoints(points);
  const shown = reduced.reduce((sum, { span }) => sum + (span?.count ?? 1), 0);
  const lines = leftOutOf(name, points.length - shown);
  if (reduced.every(({ span }) => span === undefined)) return lines;
  return [
    ...lines,
    `${name}: ${formatCount(shown, 'point')} in ${formatNumber(reduced.length)} groups of neighbours, each shown by its median, lowest and highest. The JSON report has them all.`,
  ];
}

function leftOutOf(name: string, count: number): string[] {
  if (count === 0) return [];
  return [`${name}: ${formatCount(count, 'value')} that are no finite number were left out.`];
}
