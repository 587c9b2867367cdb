import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  NativeEngine,
  NativeInferResult,
  NativeOutput,
  NativeRequest,
  NativeTiming,
} from './binding';
import { viewAs } from './data-types';
import { parseEngineInformation } from './engine-information';
import { notConstructible, TrtError } from './errors';
import { checkInferOptions } from './infer-options';
import type { InferOptions } from './infer-options';
import { copySlices, sliceBytes } from './input-copy';
import { checkInputs } from './input-validation';
import type { InputBytes } from './input-validation';
import type { Flavour, Manifest, Profile, TensorInfo } from './manifest-schema';
import { asTrtError, nativeCall } from './native-call';
import { Tensor } from './tensor';
import type { TensorInputs, Tensors } from './tensor';

/** What was known about a plan when it was loaded: `digest` agreed, was switched `off`, or there was no manifest. */
export type EngineIntegrity = 'digest' | 'off' | 'unverified';

/** The GPU that an engine runs on. */
export interface EngineDevice {
  /** CUDA's device index. */
  readonly index: number;
  readonly name: string;
  /** e.g. `9.0` */
  readonly computeCapability: string;
}

/**
 * Where the time of one inference went, in milliseconds.
 *
 * `h2d`, `compute` and `d2h` (inputs to the GPU, the network, outputs back) lie between CUDA events: time of the GPU.
 * `queue` (from submission until a lane took it), `enqueue` (handing the work to the driver) and `total` (from submission
 * to completion) come from the host's monotonic clock: no event sees them. `total` has no share of JavaScript: neither the
 * copy of the inputs into staging memory nor the turn of the event loop that resolves the promise.
 */
export type InferTiming = NativeTiming;

export interface TimedResult {
  readonly outputs: Tensors;
  readonly timing: InferTiming;
}

/** What `loadEngine` found out before TensorRT saw the plan. */
export interface EngineOrigin {
  readonly manifest: Manifest | null;
  readonly integrity: EngineIntegrity;
}

/**
 * A plan on a GPU, ready to infer. `loadEngine` makes it; `close()` it (or declare it with `await using`), as device memory
 * is not the garbage collector's to see.
 *
 * Every method of a closed engine fails with `ERR_TRT_ENGINE_CLOSED`.
 */
export class Engine {
  /** The inputs in the engine's order; -1 in `dims` is a dynamic axis. */
  readonly inputs: readonly TensorInfo[];
  /** The outputs in the engine's order; -1 in `dims` is a dynamic axis. */
  readonly outputs: readonly TensorInfo[];
  /** The ranges of dims that each optimization profile takes. */
  readonly profiles: readonly Profile[];
  readonly device: EngineDevice;
  readonly flavour: Flavour;
  /** The TensorRT that runs it, e.g. `10.6.0`. */
  readonly version: string;
  /** What is known about the plan; null where no manifest came with it. */
  readonly manifest: Manifest | null;
  /** How the plan was checked: see {@link EngineIntegrity}. */
  readonly integrity: EngineIntegrity;

  readonly #native: NativeEngine;
  #running = 0;
  #drained: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  /** @internal `loadEngine` is the way to get one. */
  constructor(native: NativeEngine, origin: EngineOrigin) {
    if (arguments.length < 2) throw notConstructible('Engine', 'loadEngine(plan)');
    this.#native = native;
    // What C++ trusts was checked against these, so nobody may change them.
    this.inputs = frozenCopy(native.inputs);
    this.outputs = frozenCopy(native.outputs);
    this.profiles = frozenCopy(native.profiles);
    const { index, name, computeCapability } = native.gpu;
    this.device = Object.freeze({ index, name, computeCapability });
    this.flavour = native.flavour;
    this.version = native.version;
    this.manifest = origin.manifest;
    this.integrity = origin.integrity;
  }

  /**
   * Runs the network once. The event loop stays free: TensorRT works on a thread of the engine's.
   *
   * Inputs of up to 1 MiB in all are copied before this returns its promise, so their arrays may be filled anew right after
   * the call. Larger ones are copied in slices with a turn of the event loop between them: leave them alone until the
   * promise is settled, or the network sees a mixture. Arrays on a `SharedArrayBuffer` are copied the same way.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_MISSING`, `ERR_TRT_INPUT_TYPE`,
   * `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INPUT_LENGTH`, `ERR_TRT_INPUT_VALUES`, `ERR_TRT_INPUT_DETACHED`, `ERR_TRT_OUTPUT_UNKNOWN`, `ERR_TRT_INVALID_ARG`,
   * `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_INFER_FAILED`, `ERR_TRT_UNSUPPORTED` (an output larger than Node's typed arrays),
   * `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  async infer(inputs: TensorInputs, options?: InferOptions): Promise<Tensors> {
    return this.#tensors(await this.#run(inputs, options, false));
  }

  /**
   * The same as {@link infer}, with where the time went.
   *
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  async inferTimed(inputs: TensorInputs, options?: InferOptions): Promise<TimedResult> {
    const result = await this.#run(inputs, options, true);
    return { outputs: this.#tensors(result), timing: timingOf(result) };
  }

  /**
   * The same as {@link infer}, but it blocks the event loop until the outputs are there, copies included: for scripts, and
   * for workers that do nothing else.
   *
   * @throws TrtError the codes of {@link infer}
   */
  inferSync(inputs: TensorInputs, options?: InferOptions): Tensors {
    const { request, bytes } = this.#prepare(inputs, options);
    try {
      const slices = copySlices(request, bytes);
      while (slices.next().done !== true);
      return this.#tensors(request.runSync(false));
    } catch (error) {
      request.release();
      throw asTrtError(error);
    }
  }

  /**
   * TensorRT's engine inspector: layers, types and tactics as far as the plan's profiling verbosity keeps them. Its keys
   * are TensorRT's own (`Layers`, `Bindings`) and differ between its versions.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_INTERNAL`
   */
  async inspect(): Promise<Readonly<Record<string, unknown>>> {
    const json = await this.#track(() => nativeCall(() => this.#native.inspect()));
    try {
      return parseEngineInformation(json);
    } catch (cause) {
      throw new TrtError(
        'ERR_TRT_INTERNAL',
        "TensorRT's engine inspector gave no valid JSON: it does not escape quotes in the model's names. `details.text` has what " +
          'it wrote; rename the nodes and tensors whose names have quotes to have it as an object.',
        { cause, details: { text: json.slice(0, 2 ** 20) } },
      );
    }
  }

  /**
   * Finishes the inferences that were started, then frees the engine. Resolves when its device memory is back. Further
   * calls give the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  /** `using engine`: starts {@link close} and does not wait; call that yourself to learn whether it failed. */
  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  /** `await using engine`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drainAndClose(): Promise<void> {
    // A request that is still being copied is unknown to the native side: closing there first would free its staging.
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    await nativeCall(() => this.#native.close());
  }

  #run(
    inputs: TensorInputs,
    options: InferOptions | undefined,
    timed: boolean,
  ): Promise<NativeInferResult> {
    return this.#track(async () => {
      const { request, bytes } = this.#prepare(inputs, options);
      try {
        if (totalOf(bytes) > sliceBytes) await request.prepare();
        const slices = copySlices(request, bytes);
        while (slices.next().done !== true) await nextTurn();
        return await request.run(timed);
      } catch (error) {
        request.release();
        throw asTrtError(error);
      }
    });
  }

  #prepare(
    inputs: TensorInputs,
    options: InferOptions | undefined,
  ): { request: NativeRequest; bytes: readonly InputBytes[] } {
    this.#assertOpen();
    const names = this.manifest?.profileNames;
    const { profile, wanted } = checkInferOptions(options, this.outputs, this.profiles, names);
    const checked = checkInputs(this, inputs, profile);
    // The caller's getters ran just now, and one of them may have closed the engine.
    this.#assertOpen();
    try {
      const request = this.#native.createRequest(checked.profile, checked.dims, wanted);
      return { request, bytes: checked.bytes };
    } catch (error) {
      throw asTrtError(error);
    }
  }

  /** Runs `work` and keeps `close` waiting for it. */
  async #track<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#drained?.();
    }
  }

  #assertOpen(): void {
    if (this.#closing === null) return;
    throw new TrtError(
      'ERR_TRT_ENGINE_CLOSED',
      'the engine is closed. Load the plan again, or call close() after the last inference.',
    );
  }

  #tensors(result: NativeInferResult): Tensors {
    const tensors = this.outputs.flatMap((info, index) => {
      const output = result.outputs[index];
      if (output === null || output === undefined) return [];
      return [[info.name, tensorOf(info, output)] as const];
    });
    return Object.fromEntries(tensors);
  }
}

function tensorOf({ name, type }: TensorInfo, { data, dims }: NativeOutput): Tensor {
  try {
    return new Tensor(type, viewAs(type, data), dims);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `output ${JSON.stringify(name)} has ${data.byteLength} bytes (${type} [${dims.join(', ')}]), and this Node.js has no typed ` +
        'array of so many elements. Leave it out through `options.outputs`, infer with smaller dims, or use a newer Node.js.',
      { cause, details: { output: name, dims, sizeBytes: data.byteLength } },
    );
  }
}

function totalOf(inputs: readonly InputBytes[]): number {
  return inputs.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function timingOf({ timing }: NativeInferResult): InferTiming {
  if (timing !== null) return timing;
  throw new TrtError('ERR_TRT_INTERNAL', 'the addon returned no timing for a timed inference');
}

function frozenCopy<T>(value: T): T {
  return deepFreeze(structuredClone(value));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
