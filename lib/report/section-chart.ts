import { printable } from '../cli/printable';
import type { BarsChart, ChartSpec, HistogramChart, LinesChart } from './chart-spec';
import type {
  Axis,
  BarsSection,
  HistogramSection,
  LayersSection,
  PercentilesSection,
  ReportSection,
  SweepSection,
  TimelineSection,
} from './document';
import { formatShare } from './format-value';
import { binSamples } from './histogram-bins';
import { percentileAxis } from './percentile-axis';
import { reducePoints } from './reduce-points';
import { isKnown, percentileOf, samplesOf } from './samples';

/** What the page draws of a section; null where there is nothing to draw. */
export function chartOf(section: ReportSection): ChartSpec | null {
  switch (section.kind) {
    case 'histogram':
      return histogramOf(section);
    case 'percentiles':
      return percentilesOf(section);
    case 'timeline':
    case 'sweep':
      return linesOf(section);
    case 'bars':
      return barsOf(section);
    case 'layers':
      return layersOf(section);
    case 'facts':
    case 'table':
    case 'notes':
      return null;
  }
}

function histogramOf({ unit, series }: HistogramSection): HistogramChart | null {
  const samples = series.map(samplesOf);
  const bins = binSamples(samples);
  if (bins === null) return null;
  return {
    kind: 'histogram',
    unit,
    edges: bins.edges,
    tail: bins.tail,
    series: samples.map((each, index) => ({
      name: printable(each.name),
      counts: bins.counts[index] ?? [],
      total: each.ascending.length,
      marks: [50, 99].flatMap((percent) => {
        const value = percentileOf(each, percent);
        if (value === null || !isKnown(percent, each.ascending.length)) return [];
        return [{ label: `p${percent}`, value }];
      }),
    })),
  };
}

function percentilesOf({ unit, series }: PercentilesSection): LinesChart | null {
  const lines = series.map(samplesOf).map((samples) => ({
    name: printable(samples.name),
    points: percentileAxis(samples.ascending.length).flatMap((percent) => {
      const y = percentileOf(samples, percent);
      return y === null ? [] : [{ x: percent, y }];
    }),
  }));
  if (lines.every(({ points }) => points.length === 0)) return null;
  return {
    kind: 'percentiles',
    x: { title: 'Percentile' },
    y: { title: '', unit },
    series: lines,
  };
}

function linesOf({ kind, x, y, series }: TimelineSection | SweepSection): LinesChart | null {
  const lines = series.map(({ name, points }) => ({
    name: printable(name),
    points: reducePoints(points).map(({ label, ...point }) => ({
      ...point,
      ...(label !== undefined && { label: printable(label) }),
    })),
  }));
  if (lines.every(({ points }) => points.length === 0)) return null;
  return { kind, x: axisOf(x), y: axisOf(y), series: lines };
}

function axisOf({ title, unit }: Axis): Axis {
  return { title: printable(title), ...(unit !== undefined && { unit: printable(unit) }) };
}

function barsOf({ unit, bars }: BarsSection): BarsChart | null {
  const drawn = bars.filter(({ value }) => Number.isFinite(value));
  if (drawn.length === 0) return null;
  return {
    kind: 'bars',
    unit,
    bars: drawn.map(({ name, value, group }) => ({
      name: printable(name),
      value,
      group: group === undefined ? null : printable(group),
    })),
  };
}

function layersOf({ layers }: LayersSection): BarsChart | null {
  const drawn = layers.filter(({ meanMs }) => Number.isFinite(meanMs));
  if (drawn.length === 0) return null;
  return {
    kind: 'layers',
    unit: 'ms',
    bars: [...drawn]
      .sort((a, b) => b.meanMs - a.meanMs)
      .map(({ name, type, precision, meanMs, share }) => ({
        name: printable(name),
        value: meanMs,
        group: printable(type ?? unknownType),
        detail: [...(precision === null ? [] : [printable(precision)]), formatShare(share)].join(
          ', ',
        ),
      })),
  };
}

/** A layer whose type TensorRT does not tell. */
export const unknownType = 'type not told';
