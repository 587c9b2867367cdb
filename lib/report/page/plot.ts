import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
  type ChartConfiguration,
  type ChartDataset,
  type TooltipItem,
} from 'chart.js';
import type { Theme } from './theme';

Chart.register(
  ...[BarController, BarElement, LineController, LineElement, PointElement],
  ...[LinearScale, CategoryScale, Filler, Tooltip],
);

/** One thing to point at. Points that only shape a line have no text, and are never pointed at. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly name?: string;
  readonly text?: string;
  /** Written beside it, where there is room. */
  readonly label?: string;
}

export type PlotKind = 'bar' | 'line';
export type Plot = Chart<PlotKind, PlotPoint[]>;
export type PlotConfig = ChartConfiguration<PlotKind, PlotPoint[]>;
export type PlotDataset = ChartDataset<PlotKind, PlotPoint[]>;
export type PlotOptions = NonNullable<PlotConfig['options']>;

export function announcement({ name, text }: PlotPoint): string {
  return [name, text].filter((part) => part !== undefined && part !== '').join(': ');
}

/** What all charts have in common. */
export function commonOptions(theme: Theme, width: number): PlotOptions {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    font: { family: theme.fontFamily, size: 12 },
    color: theme.text,
    plugins: {
      tooltip: {
        filter: ({ raw }) => isPlotPoint(raw) && raw.text !== undefined,
        displayColors: false,
        backgroundColor: theme.text,
        titleColor: theme.surface,
        bodyColor: theme.surface,
        padding: 10,
        cornerRadius: 4,
        callbacks: {
          title: (items: TooltipItem<PlotKind>[]) => lines(items[0]?.raw, 'name', width),
          label: ({ raw }: TooltipItem<PlotKind>) => lines(raw, 'text', width),
        },
      },
    },
  };
}

export function axisStyle(theme: Theme, title: string) {
  return {
    border: { color: theme.line },
    grid: { color: theme.line, drawTicks: false },
    title: { display: true, text: title, color: theme.muted, font: { size: 12 } },
  };
}

export function tickStyle(theme: Theme) {
  return { color: theme.muted, padding: 6, maxRotation: 0, font: { size: 12 } };
}

export function isPlotPoint(raw: unknown): raw is PlotPoint {
  return typeof raw === 'object' && raw !== null && 'x' in raw && 'y' in raw;
}

const tooltipCharacter = 7.5;

/** A tooltip is a part of the canvas: what is longer than that would be cut off. */
function lines(raw: unknown, member: 'name' | 'text', width: number): string[] {
  const text = isPlotPoint(raw) ? (raw[member] ?? '') : '';
  const most = Math.max(16, Math.min(60, Math.floor(width / tooltipCharacter) - 6));
  const found = text.match(new RegExp(`.{1,${most}}(?:\\s|$)|.{1,${most}}`, 'gsu')) ?? [];
  return found.map((line) => line.trim());
}
