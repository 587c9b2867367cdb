import type { NativeArray, NativeDeviceMemory } from './binding';
import type { TensorData } from './data-types';
import type { DeviceTensor } from './device-tensor';
import type { TrtError } from './errors';
import { invalidArgument } from './errors';
import { checkDebug } from './infer/debug-option';
import type { DebugContract } from './infer/debug-option';
import { allOutputs, checkOutputs } from './infer/outputs-option';
import type { Destination, OutputContract } from './infer/outputs-option';
import { checkedOptions } from './known-keys';
import { suggestion } from './nearest-name';
import { quotedNames } from './quoted-names';
import type {
  AnyModel,
  ModelOutputs,
  ModelTypes,
  OutputName,
  OutputTargetOf,
  OutputTensor,
} from './model-types/model-types';
import type { Tensor, TensorLike } from './tensor';

/**
 * What becomes of one output.
 *
 * `true`, `'cpu'`: a new `Tensor`. `'device'`: a new `DeviceTensor`, which stays on the GPU until it is closed.
 *
 * A typed array or a tensor on the CPU: the output is written into it from its first element on, and what `infer` returns lies on it. It
 * must hold the output's type and have room for all of it: too little is `ERR_TRT_INVALID_ARG`. On memory of `engine.allocate` the
 * GPU writes directly; any other is written when the promise is settled. Read and change it only after that.
 *
 * A `DeviceTensor` on the engine's GPU: the output is written to the start of its memory, and stays there.
 */
export type OutputTarget = true | 'cpu' | 'device' | TensorData | TensorLike | DeviceTensor;

/** Names of outputs, each of which becomes a new `Tensor`; or what becomes of each, by name. */
export type OutputsOption = readonly string[] | Readonly<Record<string, OutputTarget>>;

/** What `infer` gives for its option `outputs`: the names follow, and tensors on the GPU are `DeviceTensor`s. */
export type OutputsOf<O, M extends ModelTypes = AnyModel> = O extends readonly (infer Name extends
  string)[]
  ? { [Each in Name]: OutputTensor<M, Each> }
  : O extends Readonly<Record<string, OutputTarget>>
    ? { -readonly [Name in keyof O]: OutputOf<O[Name], OutputTensor<M, Name & string>> }
    : ModelOutputs<M>;

type OutputOf<Target, Whole extends Tensor> = Target extends 'device' | DeviceTensor
  ? DeviceTensor<Whole['type']>
  : Target extends Tensor<infer T>
    ? Tensor<T>
    : Whole;

/**
 * Of an engine with types, `outputs` holds names and types of the model's outputs alone. It stands beside {@link InferOptions}, as TypeScript
 * looks for surplus properties in literals alone, and not where it infers a type from them.
 */
export type OutputsIn<M extends ModelTypes, O> =
  string extends OutputName<M>
    ? unknown
    : {
        readonly outputs?: O extends readonly unknown[]
          ? readonly OutputName<M>[]
          : TargetsIn<M, O>;
      };

type TargetsIn<M extends ModelTypes, O> = {
  readonly [Name in keyof O]: Name extends OutputName<M>
    ? OutputTargetOf<M['outputs'][Name]>
    : never;
};

export interface InferOptions<O extends OutputsOption | undefined = OutputsOption | undefined> {
  /**
   * The optimization profile to run in (TensorRT: `setOptimizationProfileAsync`): its index, or its name where the build gave
   * names and the plan has its manifest.
   *
   * Left out: the first profile, in the order of `engine.profiles`, that takes the dims of all inputs and the values of the
   * shape tensors. Where ranges overlap the order decides, so build the narrow profiles first: TensorRT's kernels are the
   * better the nearer a profile's `opt` is to what it gets.
   */
  readonly profile?: number | string | undefined;
  /**
   * The outputs to give; all of the engine's as new `Tensor`s when left out. The others are computed, but not copied. See
   * {@link OutputTarget}.
   *
   * Memory of yours must not be an input of the same request, nor be used by another that is under way: `ERR_TRT_INVALID_ARG`.
   */
  readonly outputs?: O;
  /**
   * Gives the request up: it rejects with `signal.reason`. Before it began it never runs. On the GPU nothing can be stopped: it rejects at
   * once too, and memory that it was given stays in use until the GPU is done. `inferSync` looks at it only before it begins.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds from the call on. When they are over the request rejects with `ERR_TRT_DEADLINE`, wherever it is; one that has not begun
   * by then never runs. No limit when left out. `inferSync` has none: `ERR_TRT_INVALID_ARG`.
   */
  readonly deadlineMs?: number | undefined;
}

/** Options of `inferTimed`: those of `infer`, and `debug`. */
export interface TimedInferOptions<
  O extends OutputsOption | undefined = OutputsOption | undefined,
  D extends readonly string[] | undefined = readonly string[] | undefined,
> extends InferOptions<O> {
  /**
   * Names of tensors inside of the network, whose values come as `result.debug[name]`, in the type that TensorRT computes them in. The engine must
   * have been built with them (`BuildOptions.debugTensors`): `ERR_TRT_INVALID_ARG` for any other. None when left out.
   *
   * Such an inference is slow: it runs without a CUDA graph, and waits for the GPU and copies at each of the tensors. That time counts in
   * `timing.enqueue` and `timing.compute`. Of a tensor in a loop the last round's value is given; one that TensorRT does not compute, in a branch that was
   * not taken, is `ERR_TRT_INFER_FAILED`.
   */
  readonly debug?: D;
}

export interface CheckedInferOptions {
  readonly profile: number | null;
  /** `nativeTargets`, one for each of the engine's outputs, in the engine's order. */
  readonly targets: readonly number[];
  /** Memory of the caller's, one for each output; null: none at all. */
  readonly destinations: readonly (Destination | null)[] | null;
  /** The same as native code takes it. */
  readonly memory: readonly (NativeArray | NativeDeviceMemory | null)[] | null;
  readonly signal: AbortSignal | null;
  /** 0: none */
  readonly deadlineMs: number;
  /** Names of debug tensors; null: `debug` was not given. */
  readonly debug: readonly string[] | null;
}

/** What the check needs to know of an engine. */
export interface OptionsContract extends OutputContract {
  /** Names of `profiles`, in their order; undefined where they have none. */
  readonly profileNames: readonly string[] | undefined;
}

/** What options that are left out come to. */
export function defaultInferOptions({
  outputs,
}: Pick<OutputContract, 'outputs'>): CheckedInferOptions {
  return {
    profile: null,
    targets: allOutputs(outputs),
    destinations: null,
    memory: null,
    signal: null,
    deadlineMs: 0,
    debug: null,
  };
}

/**
 * @param debugging null: the method has no option `debug`
 * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_OUTPUT_UNKNOWN`
 */
export function checkInferOptions(
  options: TimedInferOptions,
  engine: OptionsContract,
  defaults: CheckedInferOptions,
  debugging: DebugContract | null = null,
): CheckedInferOptions {
  const { profile, outputs, signal, deadlineMs, debug } = checkedOptions<TimedInferOptions>(
    options,
    'options',
    debugging === null ? known : knownWhenTimed,
  );
  const { targets, destinations, memory } =
    outputs === undefined ? defaults : checkOutputs(outputs, engine);
  return {
    // An engine without dynamic inputs may come with no profile at all: TensorRT then runs in its profile 0.
    profile: checkProfile(profile, Math.max(1, engine.profiles.length), engine.profileNames ?? []),
    targets,
    destinations,
    memory,
    signal: checkSignal(signal),
    deadlineMs: checkDeadline(deadlineMs),
    debug: debugging === null ? null : checkDebug(debug, debugging),
  };
}

const known = ['profile', 'outputs', 'signal', 'deadlineMs'] as const;
const knownWhenTimed = [...known, 'debug'] as const;

function checkSignal(signal: unknown): AbortSignal | null {
  if (signal === undefined) return null;
  if (signal instanceof AbortSignal) return signal;
  throw invalidArgument('options.signal', 'an AbortSignal', signal);
}

/** What setTimeout takes; about 24 days. */
const longestDeadlineMs = 2 ** 31 - 1;

function checkDeadline(deadlineMs: unknown): number {
  if (deadlineMs === undefined) return 0;
  if (typeof deadlineMs === 'number' && deadlineMs > 0 && deadlineMs <= longestDeadlineMs) {
    return deadlineMs;
  }
  const expected = `milliseconds (a number above 0, up to ${longestDeadlineMs})`;
  throw invalidArgument('options.deadlineMs', expected, deadlineMs);
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkProfile(
  profile: unknown,
  count: number,
  names: readonly string[],
): number | null {
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
