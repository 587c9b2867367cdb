import path from 'node:path';
import { benchmarkEngine } from './benchmark/benchmark-engine';
import type { BenchmarkOptions } from './benchmark/options';
import type { BenchmarkResult } from './benchmark/result';
import type { HardwareCompatibilityLevel } from './builder-tuning';
import type { NativeEngine } from './binding';
import type {
  EngineDevice,
  EngineIntegrity,
  EngineOrigin,
  RefittableWeights,
  TimedResult,
  WeightStreaming,
} from './engine-facts';
import { isInferTraced, traceInfer, traceInferSync } from './diagnostics/channels';
import { GraphWatch } from './diagnostics/graph-watch';
import { inspectEngine } from './engine-inspection';
import type { EngineInspection } from './engine-inspection';
import { measuredMemory } from './engine-memory';
import type { EngineMemory } from './engine-memory';
import type { CapturedGraph } from './captured-graph';
import { captureEngine } from './engine-capture';
import { createContext } from './execution-context';
import type { ContextOptions, ExecutionContext } from './execution-context';
import type { Shapes } from './engine-shapes';
import { notConstructible } from './errors';
import { filePathOf } from './file-path';
import { frozenCopy } from './frozen-copy';
import type { InferOptions, OutputsOf, OutputsOption } from './infer-options';
import { tensorsOf, timingOf } from './infer-result';
import { allocateTensor } from './infer/allocate';
import { checkedCloseOptions, isSettledWithin } from './infer/close-options';
import type { CheckedCloseOptions, CloseOptions } from './infer/close-options';
import { engineClosed } from './infer/engine-closed';
import { engineGraphs } from './infer/engine-graphs';
import type { EngineGraphs } from './infer/engine-graphs';
import type { Outcome } from './infer/request';
import { inferError, InferRunner } from './infer/runner';
import { warmupInputs } from './infer/warmup';
import type { WarmupShapes } from './infer/warmup';
import { profileEngine } from './layer-profile';
import type { LayerProfile, LayerProfileOptions } from './layer-profile';
import type { Flavour, Manifest, Profile, TensorInfo } from './manifest-schema';
import { nativeCall } from './native-call';
import { EngineWeights } from './refit/engine-weights';
import type { NamedWeights } from './refit/named-weights';
import { checkedRefit, type RefitOptions } from './refit/refit-options';
import { checkedSaveOptions, type SaveOptions } from './refit/save-options';
import type { TensorInputs, TypedTensor } from './tensor';

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
  /** How many inferences are on the GPU at a time: a thread, a stream and an execution context for each. See `LoadOptions.lanes`. */
  readonly lanes: number;

  readonly #native: NativeEngine;
  readonly #weights: EngineWeights;
  readonly #runner: InferRunner;
  readonly #loadMs: number | null;
  readonly #graphWatch = new GraphWatch();
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
    this.#loadMs = origin.loadMs ?? null;
    this.refittable = native.refittable;
    this.hardwareCompatibilityLevel = native.hardwareCompatibilityLevel;
    this.auxStreams = native.auxStreams;
    this.weightStreaming = Object.freeze({
      streamableBytes: native.streamableWeightsBytes,
      budgetBytes: native.weightStreamingBudgetBytes,
    });
    this.lanes = native.lanes;
    this.#runner = new InferRunner(native, {
      inputs: this.inputs,
      outputs: this.outputs,
      profiles: this.profiles,
      profileNames: origin.manifest?.profileNames,
      device: index,
    });
  }

  /** What became of CUDA graphs: how many are kept, how often they ran, and why an inference ran without. */
  get graphs(): EngineGraphs {
    return engineGraphs(this.#native.graphState());
  }

  /**
   * Runs the network once. The event loop stays free: TensorRT works on a thread of the engine's. Requests queue, and begin in their
   * order; as many as there are {@link lanes} are on the GPU at a time.
   *
   * Inputs of up to 1 MiB in all are copied before this returns its promise, so their arrays may be filled anew right after
   * the call. Larger ones are copied in slices with a turn of the event loop between them: leave them alone until the
   * promise is settled, or the network sees a mixture. Arrays on a `SharedArrayBuffer` are copied the same way. Arrays on pinned memory
   * ({@link allocate}, outputs from 64 KiB on) are not copied at all, as the GPU reads them where they are: leave them alone too. So are
   * `DeviceTensor`s.
   *
   * @returns tensors by name; which and of what kind follows `options.outputs`
   * @throws TrtError (as a rejection) `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_MISSING`, `ERR_TRT_INPUT_TYPE`,
   * `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INPUT_LENGTH`, `ERR_TRT_INPUT_VALUES`, `ERR_TRT_INPUT_DETACHED`, `ERR_TRT_OUTPUT_UNKNOWN`, `ERR_TRT_INVALID_ARG`,
   * `ERR_TRT_QUEUE_FULL`, `ERR_TRT_DEADLINE`, `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_REFIT` (weights are missing), `ERR_TRT_INFER_FAILED`,
   * `ERR_TRT_UNSUPPORTED` (an output larger than Node's typed arrays), `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`,
   * `ERR_TRT_CUDA_CONTEXT_LOST`; after an abort `signal.reason`
   */
  infer<const O extends OutputsOption | undefined = undefined>(
    inputs: TensorInputs,
    options?: InferOptions<O>,
  ): Promise<OutputsOf<O>> {
    if (!isInferTraced()) return this.#infer(inputs, options);
    const trace = { engine: this, method: 'infer', inputs, options } as const;
    return traceInfer(trace, () => this.#infer(inputs, options));
  }

  async #infer<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): Promise<OutputsOf<O>> {
    const prepared = this.#runner.prepare(inputs, options);
    let outcome: Outcome;
    try {
      outcome = await this.#runner.run(prepared, false);
    } catch (error) {
      throw inferError(error);
    }
    this.#graphWatch.look(this, this.#native);
    return tensorsOf(this.outputs, prepared.options, outcome) as OutputsOf<O>;
  }

  /**
   * The same as {@link infer}, with where the time went.
   *
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  inferTimed<const O extends OutputsOption | undefined = undefined>(
    inputs: TensorInputs,
    options?: InferOptions<O>,
  ): Promise<TimedResult<OutputsOf<O>>> {
    if (!isInferTraced()) return this.#inferTimed(inputs, options);
    const trace = { engine: this, method: 'inferTimed', inputs, options } as const;
    return traceInfer(trace, () => this.#inferTimed(inputs, options));
  }

  async #inferTimed<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): Promise<TimedResult<OutputsOf<O>>> {
    const prepared = this.#runner.prepare(inputs, options);
    let outcome: Outcome;
    try {
      outcome = await this.#runner.run(prepared, true);
    } catch (error) {
      throw inferError(error);
    }
    this.#graphWatch.look(this, this.#native);
    const outputs = tensorsOf(this.outputs, prepared.options, outcome) as OutputsOf<O>;
    return { outputs, timing: timingOf(outcome.result) };
  }

  /**
   * The same as {@link infer}, but it blocks the event loop until the outputs are there, copies included: for scripts, and
   * for workers that do nothing else. It goes before what is queued.
   *
   * @throws TrtError the codes of {@link infer} but for `ERR_TRT_QUEUE_FULL` and `ERR_TRT_DEADLINE`
   */
  inferSync<const O extends OutputsOption | undefined = undefined>(
    inputs: TensorInputs,
    options?: InferOptions<O>,
  ): OutputsOf<O> {
    if (!isInferTraced()) return this.#inferSync(inputs, options);
    const trace = { engine: this, method: 'inferSync', inputs, options } as const;
    return traceInferSync(trace, () => this.#inferSync(inputs, options));
  }

  #inferSync<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): OutputsOf<O> {
    const prepared = this.#runner.prepare(inputs, options);
    const outcome = this.#runner.runSync(prepared, false);
    this.#graphWatch.look(this, this.#native);
    return tensorsOf(this.outputs, prepared.options, outcome) as OutputsOf<O>;
  }

  /**
   * A tensor of zeros on pinned memory, for the input or output `name`: as an input the GPU reads it without a copy on the host, as a
   * target in `InferOptions.outputs` it writes there. Pinning takes a moment, and keeps memory from every other program: make such tensors
   * once, use them often, and `close()` them. Where Node has no external buffers it is an ordinary tensor.
   *
   * @param dims of the tensor; they may be left out where the engine's are all static
   * @throws TrtError `ERR_TRT_INVALID_ARG` (no such tensor, other dims than the engine's), `ERR_TRT_UNSUPPORTED` (larger than Node's typed
   * arrays), `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  allocate(name: string, dims?: readonly number[]): TypedTensor {
    this.#assertOpen();
    return allocateTensor(this.#native, this, name, dims);
  }

  /**
   * Runs the network with zeros, once on every lane, so that what a first inference has to do is done: memory is taken, kernels are loaded
   * (TensorRT-RTX compiles them), and a graph is captured.
   *
   * @param shapes dims by input name, or several such, in the first profile that takes them; inputs that are left out have its `opt` dims.
   * When nothing is given, each profile's `opt`
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  async warmup(shapes?: WarmupShapes): Promise<void> {
    this.#assertOpen();
    for (const warmup of warmupInputs(this, shapes)) {
      await this.#track(() => this.#runner.warm(warmup));
      this.#graphWatch.look(this, this.#native);
    }
  }

  /**
   * Measures the engine with the inputs given: a loop of {@link infer} for latency and throughput as a caller sees them, then one of
   * {@link inferTimed} for where the time goes. The engine stays usable meanwhile, but whatever else it runs is in the figures. Compare figures
   * of one machine, and of steady clocks: see docs/benchmarking.md.
   *
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  async benchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
    return await benchmarkEngine(this, { native: this.#native, loadMs: this.#loadMs }, options);
  }

  /**
   * An execution context of its own, for device tensors, streams and graphs of yours. It takes activation memory beside that of the lanes.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED` (an output that TensorRT writes on the host: use
   * {@link infer}), `ERR_TRT_REFIT` (weights are missing), `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`,
   * `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  async createContext(options?: ContextOptions): Promise<ExecutionContext> {
    return await this.#track(() => createContext(this, this.#native, options));
  }

  /**
   * The network as one CUDA graph with tensors of its own on the GPU: fill `graph.inputs`, `graph.launch()`, read `graph.outputs`. For
   * loops that stay on the GPU; `infer` captures and replays by itself. Close it.
   *
   * @param shapes the dims of the inputs, by name; the profile's `opt` for those left out, and for the values of shape tensors
   * @throws TrtError (as a rejection) the codes of {@link createContext}, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INFER_FAILED`
   */
  async capture(shapes: Shapes = {}, options?: ContextOptions): Promise<CapturedGraph> {
    return await this.#track(() => captureEngine(this, this.#native, shapes, options));
  }

  /**
   * The layers that TensorRT made of the network (its engine inspector), in one shape for TensorRT 10, 11 and RTX; `raw` has the
   * inspector's own JSON. How much it tells, the plan's `profilingVerbosity` decides.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_UNSUPPORTED` (TensorRT tells nothing), `ERR_TRT_INTERNAL` (what
   * it writes is no JSON: `details.text` has it)
   */
  async inspect(): Promise<EngineInspection> {
    return await this.#track(() => inspectEngine(this.#native));
  }

  /**
   * Times each layer on the GPU (TensorRT's `IProfiler`), on an execution context of its own, which takes as much device memory as a lane's.
   * Inferences that run meanwhile disturb the times. A refit waits for it.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, the codes of {@link infer} that concern inputs and running,
   * `ERR_TRT_UNSUPPORTED` (TensorRT tells no times), `ERR_TRT_REFIT` (reason `missing`), `ERR_TRT_ENGINE_CLOSED`
   */
  async profile(options?: LayerProfileOptions): Promise<LayerProfile> {
    const { inputs, profiles } = this;
    const contract = { inputs, profiles, profileNames: this.manifest?.profileNames };
    return await this.#track(() => profileEngine(this.#native, contract, options));
  }

  /**
   * What the engine holds of the GPU's and the host's memory now, in bytes. TensorRT asks trt-node for the memory of weights and contexts,
   * so these are exact, but for what the driver adds to round them up.
   *
   * @throws TrtError `ERR_TRT_ENGINE_CLOSED`
   */
  memory(): EngineMemory {
    this.#assertOpen();
    return measuredMemory(this.#native);
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
    const missing = await this.#track(() => this.#weights.refit(checked));
    this.#graphWatch.look(this, this.#native);
    return missing;
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
   * Frees the engine. Inferences that are on the GPU finish and resolve; those that are queued reject with `ERR_TRT_ENGINE_CLOSED`, but
   * with `drain` they run first. Resolves when the device memory is back. Further calls do nothing and give the same promise.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`
   */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closing === null) {
      let checked: CheckedCloseOptions;
      try {
        checked = checkedCloseOptions(options);
      } catch (error) {
        return Promise.reject(error);
      }
      this.#closing = this.#finish(checked);
    }
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

  async #finish({ drain, timeoutMs }: CheckedCloseOptions): Promise<void> {
    this.#runner.stop(drain);
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    const drained = drain && (await isSettledWithin(this.#runner.whenIdle(), timeoutMs));
    this.#runner.stop(false);
    await nativeCall(() => this.#native.close(drained));
    this.#runner.settleCompleted();
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
    if (this.#closing !== null) throw engineClosed();
  }
}
