import { Option, type Command } from 'commander';
import { runtimes } from '../build-options';
import { rungNames, type RungName } from '../ladder/rung';
import type { Goal } from '../ladder/result';
import { aliasFlag } from './alias-flag';
import {
  addCalibrationFlags,
  addPluginFlags,
  addShapeFlags,
  addVerifyFlags,
  type BuildFlags,
} from './build-flags';
import { invalidArgument } from '../errors';
import { repeatable, wholeNumber } from './flag-kinds';
import { addInputFlags, type InputFlags } from './input-flags';
import { parseChoices } from './parse-names';
import { parseWholeNumber } from './parse-numbers';

/** Of `build`, what every rung is built with. */
type SharedFlags = Pick<
  BuildFlags,
  | ('runtime' | 'library' | 'device' | 'optimizationLevel' | 'timingCache' | 'plugin')
  | ('standardPlugins' | 'calibration' | 'calibrationAlgorithm' | 'calibrationCache')
  | ('minShapes' | 'optShapes' | 'maxShapes' | 'profile' | 'verify')
  | ('atol' | 'rtol' | 'metric' | 'minimum' | 'maximum' | 'maxDrop' | 'json' | 'quiet' | 'report')
>;

/** What commander makes of a command line of `trt-node ladder`. */
export interface LadderFlags extends SharedFlags, InputFlags {
  readonly onnx?: string;
  readonly rungs?: readonly RungName[];
  readonly graphs: 'both' | 'on' | 'off';
  readonly lanes?: readonly number[];
  readonly batch?: readonly number[];
  readonly warmup: number;
  readonly iterations: number;
  readonly goal: Goal;
  readonly out?: string;
  /** A folder; absent: the usual one; false: --no-cache. */
  readonly cache?: string | false;
}

/** Gives `trt-node ladder` its flags, in the order of its help. */
export function addLadderFlags(command: Command): Command {
  addRungFlags(command);
  addCalibrationFlags(command);
  command.addOption(aliasFlag('--calib <path>', 'calibration', (text: string) => text));
  addVerifyFlags(command);
  addShapeFlags(command);
  addInputFlags(command);
  addBuildFlagsOfRungs(command);
  addPluginFlags(command);
  return addResultFlags(command);
}

function addRungFlags(command: Command): void {
  command
    .addOption(aliasFlag('--onnx <file>', 'onnx', (text: string) => text))
    .option(
      '--rungs <list>',
      `of ${rungNames.join(', ')}; repeatable (default: all that can be had)`,
      repeatable((text) => parseChoices(text, '--rungs', rungNames)),
    )
    .addOption(
      new Option('--graphs <mode>', 'measure with CUDA graph, without, or both')
        .choices(['both', 'on', 'off'])
        .default('both'),
    )
    .option(
      '--lanes <list>',
      'inferences under way at a time, e.g. 1,2,4 (default: 1)',
      counts('--lanes'),
    )
    .option(
      '--batch <list>',
      "sizes of the first dynamic axis of every input, e.g. 1,8,32 (default: the profile's opt)",
      counts('--batch'),
    )
    .option('--warmup <count>', 'inferences before each measurement', count('--warmup', 0), 50)
    .option('--iterations <count>', 'measured inferences', count('--iterations', 1), 500)
    .addOption(
      new Option('--goal <what>', 'what the recommendation is about')
        .choices(['latency', 'throughput'])
        .default('latency'),
    );
}

function addBuildFlagsOfRungs(command: Command): void {
  command
    .addOption(
      new Option('--runtime <name>', 'which TensorRT builds (default: auto)').choices(runtimes),
    )
    .option('--library <path>', 'use this TensorRT library or folder')
    .option('--device <index>', 'CUDA device (default: 0)', wholeNumber('--device'))
    .option(
      '--optimization-level <0-5>',
      'longer builds, faster engines',
      wholeNumber('--optimization-level'),
    )
    .option('--timing-cache <path>', "timing cache file (default: trt-node's own)")
    .option('--out <folder>', 'keep the engine of each rung in this folder, as <rung>.engine')
    .option('--cache <folder>', "engine cache that rungs are reused from (default: trt-node's own)")
    .option('--no-cache', 'build every rung anew');
}

function addResultFlags(command: Command): Command {
  return command
    .option('--report <file>', 'write the ladder as a page: .html, .md or .json')
    .option('--json', 'print the result as JSON on stdout, progress on stderr')
    .option('-q, --quiet', 'print nothing but errors (and the JSON of --json)');
}

function count(option: string, least: number): (text: string) => number {
  return (text) => {
    const number = parseWholeNumber(text, option);
    if (number < least) throw invalidArgument(option, `a number from ${least} on`, number);
    return number;
  };
}

function counts(
  option: string,
): (text: string, before: readonly number[] | undefined) => readonly number[] {
  return repeatable((text) => text.split(',').map((part) => count(option, 1)(part.trim())));
}
