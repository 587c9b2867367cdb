import type { Bar, BarsChart } from '../chart-spec';
import { formatCount, formatNumber, withUnit } from '../format-value';
import type { ChartView, ViewState } from './chart-view';
import { axisStyle, commonOptions, tickStyle, type PlotPoint } from './plot';
import { plotLabels, type Beside } from './plot-labels';
import { styleOf } from './series-style';

/** Shown at first; with `show all`, as many as a browser's canvas can hold. */
const firstBars = 30;
const mostBars = 500;
const rowHeight = 22;
/** Where there is no room for names beside the bars, they stand above them. */
const tallRowHeight = 42;
const narrow = 600;
const axisHeight = 64;

/** More groups than these are one together: nobody tells ten patterns apart. */
const mostGroups = 8;

/** What narrows the bars down besides the legend; the layers' table listens to the same words. */
export interface BarsFilter {
  accepts(bar: Bar): boolean;
  /** The field for it. */
  control(redraw: () => void): HTMLElement;
}

/** Bars that lie on their side, their names before them, coloured by their group. */
export function barsView({ kind, unit, bars }: BarsChart, filter?: BarsFilter): ChartView {
  const groups = groupsOf(bars, kind === 'layers' ? 'other type' : 'other group');
  let showAll = false;

  const matching = ({ shown }: ViewState): readonly Bar[] =>
    bars.filter(
      (bar) => shown.includes(groups.indexOf(bar.group)) && (filter?.accepts(bar) ?? true),
    );
  const chosen = (view: ViewState): readonly Bar[] =>
    matching(view).slice(0, showAll ? mostBars : firstBars);

  return {
    kind: kind === 'layers' ? 'Bars of the time per layer' : 'Bars',
    lying: true,
    legend:
      groups.names.length < 2
        ? []
        : groups.names.map((name, index) => ({ name, style: index, swatch: 'fill' })),
    height: (view) => heightOf(chosen(view).length, view.width),
    controls(redraw) {
      const controls = filter === undefined ? [] : [filter.control(redraw)];
      if (bars.length <= firstBars) return controls;
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'show-all';
      const all = bars.length > mostBars ? `the longest ${mostBars}` : `all ${bars.length}`;
      const tell = (): void => {
        button.textContent = showAll ? `Show the longest ${firstBars}` : `Show ${all}`;
        button.setAttribute('aria-expanded', String(showAll));
      };
      tell();
      button.addEventListener('click', () => {
        showAll = !showAll;
        tell();
        redraw();
      });
      return [...controls, button];
    },
    build(view) {
      const { theme, width } = view;
      const drawn = chosen(view);
      const looks = groups.names.map((_, index) => styleOf(index, theme));
      const styles = drawn.flatMap(({ group }) => looks[groups.indexOf(group)] ?? []);
      const isNarrow = width < narrow;
      const nameLength = Math.floor(width / (isNarrow ? 7.5 : 22));
      return {
        type: 'bar',
        data: {
          labels: drawn.map(({ name }) => name),
          datasets: [
            {
              data: drawn.map((bar, index) => pointOf(bar, index, unit)),
              backgroundColor: styles.map(({ fill }) => fill),
              borderColor: styles.map(({ colour }) => colour),
              borderWidth: 1,
              hoverBackgroundColor: theme.text,
              barPercentage: isNarrow ? 0.42 : 0.86,
              categoryPercentage: 0.9,
            },
          ],
        },
        options: {
          ...commonOptions(theme, width),
          indexAxis: 'y',
          interaction: { mode: 'nearest', axis: 'y', intersect: false },
          layout: { padding: { top: isNarrow ? 10 : 0, right: 58 } },
          // Tall canvases times a dense screen are larger than browsers make them.
          devicePixelRatio: Math.min(devicePixelRatio, 16_000 / heightOf(drawn.length, width)),
          scales: {
            x: {
              beginAtZero: true,
              ...axisStyle(theme, unit),
              ticks: {
                ...tickStyle(theme),
                maxTicksLimit: Math.max(3, Math.floor(width / 110)),
                callback: (value) => formatNumber(Number(value)),
              },
            },
            y: {
              type: 'category',
              grid: { display: false },
              border: { color: theme.line },
              ticks: {
                ...tickStyle(theme),
                autoSkip: false,
                display: !isNarrow,
                color: theme.text,
                callback: (_, index) => shortened(drawn[index]?.name ?? '', nameLength),
              },
            },
          },
        },
        plugins: [
          plotLabels(theme, {
            beside: drawn.flatMap(({ name, value }, index) => [
              { dataset: 0, index, text: formatNumber(value), place: 'right' },
              ...(isNarrow ? [besideName(index, shortened(name, nameLength))] : []),
            ]),
          }),
        ],
      };
    },
  };
}

function heightOf(bars: number, width: number): number {
  return bars * (width < narrow ? tallRowHeight : rowHeight) + axisHeight;
}

function besideName(index: number, text: string): Beside {
  return { dataset: 0, index, text, place: 'over' };
}

/** Chart.js takes the place of a bar from its index: two bars may have one name. */
function pointOf({ name, value, group, detail }: Bar, index: number, unit: string): PlotPoint {
  const text = [withUnit(formatNumber(value), unit), group, detail].filter(
    (part) => part !== null && part !== undefined,
  );
  return { x: value, y: index, name, text: text.join(', ') };
}

interface Groups {
  readonly names: readonly string[];
  indexOf(group: string | null): number;
}

/** The groups with the most first; the last one may be all others. */
function groupsOf(bars: readonly Bar[], rest: string): Groups {
  const sums = new Map<string | null, number>();
  for (const { group, value } of bars) sums.set(group, (sums.get(group) ?? 0) + value);
  const sorted = [...sums].sort(([, a], [, b]) => b - a).map(([group]) => group);
  const own = sorted.length <= mostGroups ? sorted : sorted.slice(0, mostGroups - 1);
  const others = sorted.length - own.length;
  const names = own.map((group) => group ?? 'no group');
  return {
    names: others === 0 ? names : [...names, formatCount(others, rest)],
    indexOf(group) {
      const found = own.indexOf(group);
      return found === -1 ? own.length : found;
    },
  };
}

/** Layer names are alike at their beginnings and differ at their ends: the middle is left out. */
function shortened(name: string, most: number): string {
  const line = name.replace(/\s+/g, ' ');
  const characters = Array.from(line);
  if (characters.length <= most) return line;
  const head = Math.ceil((most - 1) / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (most - 1 - head)).join('')}`;
}
