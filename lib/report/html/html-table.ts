import type { Cell } from '../document';
import {
  formatColumn,
  formatCount,
  formatNumber,
  titleWithUnit,
  unknownCell,
} from '../format-value';
import type { ReportTable } from '../section-table';
import { markup, type Html } from './html-text';

/** What a browser lays out without a pause. */
const mostRows = 2000;

interface TableLook {
  /** The page's script makes the headings buttons that sort, where there is something to sort. */
  readonly sortable?: boolean;
  /** For the script to find it. */
  readonly name?: string;
  /** What stands above it says the same: the caption is for those who do not see that. */
  readonly named?: boolean;
}

export function renderTable(table: ReportTable, look: TableLook = {}): Html {
  const { title, columns, rows } = table;
  const numeric = columns.map((_, column) => isNumeric(rows, column));
  const classes = columns.map((_, column) =>
    numeric[column] ? 'number' : hasLongWords(rows, column) ? 'long' : 'short',
  );
  const classOf = (column: number): Html => markup` class="${classes[column]}"`;
  const formats = columns.map((_, column) => formatColumn(numbersOf(rows, column)));
  const cell = (value: Cell, column: number): Html => {
    if (value === null)
      return markup`<td${classOf(column)}><span class="unknown">${unknownCell}</span></td>`;
    if (typeof value === 'string') return markup`<td${classOf(column)}>${value}</td>`;
    return markup`<td${classOf(column)} data-value="${Number(value.toPrecision(9))}">${formats[column]?.(value)}</td>`;
  };
  const sortable = (look.sortable ?? true) && rows.length > 2;
  const shown = rows.slice(0, mostRows);
  return markup`<div class="scroll">
<table${sortable && markup` data-sortable`}${look.name !== undefined && markup` data-name="${look.name}"`}>
<caption${look.named === true && markup` class="unseen"`}>${title}</caption>
<thead><tr>${columns.map((column, index) => markup`<th scope="col" ${classOf(index)}>${titleWithUnit(column)}</th>`)}</tr></thead>
<tbody>
${shown.map(
  (row) =>
    markup`<tr>
      ${row.map(cell)}
    </tr> `,
)}</tbody>
</table>
</div>
${rows.length > mostRows && markup`<p class="hint">The first ${formatNumber(mostRows)} of ${formatCount(rows.length, 'row')}: the JSON report has them all.</p>`}`;
}

/** Words that a narrow column has to break. */
function hasLongWords(rows: readonly (readonly Cell[])[], column: number): boolean {
  return rows.some((row) => {
    const value = row[column];
    return typeof value === 'string' && value.split(/\s/).some((word) => word.length > longWord);
  });
}

const longWord = 20;

function numbersOf(rows: readonly (readonly Cell[])[], column: number): number[] {
  return rows.map((row) => row[column]).filter((value) => typeof value === 'number');
}

/** Numbers, as far as anything is known. */
function isNumeric(rows: readonly (readonly Cell[])[], column: number): boolean {
  let found = false;
  for (const row of rows) {
    const value = row[column] ?? null;
    if (typeof value === 'string') return false;
    if (value !== null) found = true;
  }
  return found;
}
