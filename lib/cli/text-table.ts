import { createColors } from 'picocolors';
import { printable } from './printable';

export interface TextColumn {
  readonly title: string;
  /** Numbers stand on the right. */
  readonly align?: 'right';
}

/** Names are joined of all that was fused: a longer one is cut in the middle, where they differ least. */
const widest = 64;

/** A table for a terminal: a head, a row a line, two spaces between columns. Cells may come from a model. */
export function renderTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  { color }: { readonly color: boolean },
): readonly string[] {
  const paint = createColors(color);
  const cells = rows.map((row) => row.map((cell) => cellText(cell)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = row[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const head = line(columns.map(({ title }) => title));
  return [`  ${paint.dim(head)}`, ...cells.map((row) => `  ${line(row)}`)];
}

function cellText(text: string): string {
  const shown = printable(text).replace(/[\n\t]/g, ' ');
  if (shown.length <= widest) return shown;
  const half = (widest - 1) / 2;
  return `${shown.slice(0, Math.ceil(half))}…${shown.slice(shown.length - Math.floor(half))}`;
}
