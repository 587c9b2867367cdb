import { invalidArgument, TrtError } from './errors';
import { checkedOptions } from './known-keys';
import type { Profile, TensorInfo } from './manifest-schema';
import { suggestion } from './nearest-name';

export interface InferOptions {
  /**
   * Index of the optimization profile to run in. Left out: the first one that takes the inputs' dims.
   * (TensorRT: `setOptimizationProfileAsync`)
   */
  readonly profile?: number | undefined;
  /** Names of the outputs to copy back; all of the engine's when left out. The others are computed, but not copied. */
  readonly outputs?: readonly string[] | undefined;
}

export interface CheckedInferOptions {
  readonly profile: number | null;
  /** One for each of the engine's outputs, in the engine's order. */
  readonly wanted: readonly boolean[];
}

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_OUTPUT_UNKNOWN` */
export function checkInferOptions(
  options: InferOptions | undefined,
  outputs: readonly TensorInfo[],
  profiles: readonly Profile[],
): CheckedInferOptions {
  const checked = checkedOptions(options, 'options', ['profile', 'outputs']);
  return {
    profile: checkProfile(checked.profile, profiles.length),
    wanted: checkOutputs(checked.outputs, outputs),
  };
}

function checkProfile(profile: unknown, count: number): number | null {
  if (profile === undefined) return null;
  if (!Number.isSafeInteger(profile) || (profile as number) < 0 || (profile as number) >= count) {
    const last = count - 1;
    const expected = last === 0 ? '0 (the engine has one profile)' : `an integer from 0 to ${last}`;
    throw invalidArgument('options.profile', expected, profile);
  }
  return profile as number;
}

function checkOutputs(names: unknown, outputs: readonly TensorInfo[]): readonly boolean[] {
  if (names === undefined) return outputs.map(() => true);
  if (!Array.isArray(names)) throw invalidArgument('options.outputs', 'an array of names', names);
  const wanted = outputs.map(() => false);
  for (const name of names as unknown[]) {
    if (typeof name !== 'string') {
      throw invalidArgument('options.outputs', 'an array of names', names);
    }
    const index = outputs.findIndex((output) => output.name === name);
    if (index === -1) throw unknownOutput(name, outputs);
    if (wanted[index] === true) {
      throw invalidArgument('options.outputs', 'each name once', names);
    }
    wanted[index] = true;
  }
  return wanted;
}

function unknownOutput(name: string, outputs: readonly TensorInfo[]): TrtError {
  const names = outputs.map((output) => output.name);
  return new TrtError(
    'ERR_TRT_OUTPUT_UNKNOWN',
    `the engine has no output ${JSON.stringify(name)}; its outputs are ${names.map((known) => JSON.stringify(known)).join(', ')}` +
      suggestion(name, names),
    { details: { output: name, outputs: names } },
  );
}
