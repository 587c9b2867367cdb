import type { Bar } from '../chart-spec';
import { formatNumber } from '../format-value';
import type { BarsFilter } from './bars-view';

/** A field that narrows both the layers' chart and their table down to those whose name, type or precision has the words. */
export function layerFilter(table: HTMLTableElement | null, bars: readonly Bar[]): BarsFilter {
  let words: readonly string[] = [];
  const has = (text: string): boolean => {
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
  const textOf = ({ name, group, detail }: Bar): string => `${name} ${group ?? ''} ${detail ?? ''}`;

  return {
    accepts: (bar) => has(textOf(bar)),
    control(redraw) {
      const label = document.createElement('label');
      label.textContent = 'Filter layers ';
      const field = document.createElement('input');
      field.type = 'search';
      field.placeholder = 'name, type or precision';
      const told = document.createElement('span');
      told.className = 'told';
      told.setAttribute('aria-live', 'polite');
      field.addEventListener('input', () => {
        words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const row of table?.tBodies[0]?.rows ?? []) {
          row.hidden = !has([...row.cells].map((cell) => cell.textContent).join(' '));
        }
        const found = bars.filter((bar) => has(textOf(bar))).length;
        told.textContent =
          words.length === 0 ? '' : `${formatNumber(found)} of ${formatNumber(bars.length)}`;
        redraw();
      });
      label.append(field);
      const control = document.createElement('div');
      control.className = 'filter';
      control.append(label, told);
      return control;
    },
  };
}
