import { Chart } from 'chart.js';
import { drawPoint } from 'chart.js/helpers';
import type { ChartView, LegendEntry } from './chart-view';
import { KeyboardCursor } from './keyboard';
import type { Plot } from './plot';
import { styleOf } from './series-style';
import { readTheme, type Theme } from './theme';

const hintText = 'Arrow keys move through the points, Home and End go to the first and the last.';

/** Puts legend, controls, picture and the line that says where the reader is into `host`. Returns what draws it again. */
export function frameChart(host: HTMLElement, view: ChartView): () => void {
  const title = host.dataset['title'] ?? '';
  const hidden = new Set<number>();
  const legend = document.createElement('div');
  const area = document.createElement('div');
  const canvas = document.createElement('canvas');
  const readout = document.createElement('p');
  let plot: Plot | null = null;

  const shown = (): number[] => {
    if (view.legend.length === 0) return [0];
    return view.legend.map((_, index) => index).filter((index) => !hidden.has(index));
  };

  let drawnWidth = 0;
  const redraw = (): void => {
    const theme = readTheme();
    drawnWidth = area.clientWidth;
    const state = { theme, width: drawnWidth, shown: shown() };
    const height = view.height?.(state);
    if (height !== undefined) area.style.height = `${height}px`;
    cursor.clear(null);
    plot?.destroy();
    // Its default is one for all charts, and it is read when one is made.
    Chart.defaults.font.family = theme.fontFamily;
    plot = new Chart(canvas, view.build(state));
    drawSwatches(legend, view.legend, theme);
  };

  const cursor = new KeyboardCursor(view.lying === true, (text) => {
    readout.textContent = text;
  });

  legend.className = 'legend';
  legend.setAttribute('role', 'group');
  legend.setAttribute('aria-label', `Shown in ${title}`);
  legend.append(
    ...view.legend.map(({ name }, index) =>
      legendButton(name, (on) => {
        if (on) hidden.delete(index);
        else hidden.add(index);
        redraw();
      }),
    ),
  );
  area.className = 'plot';
  area.append(canvas);
  readout.className = 'readout';
  readout.setAttribute('aria-live', 'polite');
  canvas.tabIndex = 0;
  // Without it, screen readers keep the arrow keys for themselves.
  canvas.setAttribute('role', 'application');
  canvas.setAttribute('aria-roledescription', 'chart');
  canvas.setAttribute('aria-label', `${title}. ${view.kind}. ${hintText}`);
  canvas.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || plot === null) return;
    if (cursor.press(event.key, plot)) event.preventDefault();
  });
  canvas.addEventListener('focus', () => {
    host.classList.add('focused');
  });
  canvas.addEventListener('blur', () => {
    host.classList.remove('focused');
    cursor.clear(plot);
  });

  const controls = document.createElement('div');
  controls.className = 'controls';
  controls.append(...(view.controls?.(redraw) ?? []));
  const hint = document.createElement('p');
  hint.className = 'keys';
  // The label says the same.
  hint.setAttribute('aria-hidden', 'true');
  hint.textContent = hintText;
  host.append(
    ...(view.legend.length > 0 ? [legend] : []),
    ...(controls.childElementCount > 0 ? [controls] : []),
    ...[area, readout, hint],
  );
  redraw();
  // Chart.js follows the width by itself; what a view has room for, it does not know.
  new ResizeObserver(() => {
    if (area.clientWidth !== drawnWidth) redraw();
  }).observe(area);
  return redraw;
}

function legendButton(name: string, toggle: (on: boolean) => void): HTMLElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.setAttribute('aria-pressed', 'true');
  const swatch = document.createElement('canvas');
  swatch.className = 'swatch';
  swatch.setAttribute('aria-hidden', 'true');
  const label = document.createElement('span');
  label.textContent = name;
  button.append(swatch, label);
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(on));
    toggle(on);
  });
  return button;
}

const swatchWidth = 26;
const swatchHeight = 14;

/** The same pattern, or the same dashes, as in the chart. */
function drawSwatches(legend: HTMLElement, entries: readonly LegendEntry[], theme: Theme): void {
  const swatches = legend.querySelectorAll('canvas');
  entries.forEach(({ style, swatch }, index) => {
    const canvas = swatches[index];
    const pen = canvas?.getContext('2d');
    if (canvas === undefined || !pen) return;
    canvas.width = swatchWidth * devicePixelRatio;
    canvas.height = swatchHeight * devicePixelRatio;
    pen.scale(devicePixelRatio, devicePixelRatio);
    const { colour, dash, fill, point } = styleOf(style, theme);
    if (swatch === 'fill') {
      pen.fillStyle = fill;
      pen.fillRect(0, 0, swatchWidth, swatchHeight);
      return;
    }
    pen.strokeStyle = colour;
    pen.lineWidth = 3;
    pen.setLineDash([...dash]);
    pen.beginPath();
    pen.moveTo(0, swatchHeight / 2);
    pen.lineTo(swatchWidth, swatchHeight / 2);
    pen.stroke();
    if (swatch !== 'points') return;
    pen.fillStyle = colour;
    pen.setLineDash([]);
    const look = { pointStyle: point, radius: 5, borderWidth: 1 };
    drawPoint(pen, look, swatchWidth / 2, swatchHeight / 2);
  });
}
