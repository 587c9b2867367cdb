/**
 * What a report says, whatever it is written as. Commands make sections; the page, the Markdown and the JSON are made of the same ones.
 * Times are in the unit that stands beside them.
 */
export interface ReportDocument {
  readonly schema: 'trt-node/report';
  readonly schemaVersion: 1;
  readonly title: string;
  /** The command line that made it, as it was typed. */
  readonly command: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** trt-node's version. */
  readonly version: string;
  /** The few figures that a reader came for, shown large above everything else. Left out: none. */
  readonly highlights?: readonly Highlight[];
  readonly sections: readonly ReportSection[];
  /** The command's own result, as its `--json` prints it; of a benchmark, what `bench diff` reads. */
  readonly data: unknown;
}

export type ReportSection =
  | FactsSection
  | TableSection
  | HistogramSection
  | TimelineSection
  | PercentilesSection
  | SweepSection
  | BarsSection
  | LayersSection
  | NotesSection;

interface Section<Kind extends string> {
  readonly kind: Kind;
  /** Unique in the document; the anchor of the page, `gpu-time`. */
  readonly id: string;
  readonly title: string;
  /** What the reader sees, and how it was measured, in a sentence or two. */
  readonly text?: string;
}

export type Cell = string | number | null;

/** Names and values: environment, settings, what was built. */
export interface FactsSection extends Section<'facts'> {
  readonly facts: readonly Fact[];
}

export interface Fact {
  readonly name: string;
  readonly value: Cell;
  readonly unit?: string;
}

export interface Highlight extends Fact {
  /** What it was compared with or measured over, in a few words. */
  readonly text?: string;
}

export interface TableSection extends Section<'table'> {
  readonly columns: readonly { readonly title: string; readonly unit?: string }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Samples that are drawn as a distribution. */
export interface HistogramSection extends Section<'histogram'> {
  readonly unit: string;
  readonly series: readonly SampleSeries[];
}

/** The same samples by percentile, up to the 99.9th. */
export interface PercentilesSection extends Section<'percentiles'> {
  readonly unit: string;
  readonly series: readonly SampleSeries[];
}

export interface SampleSeries {
  readonly name: string;
  readonly values: readonly number[];
}

/** Values over time, in the order they were measured. */
export interface TimelineSection extends Section<'timeline'> {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly PointSeries[];
}

/** One point for each step of a sweep, e.g. throughput against latency; points are joined in their order. */
export interface SweepSection extends Section<'sweep'> {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly PointSeries[];
}

export interface Axis {
  readonly title: string;
  readonly unit?: string;
}

export interface PointSeries {
  readonly name: string;
  /** `label` is what the step was, `batch 8`. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly label?: string }[];
}

/** One bar for each thing, longest first or in an order of their own; bars of one group have one colour. */
export interface BarsSection extends Section<'bars'> {
  readonly unit: string;
  readonly bars: readonly {
    readonly name: string;
    readonly value: number;
    readonly group?: string;
  }[];
}

/** Time of each layer; the page sorts them and colours their types. */
export interface LayersSection extends Section<'layers'> {
  readonly layers: readonly {
    readonly name: string;
    readonly type: string | null;
    /** What the layer computes in, `float16`; null where TensorRT does not tell. */
    readonly precision: string | null;
    readonly meanMs: number;
    /** Of the sum of all layers, 0 to 1. */
    readonly share: number;
  }[];
}

export interface NotesSection extends Section<'notes'> {
  readonly notes: readonly { readonly level: 'note' | 'warning'; readonly text: string }[];
}
