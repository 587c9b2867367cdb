import type { Cell } from './document';

const small = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 4 });
const large = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0, useGrouping: 'min2' });

/** What stands where nothing is known. */
export const unknownCell = '–';

/** Four significant digits, or a whole number: what a reader compares. The JSON has every digit. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return large.format(value);
  return small.format(value);
}

/**
 * Figures that stand below each other, with as many digits after the point as a typical one needs. Where they are too far apart for
 * that, each by itself.
 */
export function formatColumn(values: readonly number[]): (value: number) => string {
  const sizes = values
    .filter((value) => value !== 0 && Number.isFinite(value))
    .map(Math.abs)
    .sort((a, b) => a - b);
  const [smallest = 1] = sizes;
  const middle = sizes[Math.floor(sizes.length / 2)] ?? 1;
  if (sizes.length < 2 || (sizes.at(-1) ?? 1) / smallest > farApart) return formatNumber;
  const needed = sizes.reduce(
    (most, value) => Math.max(most, digitsAfterPoint(formatNumber(value))),
    0,
  );
  const digits = Math.min(needed, Math.max(0, 3 - Math.floor(Math.log10(middle))));
  const format = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: 'min2',
  });
  return (value) => (Number.isFinite(value) ? format.format(value) : String(value));
}

/** Beyond it, the smallest would have fewer than two digits left. */
const farApart = 100;

function digitsAfterPoint(text: string): number {
  return text.split('.')[1]?.length ?? 0;
}

export function formatCell(cell: Cell): string {
  if (cell === null) return unknownCell;
  return typeof cell === 'number' ? formatNumber(cell) : cell;
}

/** `1.21 ms`; without a unit the value alone. */
export function withUnit(value: string, unit: string | undefined): string {
  return unit === undefined || unit === '' ? value : `${value} ${unit}`;
}

/** `Latency (ms)`, for a column or an axis. */
export function titleWithUnit({
  title,
  unit,
}: {
  readonly title: string;
  readonly unit?: string;
}): string {
  if (unit === undefined || unit === '') return title;
  return title === '' ? unit : `${title} (${unit})`;
}

/** 0.123 as `12.3 %`. */
export function formatShare(share: number): string {
  return `${formatNumber(Math.round(share * 1000) / 10)} %`;
}

/** `1 sample`, `20,000 samples`. */
export function formatCount(count: number, thing: string): string {
  return `${formatNumber(count)} ${thing}${count === 1 ? '' : 's'}`;
}
