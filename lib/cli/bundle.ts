import { Command, Option } from 'commander';
import pc, { createColors } from 'picocolors';
import { createBundle, type BundleResult } from '../bundle/create-bundle';
import type { BundleKind } from '../bundle/record';
import { flavourNames } from '../gpu-support';
import { withAbortOnSignals } from './abort-on-signals';
import { formatBytes } from './build-summary';
import { repeatable } from './flag-kinds';
import { printable } from './printable';

interface BundleFlags {
  readonly out: string;
  readonly plan?: readonly string[];
  readonly plugin?: readonly string[];
  readonly builder: boolean;
  readonly library?: string;
  readonly force?: true;
  readonly json?: true;
  readonly quiet?: true;
}

const one = (text: string): readonly string[] => [text];

export function bundleCommand(): Command {
  return new Command('bundle')
    .description('gather addon, engine and the libraries that a slim image needs')
    .requiredOption(
      '--out <folder>',
      'where to: an empty or missing folder, or a bundle to replace',
    )
    .addOption(
      new Option('--plan <file>', 'an engine to put in, with its manifest (repeatable)').argParser(
        repeatable(one),
      ),
    )
    .addOption(
      new Option(
        '--plugin <file>',
        'a plugin library that a plan was built with (repeatable)',
      ).argParser(repeatable(one)),
    )
    .option('--no-builder', 'leave out what only building needs: parser, builder resources')
    .option('--library <path>', 'this TensorRT library or folder (default: what the plans need)')
    .option('--force', 'write into a folder that holds something else, too')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print errors only')
    .addHelpText(
      'after',
      `
Examples:
  trt-node bundle --out /opt/trt --plan model.engine --no-builder    the least that runs model.engine
  trt-node bundle --out /opt/trt                                     builds engines where it is copied to

In the image: COPY --from=build /opt/trt /opt/trt, and Node.js code in /opt/trt finds trt-node by its name.`,
    )
    .action(run);
}

async function run({ plan, plugin, json, quiet, ...flags }: BundleFlags): Promise<void> {
  const result = await withAbortOnSignals(
    async (signal) => await createBundle({ ...flags, plans: plan, plugins: plugin, signal }),
  );
  if (quiet !== true) {
    for (const note of result.notes) {
      process.stderr.write(`${pc.yellow('note')}: ${printable(note)}\n`);
    }
  }
  if (json === true) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else if (quiet !== true) {
    process.stdout.write(`${renderBundle(result, { color: pc.isColorSupported })}\n`);
  }
}

/** Kinds that are many small files: a line for all. */
const together: Readonly<Partial<Record<BundleKind, string>>> = {
  'trt-node': 'node_modules/trt-node',
  dependency: 'node_modules/*',
  manifest: 'plans/*.json',
  licence: 'licences',
};

const remarks: Readonly<Partial<Record<BundleKind, string>>> = {
  addon: 'addon',
  'trt-node': 'trt-node',
  dependency: 'packages that trt-node needs',
  builder: 'for building',
  plugin: 'plugins',
};

/** What is in the bundle, with sizes: the libraries each, the rest by kind. */
export function renderBundle(result: BundleResult, options: { readonly color: boolean }): string {
  const paint = createColors(options.color);
  const rows = rowsOf(result);
  const width = Math.max(...rows.map(([name]) => name.length));
  const sizes = rows.map(([, bytes]) => formatBytes(bytes));
  const sizeWidth = Math.max(...sizes.map(({ length }) => length));
  const lines = rows.map(([name, , remark], index) => {
    const size = (sizes[index] ?? '').padStart(sizeWidth);
    return `  ${printable(name).padEnd(width)}  ${size}  ${paint.dim(remark)}`.trimEnd();
  });
  const { requires } = result;
  const glibcxx = requires.glibcxx === null ? '' : `, libstdc++ with GLIBCXX_${requires.glibcxx}`;
  const needs = `Node.js ${requires.node}, glibc ${requires.glibc ?? '?'}${glibcxx}; to infer, the NVIDIA driver`;
  return [
    `${paint.green('✓')} ${paint.bold(printable(result.folder))}`,
    ...lines,
    `  ${paint.dim('needs')}  ${needs}`,
  ].join('\n');
}

type SizeRow = readonly [name: string, bytes: number, remark: string];

function rowsOf({ files, libraries, totalBytes }: BundleResult): readonly SizeRow[] {
  const rows = new Map<string, SizeRow>();
  for (const file of files) {
    if (!('sizeBytes' in file)) continue;
    const name = together[file.kind] ?? file.path;
    const [, before] = rows.get(name) ?? [name, 0];
    const library = libraries.find(({ core }) => core === file.path);
    const remark = library
      ? `${flavourNames[library.flavour]} ${library.version}`
      : (remarks[file.kind] ?? '');
    rows.set(name, [name, before + file.sizeBytes, remark]);
  }
  const bySize = [...rows.values()].sort(([, a], [, b]) => b - a);
  return [...bySize, ['total', totalBytes, '']];
}
