import type { Command } from 'commander';
import { invalidArgument } from '../errors';
import type { GraphMode, LaneOptions } from '../infer/lane-options';
import type { LoadOptions, PlanIntegrity } from '../load-options';
import { readSigningKey } from '../signature/key-file';
import { aliasFlag, aliasFor } from './alias-flag';
import { choice, repeatable, wholeNumber } from './flag-kinds';
import { parseSize, parseWholeNumber } from './parse-numbers';

export const graphChoices = ['auto', 'on', 'off'] as const satisfies readonly GraphMode[];
export const waitingChoices = ['auto', 'spin', 'block'] as const;
export const contextMemoryChoices = ['separate', 'shared'] as const;
export const integrityChoices = [
  'digest',
  'signature',
  'off',
] as const satisfies readonly PlanIntegrity[];

/** What commander makes of the flags that say how an engine is loaded. */
export interface LoadFlags {
  readonly library?: string;
  readonly device?: number;
  readonly lanes?: number;
  readonly graphs?: GraphMode;
  readonly waiting?: NonNullable<LaneOptions['waiting']>;
  readonly contextMemory?: NonNullable<LaneOptions['contextMemory']>;
  readonly queueLimit?: number;
  readonly plugin?: readonly string[];
  readonly standardPlugins?: true;
  readonly hostCode?: true;
  readonly integrity?: PlanIntegrity;
  readonly verifyKey?: readonly string[];
  readonly weightStreamingBudget?: number | 'auto';
  readonly runtimeCache?: string;
}

/** Gives a command that loads engines the flags for it, and trtexec's spellings of them. */
export function addLoadFlags(command: Command): Command {
  addMachineFlags(command.optionsGroup('Loading the engine:'));
  addLaneFlags(command);
  return addTrustFlags(command).optionsGroup('Options:');
}

function addMachineFlags(command: Command): void {
  command
    .option('--library <path>', 'use this TensorRT library or folder')
    .option('--device <index>', 'CUDA device to run on (default: 0)', wholeNumber('--device'))
    .option(
      '--plugin <path>',
      'plugin library that the plan needs; repeatable',
      repeatable((path) => [path]),
    )
    .option('--standard-plugins', "register TensorRT's standard plugins (libnvinfer_plugin)");
  for (const spelling of ['--plugins', '--staticPlugins', '--dynamicPlugins']) {
    command.addOption(
      aliasFlag(
        `${spelling} <path>`,
        'plugin',
        repeatable((path) => [path]),
      ),
    );
  }
}

function addLaneFlags(command: Command): void {
  command
    .option(
      '--lanes <count>',
      'inferences on the GPU at a time, each with a stream of its own, 1 to 64 (default: 1 or 2, by memory)',
      parseLanes('--lanes'),
    )
    .addOption(aliasFlag('--infStreams <count>', 'lanes', parseLanes('--infStreams')))
    .addOption(aliasFlag('--streams <count>', 'lanes', parseLanes('--streams')))
    .option(
      '--graphs <mode>',
      `CUDA graphs, one of ${graphChoices.join(', ')} (default: auto)`,
      choice('--graphs', graphChoices),
    )
    .addOption(aliasFor('--useCudaGraph', 'graphs', 'on'))
    .option(
      '--waiting <how>',
      `how a lane waits, one of ${waitingChoices.join(', ')} (default: auto)`,
      choice('--waiting', waitingChoices),
    )
    .addOption(aliasFor('--useSpinWait', 'waiting', 'spin'))
    .option(
      '--context-memory <how>',
      `activation memory of the lanes, one of ${contextMemoryChoices.join(', ')} (default: separate)`,
      choice('--context-memory', contextMemoryChoices),
    )
    .option(
      '--queue-limit <count>',
      'requests that may wait for a lane (default: 1024)',
      wholeNumber('--queue-limit'),
    )
    .option(
      '--runtime-cache <path>',
      'file or folder that keeps the kernels TensorRT-RTX compiles',
    );
}

function addTrustFlags(command: Command): Command {
  return command
    .option(
      '--integrity <how>',
      `how the plan is checked, one of ${integrityChoices.join(', ')} (default: digest; signature with --verify-key)`,
      choice('--integrity', integrityChoices),
    )
    .option(
      '--verify-key <file>',
      'key that confirms the signature of the manifest; repeatable',
      repeatable((path) => [path]),
    )
    .option('--host-code', 'let a version-compatible plan run its own code on the host')
    .option(
      '--weight-streaming-budget <size>',
      'weights that stay on the GPU, e.g. 512MiB, or auto',
      (text) => parseBudget(text, '--weight-streaming-budget'),
    )
    .addOption(
      aliasFlag('--weightStreamingBudget <size>', 'weightStreamingBudget', (text: string) =>
        parseBudget(text, '--weightStreamingBudget'),
      ),
    );
}

/**
 * The options of `loadEngine` that a command line means. What is not on it stays undefined.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: a key that cannot be read
 */
export function loadOptionsOf(flags: LoadFlags): LoadOptions {
  return {
    library: flags.library,
    device: flags.device,
    lanes: flags.lanes,
    graphs: flags.graphs,
    waiting: flags.waiting,
    contextMemory: flags.contextMemory,
    queueLimit: flags.queueLimit,
    plugins: flags.plugin,
    standardPlugins: flags.standardPlugins,
    hostCode: flags.hostCode,
    integrity: flags.integrity,
    verificationKey: flags.verifyKey?.map((path) => readSigningKey(path, '--verify-key')),
    weightStreamingBudget: flags.weightStreamingBudget,
    runtimeCache: flags.runtimeCache,
  };
}

const mostLanes = 64;

function parseLanes(option: string): (text: string) => number {
  return (text) => {
    const lanes = parseWholeNumber(text, option);
    if (lanes >= 1 && lanes <= mostLanes) return lanes;
    throw invalidArgument(option, `a whole number from 1 to ${mostLanes}`, text);
  };
}

function parseBudget(text: string, option: string): number | 'auto' {
  return text === 'auto' ? 'auto' : parseSize(text, option);
}
