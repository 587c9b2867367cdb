import path from 'node:path';
import { Command } from 'commander';
import { loadBinding } from '../binding';
import { noCacheFolder } from '../cache/cache-errors';
import { enginesFolder, timingFolder } from '../cache/folders';
import {
  cachedEngines,
  cachedTimings,
  type CachedEngine,
  type CachedTimings,
} from '../cache/inventory';
import { prune, type PruneResult } from '../cache/prune';
import { invalidArgument } from '../errors';
import { flavourNames } from '../gpu-support';
import { formatBytes } from './build-summary';
import { parseSize } from './parse-numbers';
import { printable } from './printable';

interface CacheFlags {
  readonly dir?: string;
  readonly json?: true;
}

interface PruneFlags extends CacheFlags {
  readonly maxSize?: string;
  readonly olderThan?: string;
  readonly all?: true;
  readonly dryRun?: true;
}

export function cacheCommand(): Command {
  const command = new Command('cache').description(
    'list and prune what builds keep: engines and timing caches',
  );
  command
    .command('ls')
    .description('list the engines in the cache, and the timing caches')
    .option('--dir <folder>', 'the engine cache (default: engines in TRT_NODE_HOME)')
    .option('--json', 'print the list as JSON')
    .action(list);
  command
    .command('prune')
    .description('remove what builds that were killed left, and what else is asked for')
    .option(
      '--max-size <size>',
      'engines go, least recently used first, until this is left (10GiB)',
    )
    .option('--older-than <age>', 'remove what was not used for this long (30d, 12h)')
    .option('--all', 'remove everything')
    .option('--dry-run', 'say what would be removed; remove nothing')
    .option('--dir <folder>', 'the engine cache (default: engines in TRT_NODE_HOME)')
    .option('--json', 'print the result as JSON')
    .action(runPrune);
  return command;
}

async function list({ dir, json }: CacheFlags): Promise<void> {
  const folders = foldersOf(dir);
  const engines = await cachedEngines(folders.engines);
  const timings = folders.timing === null ? [] : await cachedTimings(folders.timing);
  if (json === true) {
    const stamp = { schema: 'trt-node/cache', schemaVersion: 1 };
    const inventory = { ...stamp, folder: folders.engines, engines, timingCaches: timings };
    print(JSON.stringify(inventory, null, 2));
  } else {
    print(renderInventory(folders.engines, engines, timings));
  }
}

async function runPrune(flags: PruneFlags): Promise<void> {
  const folders = foldersOf(flags.dir);
  const { maxSize, olderThan, all = false, dryRun = false } = flags;
  const result = await prune({
    binding: loadBinding(),
    folder: folders.engines,
    timingFolder: folders.timing,
    maxBytes: maxSize === undefined ? null : parseSize(maxSize, '--max-size'),
    olderThanMs: olderThan === undefined ? null : parseAge(olderThan, '--older-than'),
    all,
    dryRun,
  });
  const stamped = { schema: 'trt-node/cache-prune', schemaVersion: 1, ...result };
  print(flags.json === true ? JSON.stringify(stamped, null, 2) : renderPruned(result, dryRun));
}

/** Timing caches lie in trt-node's own folder alone: a cache somewhere else has none. */
function foldersOf(dir: string | undefined): { engines: string; timing: string | null } {
  if (dir !== undefined) return { engines: path.resolve(dir), timing: null };
  const engines = enginesFolder();
  if (engines === null) throw noCacheFolder();
  return { engines, timing: timingFolder() };
}

const units: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `30d` → milliseconds. */
export function parseAge(text: string, option: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text.trim()) ?? [];
  const milliseconds = units[unit];
  if (count === undefined || milliseconds === undefined) {
    throw invalidArgument(option, 'an age such as 30d, 12h, 90m or 2w', text);
  }
  return Number(count) * milliseconds;
}

export function renderInventory(
  folder: string,
  engines: readonly CachedEngine[],
  timings: readonly CachedTimings[],
): string {
  if (engines.length === 0 && timings.length === 0) return `${folder}: nothing is kept there`;
  const rows = engines.map((engine) => [
    engine.key.slice(0, 12),
    engine.state === 'whole' ? printable(engine.model ?? '?') : '(incomplete)',
    engine.gpu ?? engine.computeCapabilities?.join(' ') ?? '?',
    engine.flavour === null ? '?' : `${flavourNames[engine.flavour]} ${engine.version ?? '?'}`,
    engine.precision.join('+') || "the model's own",
    formatBytes(engine.sizeBytes),
    dateOf(engine.lastUsed),
  ]);
  const timingRows = timings.map((timing) => [
    path.basename(timing.path),
    formatBytes(timing.sizeBytes),
    dateOf(timing.lastUsed),
  ]);
  const blocks = [
    rows.length === 0 ? [] : table([engineColumns, ...rows]),
    timingRows.length === 0 ? [] : table([timingColumns, ...timingRows]),
  ];
  const total = engines.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const summary = `${engines.length} ${engines.length === 1 ? 'engine' : 'engines'}, ${formatBytes(total)}, in ${folder}`;
  return [
    ...blocks.filter(({ length }) => length > 0).map((lines) => lines.join('\n')),
    summary,
  ].join('\n\n');
}

const engineColumns = ['key', 'model', 'GPU', 'TensorRT', 'precision', 'size', 'last used'];
const timingColumns = ['timing cache', 'size', 'last used'];

function table(rows: readonly (readonly string[])[]): string[] {
  const [header = []] = rows;
  const widths = header.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function renderPruned(result: PruneResult, dryRun: boolean): string {
  const verb = dryRun ? 'would remove' : 'removed';
  const reasons = {
    all: 'asked for',
    age: 'not used for so long',
    size: 'over the size',
    leftover: 'left by a killed build',
  } as const;
  const line = ({ path: file, sizeBytes, reason }: PruneResult['removed'][number]): string =>
    `${file}  ${formatBytes(sizeBytes)}, ${reasons[reason]}`;
  return [
    ...result.removed.map((file) => `${verb} ${line(file)}`),
    ...result.kept.map((file) => `kept, as it is in use: ${line(file)}`),
    `${verb} ${result.removed.length} of ${result.removed.length + result.kept.length}, ${formatBytes(result.freedBytes)}`,
  ].join('\n');
}

/** `2026-01-02 03:04` in UTC. */
function dateOf(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
