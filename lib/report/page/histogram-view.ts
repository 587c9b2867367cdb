import type { HistogramChart, HistogramSeries } from '../chart-spec';
import { formatCount, formatNumber, formatShare } from '../format-value';
import type { ChartView } from './chart-view';
import {
  axisStyle,
  commonOptions,
  tickStyle,
  type PlotDataset,
  type PlotOptions,
  type PlotPoint,
} from './plot';
import { markRow, plotLabels, type Mark } from './plot-labels';
import { styleOf, translucent } from './series-style';
import type { Theme } from './theme';

/** One series as bars, several as outlines that may lie upon each other. */
export function histogramView(spec: HistogramChart): ChartView {
  const { edges, tail, series, unit } = spec;
  const start = edges[0] ?? 0;
  const end = edges.at(-1) ?? 0;
  const width = (edges[1] ?? end) - start;
  const alone = series.length === 1;

  const datasetOf = (index: number, theme: Theme): PlotDataset => {
    const data = pointsOf(spec, index, { start, end, width });
    const { colour, dash } = styleOf(index, theme);
    if (alone) {
      return {
        ...{ type: 'bar', data, backgroundColor: colour, hoverBackgroundColor: theme.text },
        ...{ barPercentage: 1, categoryPercentage: 0.92, grouped: false },
      };
    }
    return {
      ...{ type: 'line', data, stepped: 'middle', fill: 'origin', borderColor: colour },
      ...{ backgroundColor: translucent(colour, 0.14), borderDash: [...dash], borderWidth: 2 },
      ...{ pointRadius: 0, pointHoverRadius: 5, pointHoverBackgroundColor: colour },
    };
  };

  const marksOf = (shown: readonly number[], theme: Theme): Mark[] =>
    shown.flatMap((index) => {
      // With several series their medians are enough to tell apart.
      const marks = series[index]?.marks.slice(0, alone ? undefined : 1) ?? [];
      const colour = alone ? theme.text : styleOf(index, theme).colour;
      return marks.map(({ label, value }) => ({
        x: value,
        text: `${label} ${formatNumber(value)}`,
        colour,
      }));
    });

  return {
    kind: 'Histogram',
    legend: alone ? [] : series.map(({ name }, index) => ({ name, style: index, swatch: 'line' })),
    build({ theme, width: pixels, shown }) {
      const marks = marksOf(shown, theme);
      const options: PlotOptions = {
        ...commonOptions(theme, pixels),
        interaction: { mode: 'nearest', axis: 'x', intersect: false },
        layout: {
          padding: { top: 8 + markRow * Math.max(1, Math.min(3, marks.length - 1)), right: 20 },
        },
        scales: {
          x: {
            type: 'linear',
            min: start,
            max: tail === null ? end : end + 2 * width,
            offset: false,
            ...axisStyle(theme, unit),
            grid: { display: false },
            ticks: {
              ...tickStyle(theme),
              includeBounds: false,
              maxTicksLimit: Math.max(3, Math.floor(pixels / 56)),
              // Beyond the last edge the axis is no scale any more.
              callback: (value) =>
                Number(value) >
                end - (tail === null ? 0 : roomForTail(pixels, end - start)) + width / 2
                  ? ''
                  : formatNumber(Number(value)),
            },
          },
          y: {
            beginAtZero: true,
            ...axisStyle(theme, 'samples (%)'),
            ticks: {
              ...tickStyle(theme),
              maxTicksLimit: 6,
              callback: (value) => formatNumber(Number(value)),
            },
          },
        },
      };
      return {
        type: alone ? 'bar' : 'line',
        data: { datasets: shown.map((index) => datasetOf(index, theme)) },
        options,
        plugins: [
          plotLabels(theme, {
            marks,
            ...(tail !== null && {
              below: { x: end + 1.5 * width, text: `> ${formatNumber(tail.from)}` },
            }),
          }),
        ],
      };
    },
  };
}

/** What the words below the tail's bar need of the scale beside it, in its unit. */
function roomForTail(pixels: number, span: number): number {
  return (50 / Math.max(1, pixels - 80)) * span;
}

interface Axis {
  readonly start: number;
  readonly end: number;
  readonly width: number;
}

/** A point in the middle of each bin, with an empty one on both sides so that outlines come down. */
function pointsOf(spec: HistogramChart, index: number, { start, end, width }: Axis): PlotPoint[] {
  const series = spec.series[index];
  if (series === undefined) return [];
  const name = spec.series.length === 1 ? '' : series.name;
  const bins = series.counts.map((count, bin) => {
    const from = spec.edges[bin] ?? 0;
    const to = spec.edges[bin + 1] ?? 0;
    return {
      x: from + width / 2,
      y: percentOf(count, series),
      name,
      text: `${formatNumber(from)} to ${formatNumber(to)} ${spec.unit}: ${countText(count, series)}`,
    };
  });
  const points = [{ x: start - width / 2, y: 0 }, ...bins, { x: end + width / 2, y: 0 }];
  const { tail } = spec;
  if (tail === null) return points;
  const count = tail.counts[index] ?? 0;
  const text = `above ${formatNumber(tail.from)}, up to ${formatNumber(tail.to)} ${spec.unit}: ${countText(count, series)}`;
  return [
    ...points,
    { x: end + width * 1.5, y: percentOf(count, series), name, text },
    { x: end + width * 2.5, y: 0 },
  ];
}

function percentOf(count: number, { total }: HistogramSeries): number {
  return total === 0 ? 0 : (100 * count) / total;
}

function countText(count: number, { total }: HistogramSeries): string {
  return `${formatCount(count, 'sample')}, ${formatShare(total === 0 ? 0 : count / total)}`;
}
