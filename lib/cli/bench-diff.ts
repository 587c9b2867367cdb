import { Command } from 'commander';
import pc from 'picocolors';
import { diffRecords } from '../bench/diff';
import { readRecord, writeJson } from '../bench/record-file';
import { reportOfDiff } from '../bench/report-of-diff';
import { invalidArgument } from '../errors';
import { writeReport } from '../report/write-report';
import { renderDiff } from './bench-render';
import { checkTargets } from './bench-settings';

interface DiffFlags {
  readonly output?: string;
  readonly report?: string;
  readonly json?: true;
  readonly quiet?: true;
}

export function benchDiffCommand(): Command {
  return new Command('diff')
    .description('compare two stored records: yesterday and today, a container and its host')
    .argument('<a>', 'record of bench --output, or a .json report of it')
    .argument('<b>', 'the other one; ratios are b/a')
    .option('-o, --output <file>', 'store the comparison as JSON')
    .option('--report <file>', 'write a report: .html, .md or .json')
    .option('--json', 'print the comparison as JSON')
    .option('-q, --quiet', 'print nothing but errors (and the JSON of --json)')
    .action(run);
}

async function run(a: string, b: string, _own: DiffFlags, command: Command): Promise<void> {
  // `bench` has flags of these names too, and commander gives them to it wherever they stand.
  const flags = command.optsWithGlobals<DiffFlags>();
  refuseOthers(command);
  await checkTargets(flags);
  const [one, other] = [await readRecord(a), await readRecord(b)];
  const diff = diffRecords({ path: a, record: one }, { path: b, record: other });
  if (flags.output !== undefined) await writeJson(flags.output, diff);
  if (flags.report !== undefined) {
    await writeReport(
      flags.report,
      reportOfDiff(diff, ['trt-node', ...process.argv.slice(2)].join(' ')),
    );
  }
  if (flags.json === true) process.stdout.write(`${JSON.stringify(diff, null, 2)}\n`);
  else if (flags.quiet !== true) process.stdout.write(`${renderDiff(diff, pc)}\n`);
}

const shared: readonly string[] = [
  'output',
  'report',
  'json',
  'quiet',
] satisfies (keyof DiffFlags)[];

/** Flags of `bench` itself would be ignored in silence. */
function refuseOthers({ parent }: Command): void {
  for (const option of parent?.options ?? []) {
    const name = option.attributeName();
    if (shared.includes(name) || parent?.getOptionValueSource(name) !== 'cli') continue;
    const value: unknown = parent.getOptionValue(name);
    throw invalidArgument(option.long ?? name, 'to be left out with bench diff', value);
  }
}
