import { percentileOf, type Samples } from './samples';

/** Samples counted into bins of one width. */
export interface Bins {
  /** One more than there are bins, ascending. A bin has what is at or above its lower edge and below the next; the last one its upper edge too. */
  readonly edges: readonly number[];
  /** For each series, how many samples each bin has. */
  readonly counts: readonly (readonly number[])[];
  /** What lies above the last edge; null where nothing does. */
  readonly tail: Tail | null;
}

export interface Tail {
  readonly from: number;
  /** The largest of all samples. */
  readonly to: number;
  /** For each series, how many samples. */
  readonly counts: readonly number[];
}

const mostBins = 60;
const fewestBins = 12;

/**
 * One set of bins for all series. A few stragglers would press everything else into the first bin: where they lie far out, they are
 * counted as a tail instead.
 */
export function binSamples(series: readonly Samples[]): Bins | null {
  const filled = series.filter(({ ascending }) => ascending.length > 0);
  if (filled.length === 0) return null;
  const from = Math.min(...filled.map((each) => percentileOf(each, 0) ?? Infinity));
  const last = Math.max(...filled.map((each) => percentileOf(each, 100) ?? -Infinity));
  const nearlyAll = Math.max(...filled.map((each) => percentileOf(each, 99) ?? -Infinity));
  // Room beyond the 99th percentile, so that a tail which only goes on a little is drawn as it is.
  const reach = nearlyAll + (nearlyAll - from) / 2;
  const to = last > reach && reach > from ? reach : last;
  const width = binWidth(filled, from, to);
  const start = Math.floor(from / width) * width;
  const bins = Math.max(1, Math.ceil((to - start) / width + 1e-9));
  const edges = Array.from({ length: bins + 1 }, (_, index) => tidy(start + index * width));
  const end = edges[bins] ?? to;
  const counts = series.map(({ ascending }) => countInto(ascending, start, width, bins, end));
  if (last <= end) return { edges, counts, tail: null };
  const above = series.map(
    ({ ascending }, index) => ascending.length - (counts[index] ?? []).reduce((a, b) => a + b, 0),
  );
  return { edges, counts, tail: { from: end, to: last, counts: above } };
}

/** Freedman and Diaconis' rule for the narrowest series, as a round number, within what a screen can show. */
function binWidth(series: readonly Samples[], from: number, to: number): number {
  const span = to - from;
  if (!(span > 0)) return Math.abs(from) > 0 ? roundUp(Math.abs(from) / 100) : 1;
  const widths = series.map((each) => {
    const spread = (percentileOf(each, 75) ?? 0) - (percentileOf(each, 25) ?? 0);
    return (2 * spread) / Math.cbrt(each.ascending.length);
  });
  const wanted = Math.min(...widths.filter((width) => width > 0), span / fewestBins);
  return roundUp(Math.max(wanted, span / mostBins));
}

/** The next of 1, 2, 2.5 and 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** Without what binary fractions add: 0.30000000000000004 is 0.3. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

function countInto(
  ascending: Float64Array,
  start: number,
  width: number,
  bins: number,
  end: number,
): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const value of ascending) {
    if (value > end) break;
    const bin = Math.min(bins - 1, Math.max(0, Math.floor((value - start) / width)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}
