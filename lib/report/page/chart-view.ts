import type { PlotConfig } from './plot';
import type { Theme } from './theme';

/** A chart as the frame around it knows it. It is built anew for each scheme, width and choice of series. */
export interface ChartView {
  /** What kind of picture it is, for those who do not see it. */
  readonly kind: string;
  /** What can be hidden; empty where there is nothing to tell apart. */
  readonly legend: readonly LegendEntry[];
  /** Bars lie on their side: the arrow keys up and down go from one to the next. */
  readonly lying?: boolean;
  /** In CSS pixels; left out: what the page's style says. */
  height?(view: ViewState): number;
  /** What stands between legend and picture. `redraw` is called when one of them changed something. */
  controls?(redraw: () => void): readonly HTMLElement[];
  build(view: ViewState): PlotConfig;
}

export interface LegendEntry {
  readonly name: string;
  /** For `styleOf`. */
  readonly style: number;
  readonly swatch: 'line' | 'points' | 'fill';
}

export interface ViewState {
  readonly theme: Theme;
  readonly width: number;
  /** Places in the legend that are not hidden; without a legend, the one series there is. */
  readonly shown: readonly number[];
}
