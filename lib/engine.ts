import path from 'node:path';
import { benchmarkEngine } from './benchmark/benchmark-engine';
import type { BenchmarkOptions } from './benchmark/options';
import type { BenchmarkResult } from './benchmark/result';
import type { NativeEngine } from './binding';
import type { CapturedGraph } from './captured-graph';
import { captureEngine } from './engine-capture';
import { EngineFacts } from './engine-facts';
import type { DebugOf, EngineOrigin, RefittableWeights, TimedResult } from './engine-facts';
import { inspectEngine } from './engine-inspection';
import type { EngineInspection } from './engine-inspection';
import { EngineLife } from './engine-life';
import { measuredMemory } from './engine-memory';
import type { EngineMemory } from './engine-memory';
import type { Shapes } from './engine-shapes';
import { notConstructible } from './errors';
import { createContext } from './execution-context';
import type { ContextOptions, ExecutionContext } from './execution-context';
import { filePathOf } from './file-path';
import type {
  InferOptions,
  OutputsIn,
  OutputsOf,
  OutputsOption,
  TimedInferOptions,
} from './infer-options';
import { allocateTensor } from './infer/allocate';
import type { CloseOptions } from './infer/close-options';
import { engineGraphs } from './infer/engine-graphs';
import type { EngineGraphs } from './infer/engine-graphs';
import { Inferences } from './infer/inferences';
import type { WarmupShapes } from './infer/warmup';
import { profileEngine } from './layer-profile';
import type { LayerProfile, LayerProfileOptions } from './layer-profile';
import type {
  AllocatedDims,
  AllocatedTensor,
  AnyModel,
  ModelInputs,
  ModelTypes,
  TensorName,
} from './model-types/model-types';
import { EngineWeights } from './refit/engine-weights';
import type { NamedWeights } from './refit/named-weights';
import { checkedRefit, type RefitOptions } from './refit/refit-options';
import { checkedSaveOptions, type SaveOptions } from './refit/save-options';
import type { Tensor, TensorInputs } from './tensor';

export type {
  DebugOf,
  EngineDevice,
  EngineIntegrity,
  EngineOrigin,
  InferTiming,
  RefittableWeights,
  TimedResult,
  WeightsInfo,
  WeightStreaming,
} from './engine-facts';

/** Whatever an inference gives. */
type Outputs = OutputsOf<OutputsOption | undefined>;

/**
 * A plan on a GPU, ready to infer. `loadEngine` makes it; `close()` it (or declare it with `await using`), as device memory
 * is not the garbage collector's to see.
 *
 * Every method of a closed engine fails with `ERR_TRT_ENGINE_CLOSED`.
 *
 * @typeParam M the model's inputs and outputs, as `trt-node types` writes them, so that the compiler checks names, types and ranks. Left
 * out: any names and types go, and `infer` checks them
 */
export class Engine<M extends ModelTypes = AnyModel> extends EngineFacts {
  /**
   * For the compiler alone; nothing is there. Without the modifier TypeScript would not compare engines member by member, and an engine with
   * types would be no `Engine`.
   */
  declare readonly '~types'?: { readonly [Part in keyof M]-?: M[Part] };
  readonly #native: NativeEngine;
  readonly #weights: EngineWeights;
  readonly #loadMs: number | null;
  readonly #inferences: Inferences;
  readonly #life: EngineLife;

  /** @internal `loadEngine` is the way to get one. */
  constructor(
    native: NativeEngine,
    origin: EngineOrigin,
    weights: EngineWeights = new EngineWeights(native, null),
  ) {
    if (arguments.length < 2) throw notConstructible('Engine', 'loadEngine(plan)');
    super(native, origin);
    this.#native = native;
    this.#weights = weights;
    this.#loadMs = origin.loadMs ?? null;
    this.#inferences = new Inferences(this as unknown as Engine, native);
    this.#life = new EngineLife(native, this.#inferences);
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
    inputs: ModelInputs<M>,
    options?: InferOptions<O> & OutputsIn<M, O>,
  ): Promise<OutputsOf<O, M>>;
  infer(inputs: TensorInputs, options?: InferOptions): Promise<Outputs> {
    return this.#inferences.infer(inputs, options);
  }

  /**
   * The same as {@link infer}, with where the time went. With the option `debug` the result also has values of tensors inside of the network;
   * that is slow, and for finding faults: see {@link TimedInferOptions}.
   *
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  inferTimed<
    const O extends OutputsOption | undefined = undefined,
    const D extends readonly string[] | undefined = undefined,
  >(
    inputs: ModelInputs<M>,
    options?: TimedInferOptions<O, D> & OutputsIn<M, O>,
  ): Promise<TimedResult<OutputsOf<O, M>> & DebugOf<D>>;
  inferTimed(inputs: TensorInputs, options?: TimedInferOptions): Promise<TimedResult<Outputs>> {
    return this.#inferences.inferTimed(inputs, options);
  }

  /**
   * The same as {@link infer}, but it blocks the event loop until the outputs are there, copies included: for scripts, and
   * for workers that do nothing else. It goes before what is queued.
   *
   * @throws TrtError the codes of {@link infer} but for `ERR_TRT_QUEUE_FULL` and `ERR_TRT_DEADLINE`
   */
  inferSync<const O extends OutputsOption | undefined = undefined>(
    inputs: ModelInputs<M>,
    options?: InferOptions<O> & OutputsIn<M, O>,
  ): OutputsOf<O, M>;
  inferSync(inputs: TensorInputs, options?: InferOptions): Outputs {
    return this.#inferences.inferSync(inputs, options);
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
  allocate<const Name extends TensorName<M>>(
    name: Name,
    dims?: AllocatedDims<M, Name>,
  ): AllocatedTensor<M, Name>;
  allocate(name: string, dims?: readonly number[]): Tensor {
    this.#life.assertOpen();
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
    await this.#life.run(() => this.#inferences.warmup(shapes));
  }

  /**
   * Measures the engine with the inputs given: a loop of {@link infer} for latency and throughput as a caller sees them, then one of
   * {@link inferTimed} for where the time goes. The engine stays usable meanwhile, but whatever else it runs is in the figures. Compare figures
   * of one machine, and of steady clocks: see docs/benchmarking.md.
   *
   * @throws TrtError (as a rejection) the codes of {@link infer}
   */
  async benchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
    const facts = { native: this.#native, loadMs: this.#loadMs };
    return await this.#life.run(() => benchmarkEngine(this as unknown as Engine, facts, options));
  }

  /**
   * An execution context of its own, for device tensors, streams and graphs of yours. It takes activation memory beside that of the lanes.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED` (an output that TensorRT writes on the host: use
   * {@link infer}), `ERR_TRT_REFIT` (weights are missing), `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`,
   * `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  async createContext(options?: ContextOptions): Promise<ExecutionContext> {
    return await this.#life.run(() => createContext(this, this.#native, options));
  }

  /**
   * The network as one CUDA graph with tensors of its own on the GPU: fill `graph.inputs`, `graph.launch()`, read `graph.outputs`. For
   * loops that stay on the GPU; `infer` captures and replays by itself. Close it.
   *
   * @param shapes the dims of the inputs, by name; the profile's `opt` for those left out, and for the values of shape tensors
   * @throws TrtError (as a rejection) the codes of {@link createContext}, `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INFER_FAILED`
   */
  async capture(shapes: Shapes = {}, options?: ContextOptions): Promise<CapturedGraph> {
    return await this.#life.run(() => captureEngine(this, this.#native, shapes, options));
  }

  /**
   * The layers that TensorRT made of the network (its engine inspector), in one shape for TensorRT 10, 11 and RTX; `raw` has the
   * inspector's own JSON. How much it tells, the plan's `profilingVerbosity` decides.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_UNSUPPORTED` (TensorRT tells nothing), `ERR_TRT_INTERNAL` (what
   * it writes is no JSON: `details.text` has it)
   */
  async inspect(): Promise<EngineInspection> {
    return await this.#life.run(() => inspectEngine(this.#native));
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
    return await this.#life.run(() => profileEngine(this.#native, contract, options));
  }

  /**
   * What the engine holds of the GPU's and the host's memory now, in bytes. TensorRT asks trt-node for the memory of weights and contexts,
   * so these are exact, but for what the driver adds to round them up.
   *
   * @throws TrtError `ERR_TRT_ENGINE_CLOSED`
   */
  memory(): EngineMemory {
    this.#life.assertOpen();
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
    const missing = await this.#life.run(() => this.#weights.refit(checked));
    this.#inferences.tellGraphs();
    return missing;
  }

  /**
   * The weights that {@link refit} can set, and those that are missing.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_REFIT`
   */
  async refittableWeights(): Promise<RefittableWeights> {
    return await this.#life.run(() => this.#weights.list());
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
    await this.#life.run(() => this.#weights.save(output, this.manifest, signingKey));
  }

  /**
   * Frees the engine. Inferences that are on the GPU finish and resolve; those that are queued reject with `ERR_TRT_ENGINE_CLOSED` at once,
   * but with `drain` they run first. What else is under way (`warmup`, `profile`, `refit`, …) is waited for. Resolves when the device
   * memory is back. Further calls do nothing and give the same promise.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`
   */
  close(options?: CloseOptions): Promise<void> {
    return this.#life.close(options);
  }

  /** `using engine`: starts {@link close} and does not wait; call that yourself to learn whether it failed. */
  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  /** `await using engine`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
