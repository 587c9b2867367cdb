import type { PointStyle } from 'chart.js';
import type { Theme } from './theme';

/** How one series is told from the others, by more than its colour. */
export interface SeriesStyle {
  readonly colour: string;
  readonly dash: readonly number[];
  readonly point: PointStyle;
  readonly fill: CanvasPattern | string;
}

const dashes: readonly (readonly number[])[] = [
  [],
  [7, 4],
  [2, 3],
  [10, 3, 2, 3],
  [4, 2],
  [12, 4],
  [1, 4],
  [8, 3, 1, 3, 1, 3],
];
const points: readonly PointStyle[] = [
  'circle',
  'rect',
  'triangle',
  'rectRot',
  'star',
  'crossRot',
  'rectRounded',
  'cross',
];

/** Colours come round again after the eighth series; dashes, points and patterns then go with other colours. */
export function styleOf(series: number, theme: Theme): SeriesStyle {
  const colours = theme.series.length;
  const colour = theme.series[series % colours] ?? theme.text;
  const kind = (series + Math.floor(series / colours)) % dashes.length;
  return {
    colour,
    dash: dashes[kind] ?? [],
    point: points[kind] ?? 'circle',
    fill: patternOf(kind, colour, theme.surface),
  };
}

const tile = 8;

/** The strokes of one tile in the colour of the surface: full, slanted, dotted, crossed and so on. */
const strokes: readonly ((pen: Path2D) => void)[] = [
  () => undefined,
  (pen) => line(pen, [-2, 10, 10, -2], [-2, 2, 2, -2], [6, 10, 10, 6]),
  (pen) => pen.rect(2, 2, 2.5, 2.5),
  (pen) => line(pen, [-2, -2, 10, 10], [6, -2, 10, 2], [-2, 6, 2, 10]),
  (pen) => line(pen, [0, 4, 8, 4]),
  (pen) => line(pen, [4, 0, 4, 8]),
  (pen) => line(pen, [0, 0, 8, 8], [0, 8, 8, 0]),
  (pen) => line(pen, [0, 2, 8, 2], [0, 6, 8, 6]),
];

function line(pen: Path2D, ...lines: readonly [number, number, number, number][]): void {
  for (const [x1, y1, x2, y2] of lines) {
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  }
}

function patternOf(kind: number, colour: string, surface: string): CanvasPattern | string {
  if (kind === 0) return colour;
  // Canvas patterns know nothing of the screen's density: the tile is drawn at it and scaled back.
  const density = Math.max(1, Math.round(devicePixelRatio));
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = tile * density;
  const context = canvas.getContext('2d');
  if (context === null) return colour;
  context.scale(density, density);
  context.fillStyle = colour;
  context.fillRect(0, 0, tile, tile);
  context.strokeStyle = context.fillStyle = surface;
  context.lineWidth = 1.25;
  const pen = new Path2D();
  strokes[kind]?.(pen);
  if (kind === 2) context.fill(pen);
  else context.stroke(pen);
  const pattern = context.createPattern(canvas, 'repeat');
  pattern?.setTransform(new DOMMatrix().scale(1 / density));
  return pattern ?? colour;
}

/** A colour of the theme, `#rrggbb`, let through by so much. */
export function translucent(colour: string, opacity: number): string {
  const byte = Math.round(opacity * 255);
  return `${colour}${byte.toString(16).padStart(2, '0')}`;
}
