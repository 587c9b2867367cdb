import { createColors } from 'picocolors';
import { nearPath } from './near-path';
import type { BuildOutcome } from './build-outcome';
import { describeTarget, formatBytes } from './build-summary';
import { printable } from './printable';
import { TrtError } from '../errors';

type Cells = readonly [mark: string, name: string, size: string, seconds: string, rest: string];

/** What became of every model of a config file, a line each. */
export function renderBuildsTable(
  outcomes: readonly BuildOutcome[],
  { color }: { readonly color: boolean },
): string {
  const rows = outcomes.map(cellsOf);
  const widthOf = (column: 1 | 2 | 3): number => Math.max(...rows.map((row) => row[column].length));
  const [names, sizes, times] = [widthOf(1), widthOf(2), widthOf(3)];
  const paint = createColors(color);
  const painted = { '✓': paint.green('✓'), '✗': paint.red('✗'), '–': paint.dim('–') };
  return rows
    .map(([mark, name, size, seconds, rest]) => {
      const cells = [name.padEnd(names), size.padStart(sizes), seconds.padStart(times), rest];
      return `${painted[mark as '✓']} ${cells.join('  ')}`.trimEnd();
    })
    .join('\n');
}

function cellsOf(outcome: BuildOutcome): Cells {
  const name = printable(outcome.request.name ?? outcome.request.model);
  switch (outcome.status) {
    case 'built': {
      const { manifest, sizeBytes, request } = outcome;
      const rest = `${nearPath(request.options.output)}  ${describeTarget(manifest)}`;
      const seconds = `${manifest.buildSeconds.toFixed(2)} s`;
      return ['✓', name, formatBytes(sizeBytes), seconds, printable(rest)];
    }
    case 'failed': {
      const { error } = outcome;
      return ['✗', name, '', '', error instanceof TrtError ? error.code : 'failed'];
    }
    case 'not-built':
      return ['–', name, '', '', 'not built, as a model before it failed (--keep-going)'];
  }
}
