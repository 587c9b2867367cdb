import type { LinesChart, LineSeries } from '../chart-spec';
import { formatCount, formatNumber, titleWithUnit, withUnit } from '../format-value';
import { tailPosition, tailTicks } from '../percentile-axis';
import type { LinePoint } from '../reduce-points';
import type { ChartView } from './chart-view';
import {
  axisStyle,
  commonOptions,
  tickStyle,
  type PlotDataset,
  type PlotOptions,
  type PlotPoint,
} from './plot';
import { plotLabels, type Beside } from './plot-labels';
import { styleOf, translucent } from './series-style';
import type { Theme } from './theme';

const kinds = {
  timeline: 'Timeline',
  percentiles: 'Percentile curve',
  sweep: 'Line chart',
} as const;

/** Timelines, percentile curves and sweeps. */
export function linesView(spec: LinesChart): ChartView {
  const { kind, series } = spec;
  const alone = series.length === 1;
  return {
    kind: kinds[kind],
    legend: alone
      ? []
      : series.map(({ name }, index) => ({
          name,
          style: index,
          swatch: kind === 'sweep' ? 'points' : 'line',
        })),
    build({ theme, width, shown }) {
      const drawn = shown.flatMap((index) => {
        const each = series[index];
        return each === undefined ? [] : datasetsOf(spec, each, index, theme);
      });
      return {
        type: 'line',
        data: { datasets: drawn },
        options: optionsOf(spec, theme, width),
        plugins: [plotLabels(theme, { beside: besideOf(drawn) })],
      };
    },
  };
}

/** More of them would be a line of blots. */
const mostBlots = 60;

function datasetsOf(
  spec: LinesChart,
  series: LineSeries,
  index: number,
  theme: Theme,
): PlotDataset[] {
  const { colour, dash, point } = styleOf(index, theme);
  const data = series.points.map((each) => plotPoint(spec, series, each));
  const blots = spec.kind === 'sweep' || (spec.kind === 'timeline' && data.length <= mostBlots);
  const line: PlotDataset = {
    ...{ type: 'line', data, borderColor: colour, backgroundColor: colour },
    ...{ borderWidth: spec.kind === 'timeline' ? 1.5 : 2, borderDash: [...dash] },
    ...{
      pointStyle: point,
      pointRadius: blots ? 4 : 0,
      pointHoverRadius: 6,
      pointBorderColor: colour,
    },
  };
  if (series.points.every(({ span }) => span === undefined)) return [line];
  const edge = (pick: 'low' | 'high'): PlotPoint[] =>
    series.points.map(({ x, y, span }) => ({ x, y: span?.[pick] ?? y }));
  const shade = {
    ...{ borderColor: translucent(colour, 0.6), borderWidth: 0.75 },
    ...{ pointRadius: 0, pointHoverRadius: 0 },
  };
  return [
    {
      type: 'line',
      data: edge('high'),
      ...shade,
      fill: '+1',
      backgroundColor: translucent(colour, 0.28),
    },
    { type: 'line', data: edge('low'), ...shade },
    line,
  ];
}

function plotPoint(spec: LinesChart, series: LineSeries, point: LinePoint): PlotPoint {
  const name = spec.series.length === 1 ? (point.label ?? '') : nameOf(series, point);
  return {
    x: spec.kind === 'percentiles' ? tailPosition(point.x) : point.x,
    y: point.y,
    name,
    text: textOf(spec, point),
    ...(point.label !== undefined && { label: point.label }),
  };
}

function nameOf({ name }: LineSeries, { label }: LinePoint): string {
  return label === undefined ? name : `${name}, ${label}`;
}

function textOf({ kind, x, y }: LinesChart, { x: atX, y: atY, span }: LinePoint): string {
  const value = (number: number): string => withUnit(formatNumber(number), y.unit);
  if (kind === 'percentiles') return `p${formatNumber(atX)} is ${value(atY)}`;
  if (span !== undefined) {
    const from = formatNumber(atX);
    const to = withUnit(formatNumber(span.toX), x.unit);
    const spread = `${formatNumber(span.low)} to ${value(span.high)}`;
    return `${x.title} ${from} to ${to}: median ${value(atY)}, ${spread}, ${formatCount(span.count, 'point')}`;
  }
  return `${x.title} ${withUnit(formatNumber(atX), x.unit)}, ${y.title} ${value(atY)}`;
}

function optionsOf({ kind, x, y, series }: LinesChart, theme: Theme, width: number): PlotOptions {
  const narrow = width < 480;
  return {
    ...commonOptions(theme, width),
    interaction:
      kind === 'sweep'
        ? { mode: 'nearest', intersect: false }
        : { mode: 'nearest', axis: 'x', intersect: false },
    layout: { padding: { top: kind === 'sweep' ? 22 : 8, right: 16 } },
    scales: {
      x: {
        type: 'linear',
        ...axisStyle(theme, titleWithUnit(x)),
        ...(kind === 'percentiles' && { min: 0, max: lastX(series) }),
        ...(kind === 'sweep' && { beginAtZero: true }),
        ...(kind === 'timeline' && { bounds: 'data' }),
        ...(kind === 'percentiles' && {
          afterBuildTicks: (axis) => {
            const ticks = narrow ? [0, 50, 90, 99, 99.9] : tailTicks;
            axis.ticks = ticks
              .map((percent) => ({ value: tailPosition(percent) }))
              .filter(({ value }) => value <= axis.max + 1e-9);
          },
        }),
        ticks: {
          ...tickStyle(theme),

          ...(kind === 'percentiles' && { autoSkip: false }),
          maxTicksLimit: Math.max(3, Math.floor(width / 64)),
          callback: (value) =>
            kind === 'percentiles'
              ? `p${formatNumber(percentAt(Number(value)))}`
              : formatNumber(Number(value)),
        },
      },
      y: {
        ...axisStyle(theme, titleWithUnit(y)),
        beginAtZero: kind === 'sweep',
        grace: '8%',
        ticks: {
          ...tickStyle(theme),
          maxTicksLimit: 7,
          callback: (value) => formatNumber(Number(value)),
        },
      },
    },
  };
}

function lastX(series: readonly LineSeries[]): number {
  return tailPosition(Math.max(...series.map(({ points }) => points.at(-1)?.x ?? 0)));
}

/** Of `tailPosition`, to a thousandth. */
function percentAt(position: number): number {
  return Math.round(100_000 * (1 - 10 ** -position)) / 1000;
}

function besideOf(datasets: readonly PlotDataset[]): Beside[] {
  return datasets.flatMap(({ data }, dataset) =>
    data.flatMap(({ label }, index): Beside[] =>
      label === undefined ? [] : [{ dataset, index, text: label, place: 'around' }],
    ),
  );
}
