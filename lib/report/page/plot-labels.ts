import type { Chart, Plugin } from 'chart.js';
import type { Theme } from './theme';

/** Words that a chart has besides its axes. */
export interface PlotLabels {
  /** Lines from top to bottom at values of the x axis. */
  readonly marks?: readonly Mark[];
  /** At points, as far as nothing is in the way. */
  readonly beside?: readonly Beside[];
  /** Below the x axis. */
  readonly below?: { readonly x: number; readonly text: string };
}

export interface Mark {
  readonly x: number;
  readonly text: string;
  readonly colour: string;
}

export interface Beside {
  readonly dataset: number;
  readonly index: number;
  readonly text: string;
  /** For bars at their end, or over them from the left; for points wherever there is room. */
  readonly place: 'right' | 'over' | 'around';
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The height that one row of marks' names takes above the chart. */
export const markRow = 18;

/** A plugin for one chart. */
export function plotLabels(theme: Theme, labels: PlotLabels): Plugin<'bar' | 'line'> {
  return {
    id: 'plotLabels',
    afterDatasetsDraw(chart) {
      const { ctx } = chart;
      ctx.save();
      ctx.font = `600 12px ${theme.fontFamily}`;
      drawMarks(chart, labels);
      drawBeside(chart, labels, theme);
      drawBelow(chart, labels, theme);
      ctx.restore();
    },
  };
}

/** The last name stands to the right of its line, those before to the left, each in the first row above the chart that has room. */
function drawMarks(chart: Chart, { marks = [] }: PlotLabels): void {
  const { ctx, chartArea, scales } = chart;
  const rows: number[] = [];
  [...marks]
    .sort((a, b) => a.x - b.x)
    .forEach(({ x, text, colour }, index) => {
      const at = scales['x']?.getPixelForValue(x) ?? NaN;
      if (!(at >= chartArea.left - 1 && at <= chartArea.right + 1)) return;
      const width = ctx.measureText(text).width;
      const wanted = index === marks.length - 1 ? at - 3 : at - width + 3;
      const left = Math.min(Math.max(wanted, 2), chart.width - width - 2);
      let row = rows.findIndex((end) => left > end + 6);
      if (row === -1) row = rows.length;
      rows[row] = left + width;
      const bottom = chartArea.top - 6 - row * markRow;
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = 1.5;
      ctx.setLineDash([4, 3]);
      ctx.beginPath();
      ctx.moveTo(at, chartArea.bottom);
      ctx.lineTo(at, bottom + 2);
      ctx.stroke();
      ctx.textAlign = 'left';
      ctx.textBaseline = 'bottom';
      ctx.fillText(text, left, bottom);
    });
}

const textHeight = 14;
/** Around a point, in CSS pixels. */
const pointRoom = 6;

function drawBeside(chart: Chart, { beside = [] }: PlotLabels, theme: Theme): void {
  const { ctx } = chart;
  const { text: colour, surface } = theme;
  const taken = beside.some(({ place }) => place === 'around') ? pointBoxes(chart) : [];
  ctx.setLineDash([]);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  for (const label of beside) {
    const box = places(chart, label).find(
      (each) =>
        (label.place !== 'around' || isWithin(each, chart)) &&
        !taken.some((other) => overlap(each, other)),
    );
    if (box === undefined) continue;
    taken.push(box);
    ctx.font = fontOf(label, theme);
    // A rim in the colour of the ground keeps it readable upon a line.
    ctx.lineWidth = 3;
    ctx.strokeStyle = surface;
    ctx.strokeText(label.text, box.left, box.bottom);
    ctx.fillStyle = colour;
    ctx.fillText(label.text, box.left, box.bottom);
  }
}

function isWithin({ left, right }: Box, { chartArea, width }: Chart): boolean {
  return left >= chartArea.left && right <= width;
}

/** Names are plain, figures strong. */
function fontOf({ place }: Beside, { fontFamily }: Theme): string {
  return `${place === 'over' ? 400 : 600} 12px ${fontFamily}`;
}

/** Where a label may stand, the best first. */
function places(chart: Chart, { dataset, index, text, place }: Beside): Box[] {
  const point = chart.getDatasetMeta(dataset).data[index];
  if (point === undefined) return [];
  const { x, y } = point;
  const width = chart.ctx.measureText(text).width;
  const box = (left: number, bottom: number): Box => ({
    ...{ left, right: left + width, top: bottom - textHeight, bottom },
  });
  const middle = y + textHeight / 2;
  switch (place) {
    case 'right':
      return [box(x + 6, middle)];
    case 'over':
      return [box(chart.chartArea.left, y - 9)];
    case 'around':
      return [
        box(x - width / 2, y - 8),
        box(x + 10, middle),
        box(x - width - 10, middle),
        box(x - width / 2, y + 8 + textHeight),
      ];
  }
}

function pointBoxes(chart: Chart): Box[] {
  return chart.data.datasets.flatMap((_, dataset) =>
    chart.getDatasetMeta(dataset).data.map((point) => {
      const { x, y } = point;
      return {
        ...{ left: x - pointRoom, right: x + pointRoom, top: y - pointRoom, bottom: y + pointRoom },
      };
    }),
  );
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function drawBelow(chart: Chart, { below }: PlotLabels, { muted }: Theme): void {
  if (below === undefined) return;
  const { ctx, chartArea, scales } = chart;
  ctx.fillStyle = muted;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  const at = scales['x']?.getPixelForValue(below.x) ?? chartArea.right;
  const half = ctx.measureText(below.text).width / 2;
  ctx.fillText(below.text, Math.min(at, chart.width - half - 2), chartArea.bottom + 8);
}
