type Order = 'ascending' | 'descending';

/** Makes the headings of a table buttons that sort its rows: figures the largest first, words from a to z, then the other way round. */
export function makeSortable(table: HTMLTableElement): void {
  const headings = [...table.querySelectorAll<HTMLTableCellElement>('thead th')];
  const body = table.tBodies[0];
  if (body === undefined) return;
  headings.forEach((heading, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener('click', () => {
      const first: Order = heading.classList.contains('number') ? 'descending' : 'ascending';
      const order = nextOrder(heading.getAttribute('aria-sort'), first);
      for (const other of headings) other.removeAttribute('aria-sort');
      heading.setAttribute('aria-sort', order);
      sortRows(body, column, order);
    });
  });
}

function nextOrder(current: string | null, first: Order): Order {
  if (current === null) return first;
  return current === 'ascending' ? 'descending' : 'ascending';
}

const words = new Intl.Collator('en', { numeric: true });

function sortRows(body: HTMLTableSectionElement, column: number, order: Order): void {
  const sign = order === 'ascending' ? 1 : -1;
  const keyed = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[column]) }));
  keyed.sort(({ key: a }, { key: b }) => {
    // What is not known comes last either way.
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
    return sign * words.compare(String(a), String(b));
  });
  body.append(...keyed.map(({ row }) => row));
}

function keyOf(cell: HTMLTableCellElement | undefined): number | string | null {
  if (cell === undefined || cell.querySelector('.unknown') !== null) return null;
  const value = cell.dataset['value'];
  return value === undefined ? cell.textContent : Number(value);
}
