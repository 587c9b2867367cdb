import { invalidArgument, TrtError } from './errors';
import { checkedOptions } from './known-keys';
import type { Profile, TensorInfo } from './manifest-schema';
import { suggestion } from './nearest-name';
import { quotedNames } from './quoted-names';

export interface InferOptions {
  /**
   * The optimization profile to run in (TensorRT: `setOptimizationProfileAsync`): its index, or its name where the build gave
   * names and the plan has its manifest.
   *
   * Left out: the first profile, in the order of `engine.profiles`, that takes the dims of all inputs and the values of the
   * shape tensors. Where ranges overlap the order decides, so build the narrow profiles first: TensorRT's kernels are the
   * better the nearer a profile's `opt` is to what it gets.
   */
  readonly profile?: number | string | undefined;
  /** Names of the outputs to copy back; all of the engine's when left out. The others are computed, but not copied. */
  readonly outputs?: readonly string[] | undefined;
}

export interface CheckedInferOptions {
  readonly profile: number | null;
  /** One for each of the engine's outputs, in the engine's order. */
  readonly wanted: readonly boolean[];
}

/**
 * @param profileNames names of `profiles`, in their order; undefined where they have none
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_OUTPUT_UNKNOWN`
 */
export function checkInferOptions(
  options: InferOptions | undefined,
  outputs: readonly TensorInfo[],
  profiles: readonly Profile[],
  profileNames: readonly string[] | undefined,
): CheckedInferOptions {
  const checked = checkedOptions(options, 'options', ['profile', 'outputs']);
  return {
    // An engine without dynamic inputs may come with no profile at all: TensorRT then runs in its profile 0.
    profile: checkProfile(checked.profile, Math.max(1, profiles.length), profileNames ?? []),
    wanted: checkOutputs(checked.outputs, outputs),
  };
}

function checkProfile(profile: unknown, count: number, names: readonly string[]): number | null {
  if (profile === undefined) return null;
  const index = typeof profile === 'string' ? names.indexOf(profile) : profile;
  if (!Number.isSafeInteger(index) || (index as number) < 0 || (index as number) >= count) {
    throw unknownProfile(profile, count, names);
  }
  return index as number;
}

function unknownProfile(profile: unknown, count: number, names: readonly string[]): TrtError {
  const last = count - 1;
  const indices = last === 0 ? '0 (the engine has one profile)' : `an integer from 0 to ${last}`;
  if (names.length === 0) {
    const reason = typeof profile === 'string' ? ', as its profiles have no names here,' : '';
    return invalidArgument('options.profile', indices + reason, profile);
  }
  const near = typeof profile === 'string' ? suggestion(profile, names) : '';
  const expected = `one of ${quotedNames(names)}${near}, or ${indices},`;
  return invalidArgument('options.profile', expected, profile);
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
    `the engine has no output ${JSON.stringify(name)}; its outputs are ${quotedNames(names)}` +
      suggestion(name, names),
    { details: { output: name, outputs: names } },
  );
}
