import type { Command } from 'commander';
import { aliasFlag } from './alias-flag';
import { wholeNumber } from './flag-kinds';
import { parseShapes } from './parse-shapes';

/** What commander makes of the flags that say what an engine is given. */
export interface InputFlags {
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly profileIndex?: number;
  readonly inputs?: string;
  readonly loadInputs?: string;
  readonly seed?: number;
  readonly pageable?: true;
}

/** Gives a command that runs engines the flags for their inputs, and trtexec's spellings of them. */
export function addInputFlags(command: Command): Command {
  return command
    .optionsGroup('Inputs:')
    .option(
      '--shapes <shapes>',
      "dims of the inputs, e.g. x:8x3x224x224,y:4 (default: the profile's opt)",
      (text) => parseShapes(text, '--shapes'),
    )
    .option(
      '--profile-index <n>',
      'optimization profile to run in (default: the first that takes the dims)',
      wholeNumber('--profile-index'),
    )
    .addOption(aliasFlag('--useProfile <n>', 'profileIndex', wholeNumber('--useProfile')))
    .option(
      '--inputs <path>',
      'values of the inputs: a .npz file with arrays by input name, a .npy file for a single input, or a folder of .npy files ' +
        'by input name (default: random)',
    )
    .option(
      '--load-inputs <list>',
      'raw bytes of inputs by name, e.g. x:x.bin,y:y.bin; others are random',
    )
    .addOption(aliasFlag('--loadInputs <list>', 'loadInputs', (text: string) => text))
    .option('--seed <n>', 'seed of random inputs (default: 0)', wholeNumber('--seed'))
    .option(
      '--pageable',
      'inputs in ordinary arrays, which are copied for each inference (default: in pinned memory)',
    )
    .optionsGroup('Options:');
}
