import { access, constants, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { closedMetrics } from '../bench/closed-metrics';
import { coldStartMetrics } from '../bench/cold-start-metrics';
import { parseLimits, type Limit, type MetricNames } from '../bench/limits';
import { loadMetrics } from '../bench/load-run';
import type { Convention } from '../bench/record';
import type { Limit as LoopLimit } from '../benchmark/options';
import { invalidArgument, TrtError } from '../errors';
import type { LoadOptions } from '../load-options';
import { checkReportPath } from '../report/write-report';
import { writeError } from '../write-error';
import type { BenchFlags } from './bench-flags';
import { loadOptionsOf } from './load-flags';

/** A command line of `bench`, understood. */
export interface BenchSettings {
  readonly plans: readonly string[];
  readonly load: LoadOptions;
  readonly flags: BenchFlags;
  readonly convention: Convention;
  readonly batches: readonly (number | null)[];
  readonly concurrencies: readonly number[];
  readonly warmup: LoopLimit;
  readonly limit: LoopLimit;
  readonly rounds: number;
  readonly mode: BenchMode;
  readonly assertions: readonly Limit[];
}

export type BenchMode =
  | { readonly kind: 'closed' }
  | { readonly kind: 'rate'; readonly durationMs: number | null }
  | { readonly kind: 'slo'; readonly stepMs: number; readonly limits: readonly Limit[] }
  | { readonly kind: 'cold-start'; readonly processes: number };

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function benchSettingsOf(given: readonly string[], flags: BenchFlags): BenchSettings {
  const plans = [...given, ...(flags.loadEngine ?? [])];
  if (plans.length === 0) {
    throw invalidArgument('<plan>', 'an engine file, or several to compare,', undefined);
  }
  const mode = modeOf(flags);
  const batches = flags.batch ?? [null];
  // trtexec keeps an inference under way on every stream that it is given.
  const concurrencies = flags.concurrency ?? [flags.lanes ?? 1];
  checkTogether(flags, mode, plans);
  const convention = flags.convention ?? (flags.transfers === 'off' ? '11' : '10');
  if (flags.convention !== undefined && flags.transfers !== undefined) {
    throw invalidArgument(
      '--convention',
      "to be left out beside trtexec's switch for transfers",
      flags.convention,
    );
  }
  return {
    ...{ plans, flags, convention, batches, concurrencies, mode },
    load: loadOptionsFor(flags),
    warmup: flags.warmup ?? { durationMs: 200 },
    limit: limitOf(flags),
    rounds: plans.length === 1 ? 1 : (flags.rounds ?? 20),
    assertions: (flags.assert ?? []).flatMap((text) =>
      parseLimits(text, '--assert', metricsOf(mode)),
    ),
  };
}

/** trtexec 11 has graphs and spinning on unless it is told otherwise. */
function loadOptionsFor(flags: BenchFlags): LoadOptions {
  const load = loadOptionsOf(flags);
  if (flags.convention !== '11') return load;
  return { ...load, graphs: load.graphs ?? 'on', waiting: load.waiting ?? 'spin' };
}

function limitOf({ iterations, duration }: BenchFlags): LoopLimit {
  // trtexec's users write --duration=0 for a number of iterations alone.
  if (duration === 0) return { iterations: iterations ?? 10 };
  if (duration !== undefined) return { iterations: iterations ?? 1, durationMs: duration * 1000 };
  return iterations === undefined ? { iterations: 10, durationMs: 3000 } : { iterations };
}

function modeOf(flags: BenchFlags): BenchMode {
  const { coldStart, slo, rate, arrival, duration } = flags;
  if (coldStart !== undefined) return { kind: 'cold-start', processes: coldStart };
  if (slo !== undefined) {
    const limits = slo.flatMap((text) => parseLimits(text, '--slo', loadMetrics));
    return { kind: 'slo', stepMs: (duration ?? 5) * 1000, limits };
  }
  if (rate === undefined && arrival === undefined) return { kind: 'closed' };
  if (rate === undefined && (arrival === 'poisson' || arrival === 'constant')) {
    throw invalidArgument('--rate', `requests a second beside --arrival ${arrival}`, rate);
  }
  const trace = arrival !== undefined && arrival !== 'poisson' && arrival !== 'constant';
  const durationMs = duration === undefined ? (trace ? null : 10_000) : duration * 1000;
  return { kind: 'rate', durationMs };
}

function metricsOf({ kind }: BenchMode): MetricNames {
  switch (kind) {
    case 'closed':
      return closedMetrics;
    case 'cold-start':
      return coldStartMetrics;
    case 'rate':
    case 'slo':
      return loadMetrics;
  }
}

/** Flags that mean nothing to a mode are refused: they would be ignored in silence. */
function checkTogether(flags: BenchFlags, { kind }: BenchMode, plans: readonly string[]): void {
  const { concurrency, iterations, rounds, batch, percentile, idleTime, targetQps, costPerHour } =
    flags;
  const { rate, arrival, slo, convention, transfers, exportSamples, duration, warmup } = flags;
  const closedOnly = { concurrency, iterations, rounds, percentile, 'idle-time': idleTime };
  const refused: Readonly<Record<BenchMode['kind'], Readonly<Record<string, unknown>>>> = {
    closed: { 'target-qps': targetQps, 'cost-per-hour': costPerHour },
    rate: {
      ...closedOnly,
      convention,
      noDataTransfers: transfers,
      'target-qps': targetQps,
      'cost-per-hour': costPerHour,
    },
    slo: {
      ...closedOnly,
      convention,
      noDataTransfers: transfers,
      arrival: arrival === 'poisson' || arrival === 'constant' ? undefined : arrival,
    },
    'cold-start': {
      ...{ ...closedOnly, 'target-qps': targetQps, 'cost-per-hour': costPerHour },
      ...{ rate, arrival, slo, convention, duration, warmup, noDataTransfers: transfers },
      'export-samples': exportSamples,
    },
  };
  const names = {
    closed: 'a closed loop',
    rate: '--rate',
    slo: '--slo',
    'cold-start': '--cold-start',
  };
  for (const [name, value] of Object.entries(refused[kind])) {
    if (value === undefined) continue;
    const reason = kind === 'closed' ? 'also --slo' : `to be left out with ${names[kind]}`;
    throw invalidArgument(`--${name}`, reason, value);
  }
  if (kind === 'closed') {
    if (rounds !== undefined && plans.length === 1) {
      throw invalidArgument('--rounds', 'several engines', rounds);
    }
    return;
  }
  if (duration === 0) {
    throw invalidArgument('--duration', `seconds above 0 with ${names[kind]}`, duration);
  }
  if (plans.length > 1)
    throw invalidArgument('<plan>', `a single engine with ${names[kind]}`, plans);
  if (batch !== undefined && batch.length > 1) {
    throw invalidArgument('--batch', `a single size with ${names[kind]}`, batch);
  }
}

/** What the flags write begins so, without its blanks. */
const marks = {
  record: /^\{"schema":"trt-node\//,
  samples: /^\[(?:\{"engine":|\]$)/,
} as const;

/** As much as is read to see what a file is. */
const startBytes = 64 * 1024;

/** Finds out before anything is measured that its result could not be written. Rejects with ERR_TRT_INVALID_ARG and ERR_TRT_WRITE. */
export async function checkTargets({
  output,
  exportSamples,
  report,
}: Pick<BenchFlags, 'output' | 'exportSamples' | 'report'>): Promise<void> {
  if (report !== undefined) await checkReportPath(report);
  for (const file of [output, exportSamples]) if (file !== undefined) await checkTarget(file);
  if (output !== undefined) await refuseForeign(output, 'record');
  if (exportSamples !== undefined) await refuseForeign(exportSamples, 'samples');
}

async function checkTarget(file: string): Promise<void> {
  try {
    await access(path.dirname(path.resolve(file)), constants.W_OK);
    const standing = await stat(file).catch(() => null);
    if (standing === null || standing.isFile()) return;
    throw Object.assign(new Error('what stands there is no file'), { code: 'EISDIR' });
  } catch (error) {
    throw writeError(file, 'write', error);
  }
}

/** `-o package.json` is a slip of the hand. */
async function refuseForeign(file: string, kind: keyof typeof marks): Promise<void> {
  const text = (await startOf(file)).replaceAll(/\s/g, '');
  if (text === '' || marks[kind].test(text)) return;
  const what = { record: 'a record', samples: 'samples' }[kind];
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected to write ${what} to ${file}, but what stands there is not ${what} of trt-node and would be lost. Name another file, or move that away.`,
    { details: { path: file, step: 'look at what stands there', errno: null } },
  );
}

/** Empty where nothing stands. */
async function startOf(file: string): Promise<string> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(startBytes), 0, startBytes, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw writeError(file, 'look at what stands there', error);
  }
}
