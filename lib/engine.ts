import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HardwareCompatibilityLevel } from './builder-tuning';
import type { NativeEngine, NativeInferResult, NativeRequest } from './binding';
import type {
  EngineDevice,
  EngineIntegrity,
  EngineOrigin,
  RefittableWeights,
  TimedResult,
  WeightStreaming,
} from './engine-facts';
import { parseEngineInformation } from './engine-information';
import { notConstructible, TrtError } from './errors';
import { filePathOf } from './file-path';
import { frozenCopy } from './frozen-copy';
import { checkInferOptions } from './infer-options';
import type { InferOptions } from './infer-options';
import { tensorsOf, timingOf } from './infer-result';
import { copySlices, sliceBytes } from './input-copy';
import { checkInputs } from './input-validation';
import type { InputBytes } from './input-validation';
import type { Flavour, Manifest, Profile, TensorInfo } from './manifest-schema';
import { asTrtError, nativeCall } from './native-call';
import { EngineWeights } from './refit/engine-weights';
import type { NamedWeights } from './refit/named-weights';
import { checkedRefit, type RefitOptions } from './refit/refit-options';
import { checkedSaveOptions, type SaveOptions } from './refit/save-options';
import type { TensorInputs, Tensors } from './tensor';

export type {
  EngineDevice,
  EngineIntegrity,
  EngineOrigin,
  InferTiming,
  RefittableWeights,
  TimedResult,
  WeightsInfo,
  WeightStreaming,
} from './engine-facts';

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
  /** Whether {@link refit} can give it other weights: its plan was built with `refit` or `stripPlan`. */
  readonly refittable: boolean;
  /** On which GPUs beside its own TensorRT lets it run (`getHardwareCompatibilityLevel`). */
  readonly hardwareCompatibilityLevel: HardwareCompatibilityLevel;
  /** Streams that TensorRT uses beside the one of the inference (`getNbAuxStreams`). */
  readonly auxStreams: number;
  readonly weightStreaming: WeightStreaming;

  readonly #native: NativeEngine;
  readonly #weights: EngineWeights;
  #running = 0;
  #drained: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  /** @internal `loadEngine` is the way to get one. */
  constructor(
    native: NativeEngine,
    origin: EngineOrigin,
    weights: EngineWeights = new EngineWeights(native, null),
  ) {
    if (arguments.length < 2) throw notConstructible('Engine', 'loadEngine(plan)');
    this.#native = native;
    this.#weights = weights;
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
    this.refittable = native.refittable;
    this.hardwareCompatibilityLevel = native.hardwareCompatibilityLevel;
    this.auxStreams = native.auxStreams;
    this.weightStreaming = Object.freeze({
      streamableBytes: native.streamableWeightsBytes,
      budgetBytes: native.weightStreamingBudgetBytes,
    });
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
   * `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_REFIT` (weights are missing), `ERR_TRT_INFER_FAILED`, `ERR_TRT_UNSUPPORTED` (an output larger than Node's typed arrays),
   * `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  async infer(inputs: TensorInputs, options?: InferOptions): Promise<Tensors> {
    return tensorsOf(this.outputs, await this.#run(inputs, options, false));
  }

  /**
   * The same as {@link infer}, with where the time went.
   *
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  async inferTimed(inputs: TensorInputs, options?: InferOptions): Promise<TimedResult> {
    const result = await this.#run(inputs, options, true);
    return { outputs: tensorsOf(this.outputs, result), timing: timingOf(result) };
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
      return tensorsOf(this.outputs, request.runSync(false));
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
   * Gives the engine other weights (TensorRT's `IRefitter`). A model's weights are read while inference goes on; then what was started
   * finishes with the old weights, TensorRT sets all new ones, and what was started meanwhile goes on with them. No inference sees
   * a mixture.
   *
   * From a model: the one that the plan was built from, or one with the same nodes and names and other values. All of its weights
   * are set. By name: what {@link refittableWeights} lists, each with its type and count. TensorRT may have folded several
   * weights into one, so some may need others beside them: what is given is kept, and used once nothing is missing.
   * Until then inference fails with `ERR_TRT_REFIT` (reason `missing`).
   *
   * An engine built with `refit: 'identical'`, or with `stripPlan` alone, takes the weights that it was built with; what others do is
   * undefined, by TensorRT's word.
   *
   * @param source path, `file:` URL or bytes of an ONNX model (leave them alone until the promise is settled), or tensors by name
   * (copied before this returns)
   * @returns names of the weights that are still missing; none after a refit from a model
   * @throws TrtError (as a rejection) `ERR_TRT_REFIT` (`details.reason`: `not-refittable`, `model`, `unknown`, `type`, `count`,
   * `refused`, `failed`), `ERR_TRT_INVALID_ARG`, `ERR_TRT_ONNX_NOT_FOUND`, `ERR_TRT_ONNX_INVALID`, `ERR_TRT_EXTERNAL_DATA`,
   * `ERR_TRT_BUILDER_MISSING` (no ONNX parser beside the library), `ERR_TRT_WRITE`, `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_OUT_OF_MEMORY`,
   * `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`; after an abort `signal.reason`
   */
  async refit(
    source: string | URL | Uint8Array | NamedWeights,
    options?: RefitOptions,
  ): Promise<readonly string[]> {
    const checked = checkedRefit(source, options);
    return await this.#track(() => this.#weights.refit(checked));
  }

  /**
   * The weights that {@link refit} can set, and those that are missing.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_REFIT`
   */
  async refittableWeights(): Promise<RefittableWeights> {
    return await this.#track(() => this.#weights.list());
  }

  /**
   * Writes the engine as a plan, with the weights that it has, to `path`, and its manifest to `<path>.json`; what stands there
   * is replaced as `BuiltEngine.save` does. A stripped plan that was refitted becomes a whole one; from TensorRT 10.14 on it can be
   * refitted again. An engine that was loaded without a manifest is written without one. The signature of the loaded plan does not
   * cover the new one: `signingKey` signs it.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_WRITE`, `ERR_TRT_REFIT` (reason `missing`), `ERR_TRT_UNSUPPORTED`
   * (TensorRT cannot serialize it, or there is no manifest to sign), `ERR_TRT_ENGINE_CLOSED`
   */
  async save(path_: string | URL, options?: SaveOptions): Promise<void> {
    const output = path.resolve(filePathOf(path_, 'path'));
    const { signingKey } = checkedSaveOptions(options);
    await this.#track(() => this.#weights.save(output, this.manifest, signingKey));
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
}

function totalOf(inputs: readonly InputBytes[]): number {
  return inputs.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
