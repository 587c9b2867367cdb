import type { ChartSpec } from '../chart-spec';
import { barsView } from './bars-view';
import { frameChart } from './chart-frame';
import type { ChartView } from './chart-view';
import { markReading } from './contents';
import { histogramView } from './histogram-view';
import { layerFilter } from './layer-filter';
import { linesView } from './lines-view';
import { reachableScrolling } from './scrolling';
import { makeSortable } from './sortable-table';
import { onThemeChange } from './theme';

function viewOf(spec: ChartSpec, host: HTMLElement): ChartView {
  switch (spec.kind) {
    case 'histogram':
      return histogramView(spec);
    case 'timeline':
    case 'percentiles':
    case 'sweep':
      return linesView(spec);
    case 'bars':
      return barsView(spec);
    case 'layers': {
      const table = host
        .closest('section')
        ?.querySelector<HTMLTableElement>('[data-name="layers"]');
      return barsView(spec, layerFilter(table ?? null, spec.bars));
    }
  }
}

const written = document.getElementById('page-charts')?.textContent ?? '{}';
const charts = JSON.parse(written) as Readonly<Record<string, ChartSpec>>;
const redraws = [...document.querySelectorAll<HTMLElement>('[data-chart]')].flatMap((host) => {
  const spec = charts[host.dataset['chart'] ?? ''];
  return spec === undefined ? [] : [frameChart(host, viewOf(spec, host))];
});
onThemeChange(() => {
  for (const redraw of redraws) redraw();
});
for (const table of document.querySelectorAll<HTMLTableElement>('table[data-sortable]')) {
  makeSortable(table);
}
reachableScrolling();
markReading();
