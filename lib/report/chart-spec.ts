import type { Tail } from './histogram-bins';
import type { LinePoint } from './reduce-points';

/** What the page's script draws: figures only, all of them worked out when the report was written. */
export type ChartSpec = HistogramChart | LinesChart | BarsChart;

export interface HistogramChart {
  readonly kind: 'histogram';
  readonly unit: string;
  readonly edges: readonly number[];
  readonly tail: Tail | null;
  readonly series: readonly HistogramSeries[];
}

export interface HistogramSeries {
  readonly name: string;
  readonly counts: readonly number[];
  readonly total: number;
  /** Drawn as lines: the median and the 99th percentile. */
  readonly marks: readonly { readonly label: string; readonly value: number }[];
}

export interface LinesChart {
  readonly kind: 'timeline' | 'percentiles' | 'sweep';
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly series: readonly LineSeries[];
}

export interface ChartAxis {
  readonly title: string;
  readonly unit?: string;
}

export interface LineSeries {
  readonly name: string;
  readonly points: readonly LinePoint[];
}

export interface BarsChart {
  readonly kind: 'bars' | 'layers';
  readonly unit: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly group: string | null;
  /** Said after the value, `float16, 12.3 %`. */
  readonly detail?: string;
}
