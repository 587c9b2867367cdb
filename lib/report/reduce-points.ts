/** One point of a line; where several were put together, their middle and what they span. */
export interface LinePoint {
  readonly x: number;
  readonly y: number;
  /** What the step was, `batch 8`. */
  readonly label?: string;
  readonly span?: PointSpan;
}

export interface PointSpan {
  /** The last of them; `x` is the first. */
  readonly toX: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

type GivenPoint = { readonly x: number; readonly y: number; readonly label?: string };

/** What a screen shows of a line, and what a person reads of a table. */
export const mostPoints = 400;

/**
 * At most `most` points: neighbours are put together, in equal numbers, to their median with the lowest and highest beside it, so that no
 * straggler is lost. Points that are no finite numbers are left out.
 */
export function reducePoints(
  points: readonly GivenPoint[],
  most = mostPoints,
): readonly LinePoint[] {
  if (most !== mostPoints) return reduce(points, most);
  const known = reduced.get(points) ?? reduce(points, most);
  reduced.set(points, known);
  return known;
}

/** Chart, table and sentences of a section all ask. */
const reduced = new WeakMap<readonly GivenPoint[], readonly LinePoint[]>();

function reduce(points: readonly GivenPoint[], most: number): LinePoint[] {
  const finite = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (finite.length <= most) return finite;
  return Array.from({ length: most }, (_, index) => {
    const from = Math.floor((index * finite.length) / most);
    const to = Math.floor(((index + 1) * finite.length) / most);
    return together(finite.slice(from, to));
  });
}

function together(points: readonly GivenPoint[]): LinePoint {
  const ascending = points.map(({ y }) => y).sort((a, b) => a - b);
  const low = ascending[0] ?? NaN;
  const high = ascending.at(-1) ?? NaN;
  // By nearest rank, as every median of trt-node.
  const y = ascending[Math.ceil(ascending.length / 2) - 1] ?? NaN;
  const span = { toX: points.at(-1)?.x ?? NaN, low, high, count: points.length };
  return { x: points[0]?.x ?? NaN, y, span };
}
