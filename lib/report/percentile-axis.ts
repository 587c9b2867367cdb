/**
 * Where a percentile stands on an axis that gives each nine the same room: 0, 90, 99 and 99.9 lie at equal distances. The tail, which
 * is what people look for, would be the last hundredth of a plain axis.
 */
export function tailPosition(percent: number): number {
  return Math.log10(1 / (1 - percent / 100));
}

/** Marks of that axis, as far as the samples reach. */
export const tailTicks = [0, 50, 75, 90, 95, 99, 99.5, 99.9] as const;

const stepsPerNine = 16;
const highest = 99.9;

/** The percentiles that a curve of so many samples is drawn through: evenly on that axis, and the ones with a name. */
export function percentileAxis(count: number): number[] {
  if (count === 0) return [];
  // Beyond this one, all are the largest sample.
  const reached = Math.min(highest, 100 * (1 - 1 / count));
  const last = tailPosition(reached);
  const even = Array.from({ length: Math.floor(last * stepsPerNine) + 1 }, (_, index) =>
    round(100 * (1 - 10 ** (-index / stepsPerNine))),
  );
  const named = tailTicks.filter((percent) => percent <= reached + 1e-9);
  return [...new Set([...even, ...named, round(reached)])].sort((a, b) => a - b);
}

function round(percent: number): number {
  return Math.round(percent * 1000) / 1000;
}
