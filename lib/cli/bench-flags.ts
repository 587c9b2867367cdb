import { Option, type Command } from 'commander';
import type { Convention } from '../bench/record';
import type { Limit } from '../benchmark/options';
import { invalidArgument } from '../errors';
import { aliasFlag, aliasFor } from './alias-flag';
import { repeatable } from './flag-kinds';
import { addInputFlags, type InputFlags } from './input-flags';
import { addLoadFlags, type LoadFlags } from './load-flags';
import { parseNumber, parseWholeNumber } from './parse-numbers';

/** What commander makes of a command line of `trt-node bench`. */
export interface BenchFlags extends LoadFlags, InputFlags {
  readonly loadEngine?: readonly string[];
  readonly warmup?: Limit;
  readonly iterations?: number;
  readonly duration?: number;
  readonly concurrency?: readonly number[];
  readonly batch?: readonly number[];
  readonly rounds?: number;
  readonly convention?: Convention;
  /** trtexec's own switch for copies alone. */
  readonly transfers?: 'on' | 'off';
  readonly percentile?: readonly number[];
  readonly idleTime?: number;
  readonly rate?: number;
  readonly arrival?: string;
  readonly slo?: readonly string[];
  readonly targetQps?: number;
  readonly costPerHour?: number;
  readonly coldStart?: number;
  readonly assert?: readonly string[];
  readonly output?: string;
  readonly exportSamples?: string;
  /** false: --no-samples */
  readonly samples: boolean;
  readonly report?: string;
  readonly json?: true;
  readonly quiet?: true;
  readonly avgRuns?: string;
  readonly dumpProfile?: true;
}

/** Gives `trt-node bench` its flags, in the order of its help. */
export function addBenchFlags(command: Command): Command {
  addLoopFlags(command);
  addInputFlags(command);
  addLoadFlags(command);
  addArrivalFlags(command);
  addResultFlags(command);
  return addTrtexecFlags(command);
}

function addLoopFlags(command: Command): void {
  command
    .option(
      '--warmup <time>',
      'before measuring: a time such as 500ms or 2s, or a number of inferences (default: 200ms)',
      (text) => parseWarmup(text, '--warmup'),
    )
    .addOption(
      aliasFlag('--warmUp <ms>', 'warmup', (text: string) => {
        const milliseconds = parseAbove('--warmUp', 'milliseconds', true)(text);
        return milliseconds === 0 ? { iterations: 0 } : { durationMs: milliseconds };
      }),
    )
    .option(
      '--iterations <count>',
      'inferences of each loop, at least (default: 10, or exactly so many without --duration)',
      parseCount('--iterations'),
    )
    .option(
      '--duration <seconds>',
      'how long each loop goes on, at least (default: 3, or 10 with --rate, 5 for each rate with --slo)',
      parseAbove('--duration', 'seconds', true),
    )
    .option(
      '--concurrency <list>',
      'inferences under way at a time, e.g. 1,2,4 (default: 1, or as many as --lanes says)',
      parseCounts('--concurrency'),
    )
    .option(
      '--batch <list>',
      "size of the first dynamic axis of every input, e.g. 1,8,32 (default: the profile's opt)",
      parseCounts('--batch'),
    )
    .option(
      '--rounds <count>',
      'turns that several engines take, at least 5 for confidence intervals (default: 20)',
      parseCount('--rounds'),
    )
    .addOption(
      new Option(
        '--convention <release>',
        'of trtexec: 10 copies inputs and outputs, 11 does not, and has graphs and spinning on',
      ).choices(['10', '11']),
    )
    .option(
      '--percentile <list>',
      'further percentiles to print, e.g. 75,99.9',
      parsePercents('--percentile'),
    )
    .option(
      '--idle-time <ms>',
      'rest after each inference (default: none)',
      parseAbove('--idle-time', 'milliseconds', true),
    )
    .addOption(
      aliasFlag('--idleTime <ms>', 'idleTime', parseAbove('--idleTime', 'milliseconds', true)),
    );
}

function addArrivalFlags(command: Command): void {
  command
    .option(
      '--rate <rate>',
      'requests a second that arrive whether the ones before are done or not, e.g. 500/s',
      (text) => parseRate(text, '--rate'),
    )
    .option(
      '--arrival <how>',
      'poisson, constant, or a JSON file of recorded arrivals (default: poisson)',
    )
    .option(
      '--slo <limits>',
      "find the highest rate that holds this, e.g. 'p99<50ms'; repeatable",
      repeatable((text) => [text]),
    )
    .option(
      '--target-qps <rate>',
      'with --slo: requests a second to be served, for GPUs and cost',
      (text) => parseRate(text, '--target-qps'),
    )
    .option(
      '--cost-per-hour <price>',
      'with --slo: price of one GPU for an hour',
      parseAbove('--cost-per-hour', 'a price'),
    )
    .option(
      '--cold-start <count>',
      'start so many fresh processes, and time each step up to the first inference',
      parseCount('--cold-start'),
    )
    .option(
      '--assert <limits>',
      "exit with 6 unless this holds, e.g. 'p99<2ms' or 'compute.p50<1.2ms,throughput>500/s'; repeatable",
      repeatable((text) => [text]),
    );
}

function addResultFlags(command: Command): void {
  command
    .option('-o, --output <file>', 'store the record with its samples, for `bench diff`')
    .option('--export-samples <file>', 'write every single measurement as JSON')
    .addOption(aliasFlag('--exportTimes <file>', 'exportSamples', (text: string) => text))
    .option('--no-samples', 'leave single measurements out of --output and --report')
    .option('--report <file>', 'write a report: .html, .md or .json')
    .option('--json', 'print the record as JSON, without samples')
    .option('-q, --quiet', 'print nothing but errors (and the JSON of --json)');
}

function addTrtexecFlags(command: Command): Command {
  return command
    .addOption(
      aliasFlag(
        '--loadEngine <plan>',
        'loadEngine',
        repeatable((path) => [path]),
      ),
    )
    .addOption(aliasFor('--noDataTransfers', 'transfers', 'off'))
    .addOption(aliasFor('--includeDataTransfers', 'transfers', 'on'))
    .addOption(aliasFor('--noCudaGraph', 'graphs', 'off'))
    .addOption(aliasFor('--noSpinWait', 'waiting', 'block'))
    .addOption(new Option('--avgRuns <count>').hideHelp())
    .addOption(new Option('--dumpProfile').hideHelp());
}

/** `500ms`, `2s`, `0` or a number of inferences. */
export function parseWarmup(text: string, option: string): Limit {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? [];
  if (number !== undefined) {
    const durationMs = Number(number) * (unit === 's' ? 1000 : 1);
    return durationMs === 0 ? { iterations: 0 } : { durationMs };
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw invalidArgument(option, 'a time such as 500ms or a number of inferences', text);
  }
  return { iterations: Number(text) };
}

/** `500/s` or `500`; `k` is a thousand. */
export function parseRate(text: string, option: string): number {
  const [, number, kilo] = /^(\d+(?:\.\d+)?)(k?)(?:\/s)?$/.exec(text) ?? [];
  const rate = Number(number) * (kilo === 'k' ? 1000 : 1);
  if (rate > 0 && Number.isFinite(rate)) return rate;
  throw invalidArgument(option, 'requests a second above 0, such as 500/s', text);
}

function parseAbove(option: string, what: string, zero = false): (text: string) => number {
  return (text) => {
    const number = parseNumber(text, option);
    if (number > 0 || (zero && number === 0)) return number;
    throw invalidArgument(option, zero ? `${what} of at least 0` : `${what} above 0`, text);
  };
}

function parseCount(option: string): (text: string) => number {
  return (text) => {
    const count = parseWholeNumber(text, option);
    if (count > 0) return count;
    throw invalidArgument(option, 'a whole number above 0', text);
  };
}

function parseCounts(option: string): (text: string) => readonly number[] {
  const parse = parseCount(option);
  return (text) => [...new Set(text.split(',').map((part) => parse(part.trim())))];
}

function parsePercents(option: string): (text: string) => readonly number[] {
  return (text) =>
    text.split(',').map((part) => {
      const percent = parseNumber(part.trim(), option);
      if (percent > 0 && percent <= 100) return percent;
      throw invalidArgument(option, 'percentages above 0, up to 100', text);
    });
}
