/**
 * The one interface that names everything native, and the only file that loads the `.node`.
 *
 * Nothing here validates: TypeScript has validated before it calls, and C++ trusts its caller. Every promise rejects with
 * an Error that has `code` (a TrtErrorCode), `message`, and maybe `details` and `log`; `fromNative` makes a TrtError of it.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { TrtError, type LogLine, type TrtErrorCode } from './errors';
import type { TensorType } from './data-types';
import type { Flavour, LayerInfo, PlanMemory, Profile, TensorInfo } from './manifest-schema';

/** Absolute paths of one TensorRT. `parser` is needed to build only. */
export interface NativeLibraryFiles {
  readonly core: string;
  readonly parser: string | null;
}

export interface NativeGpu {
  readonly index: number;
  readonly name: string;
  /** e.g. `9.0` */
  readonly computeCapability: string;
  readonly uuid: string;
  readonly memoryTotalBytes: number;
}

export interface NativeDriver {
  /** `ok`: cuInit succeeded. Otherwise what went wrong, in the loader's or the driver's own words. */
  readonly status: 'ok' | 'not-found' | 'init-failed';
  /** Loader's or driver's own words when `status` is not `ok`; empty otherwise. */
  readonly message: string;
  /** The path of the libcuda that was opened, null if none. */
  readonly path: string | null;
  /** cuInit's result code; 0 when ok, null when libcuda was not found. */
  readonly cudaError: number | null;
  /** The newest CUDA that the driver supports, `13.0`; null without a driver. */
  readonly cudaVersion: string | null;
  /** NVIDIA driver version from NVML, `580.159.04`; null where NVML is missing. */
  readonly driverVersion: string | null;
  readonly gpus: readonly NativeGpu[];
}

export interface NativeLibraryProbe {
  readonly flavour: Flavour;
  /** `10.6.0` */
  readonly version: string;
  /** Which of the compiled-in ABIs drives it. */
  readonly abi: NativeAbi;
  /** createInferBuilder_INTERNAL is exported (lean and dispatch runtimes have none). */
  readonly hasBuilder: boolean;
  /** createInferRuntime_INTERNAL is exported. */
  readonly hasRuntime: boolean;
  /** The ONNX parser's version; null when `parser` was null. */
  readonly parserVersion: string | null;
}

export type NativeAbi = 'v10' | 'v11' | 'rtx';

/** Files that a model keeps tensors in. */
export interface NativeExternalData {
  /** Absolute path of the folder that all of them lie in. */
  readonly folder: string;
  readonly files: readonly NativeExternalFile[];
}

export interface NativeExternalFile {
  /** Relative to the folder, without `..`. */
  readonly location: string;
  /** As `hashExternalFile` gave it: another file there by now, or a changed one, is ERR_TRT_EXTERNAL_DATA. */
  readonly identity: string;
}

export interface NativeBuildRequest {
  readonly library: NativeLibraryFiles;
  readonly model: string;
  /** Of the model file, as it was examined. Another one there by now is ERR_TRT_ONNX_INVALID with reason `changed`. */
  readonly modelSha256: string;
  /**
   * The parser sees these files and no other: each is opened inside of its folder and lent to it through a private folder.
   * null: the model has no external data.
   */
  readonly externalData: NativeExternalData | null;
  /** An empty private folder, which stands in for the model's before the parser. Made and removed by the caller. */
  readonly stage: string;
  /** A file that must not exist yet; it is written, fsynced and hashed. Removed again when the build fails. */
  readonly planPath: string;
  /** CUDA device index; null builds without one (TensorRT-RTX alone). */
  readonly device: number | null;
  /** true/false set or clear the TF32 flag; null leaves TensorRT's default. */
  readonly tf32: boolean | null;
  /** `weak`: TensorRT 10 alone. */
  readonly typing: 'strong' | 'weak';
  /** Builder flags of a weakly typed network; empty for a strongly typed one. */
  readonly precisions: readonly NativeWeakPrecision[];
  /** What int8 needs where the model has no Q/DQ nodes; null: none. TensorRT 10 alone. */
  readonly calibration: NativeCalibration | null;
  readonly profiles: readonly Profile[];
  /** e.g. `['8.6', '12.0']`; empty: the GPU's own. TensorRT-RTX alone. */
  readonly computeCapabilities: readonly string[];
  readonly optimizationLevel: number | null;
  /** TensorRT's MemoryPoolType in camelCase → bytes. */
  readonly memoryPools: Readonly<Partial<Record<NativeMemoryPool, number>>>;
  /** null: none is used. Never given to TensorRT-RTX, on which such calls have no effect. */
  readonly timingCache: NativeTimingCache | null;
  /** Absolute paths of plugin libraries, in order. */
  readonly plugins: readonly string[];
  /** Registers TensorRT's standard plugins (libnvinfer_plugin). */
  readonly standardPlugins: boolean;
  readonly tuning: NativeTuning;
}

/** Flags that let TensorRT 10 choose narrower types than the model's, layer by layer. */
export type NativeWeakPrecision = 'fp16' | 'bf16' | 'int8' | 'fp8';

/** The rest of IBuilderConfig; null and false leave TensorRT's default. The capability table refuses what a library cannot. */
export interface NativeTuning {
  readonly maxAuxStreams: number | null;
  readonly avgTimingIterations: number | null;
  /** From 10.4 on. */
  readonly maxNbTactics: number | null;
  readonly hardwareCompatibilityLevel: NativeHardwareCompatibility | null;
  readonly refit: NativeRefitMode | null;
  readonly stripPlan: boolean;
  readonly weightStreaming: boolean;
  readonly versionCompatible: boolean;
  readonly excludeLeanRuntime: boolean;
  readonly sparseWeights: boolean;
  /** TacticSource in camelCase; null: TensorRT's own choice. An empty list switches every optional source off. */
  readonly tacticSources: readonly string[] | null;
  /** PreviewFeature in camelCase → on or off. */
  readonly previewFeatures: Readonly<Record<string, boolean>>;
  readonly tilingOptimizationLevel: 'none' | 'fast' | 'moderate' | 'full' | null;
  readonly l2LimitForTiling: number | null;
  /** null: layers run on the GPU alone. */
  readonly dla: { readonly core: number; readonly gpuFallback: boolean } | null;
  /** INetworkDefinition::markDebug; an unknown name is ERR_TRT_INVALID_ARG. */
  readonly debugTensors: readonly string[];
}

export type NativeHardwareCompatibility = 'none' | 'amperePlus' | 'sameComputeCapability';

/** kREFIT, kREFIT_IDENTICAL, kREFIT_INDIVIDUAL. */
export type NativeRefitMode = 'all' | 'identical' | 'individual';

export type NativeCalibrationAlgorithm = 'entropy2' | 'entropy' | 'minmax' | 'percentile';

export interface NativeCalibration {
  readonly algorithm: NativeCalibrationAlgorithm;
  /** `percentile` alone (IInt8LegacyCalibrator). */
  readonly quantile: number;
  readonly regressionCutoff: number;
  /** The batches; null: `cacheIn` has all that is needed, and TensorRT asking for a batch is ERR_TRT_CALIBRATION_CACHE. */
  readonly batches: NativeCalibrationBatches | null;
  /** Dims of every batch (min = opt = max), by input: IBuilderConfig::setCalibrationProfile. */
  readonly profile: Profile;
  /** A calibration cache that TensorRT may read; null: none. */
  readonly cacheIn: string | null;
  /** A file that must not exist yet, for the cache that TensorRT writes; null: it is dropped. */
  readonly cacheOut: string | null;
}

/** Batch `i` is the file `<folder>/<i>`, inputs one after the other at their offsets. */
export interface NativeCalibrationBatches {
  readonly folder: string;
  readonly count: number;
  readonly inputs: readonly {
    readonly name: string;
    readonly offsetBytes: number;
    readonly sizeBytes: number;
  }[];
}

export interface NativeTimingCache {
  /**
   * TensorRT's own blob, as trtexec's --timingCacheFile. Missing: starts empty. After the build what it learned is merged with
   * what stands there by then, under a lock on the folder, and replaces it atomically.
   */
  readonly path: string;
  /** Not written back; a kernel that is not in it is ERR_TRT_TIMING_CACHE with reason `miss` (kERROR_ON_TIMING_CACHE_MISS). */
  readonly reproducible: boolean;
}

export const nativeMemoryPools = [
  'workspace',
  'dlaManagedSram',
  'dlaLocalDram',
  'dlaGlobalDram',
  'tacticDram',
  'tacticSharedMemory',
] as const;
export type NativeMemoryPool = (typeof nativeMemoryPools)[number];

/** TacticSource in camelCase, of all ABIs: TensorRT 11 and RTX have the last two alone. */
export const nativeTacticSources = [
  'cublas',
  'cublasLt',
  'cudnn',
  'edgeMaskConvolutions',
  'jitConvolutions',
] as const;

/** PreviewFeature in camelCase; the digits at the end are the version that brought it. */
export const nativePreviewFeatures = [
  'aliasedPluginIo1003',
  'runtimeActivationResize1010',
  'multideviceRuntime1016',
] as const;

export interface NativeProgress {
  /** 'log' carries one TensorRT log line; the others are IProgressMonitor's phases. */
  readonly kind: 'phase-start' | 'step' | 'phase-end' | 'log';
  /** TensorRT's name of the phase, e.g. `Building Engine`; empty for logs. */
  readonly phase: string;
  /** The enclosing phase; null at the top. */
  readonly parent: string | null;
  readonly step: number;
  readonly steps: number;
  /** Present when `kind` is 'log'. */
  readonly log?: LogLine;
}

export interface NativeBuildResult {
  readonly flavour: Flavour;
  readonly version: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly chunksSha256: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly networkLayers: readonly LayerInfo[];
  /** The engine inspector's JSON; null where the plan could not be opened here, and the reason says why. */
  readonly engineInformation: string | null;
  readonly engineInformationReason: string | null;
  /** null where the plan could not be opened or has no weights. */
  readonly memory: PlanMemory | null;
  /** Seconds of TensorRT's build, without parsing. */
  readonly buildSeconds: number;
  /** Seconds of it that passed inside of the calibrator's callbacks (reading batches); null without calibration. */
  readonly calibrationSeconds: number | null;
  readonly timingCache: NativeTimingCacheUse | null;
  /** Warnings and worse, oldest first, bounded. */
  readonly log: readonly LogLine[];
}

export interface NativeTimingCacheUse {
  /** What was read before the build; 0 where there was none or none that fits. */
  readonly loadedBytes: number;
  /** Of the file after the build; 0 where it was not written. */
  readonly savedBytes: number;
  /** Why the file that stood there was not used, or what was learned was not kept; null: neither happened. */
  readonly warning: string | null;
  /** SHA-256 of what was read; null where nothing was. */
  readonly sha256: string | null;
}

/** A plan's bytes in native memory, with what a look at them says. TensorRT has not seen them yet. */
export interface NativePlan {
  readonly sizeBytes: number;
  /** The first 64 bytes (fewer when the plan is shorter). */
  readonly header: Uint8Array;
  /**
   * A digest in lower-case hex; hashed off the JS thread when it is first asked for, unless `readPlan` did so. One at a time: meanwhile
   * the plan can be neither loaded nor hashed (ERR_TRT_INVALID_ARG).
   */
  hash(kind: NativePlanHash): Promise<string>;
  /** Frees the bytes; `loadEngine` does so by itself once TensorRT has read them. */
  release(): void;
}

/** The digests that a manifest has of its plan (`PlanDigest`). The second is taken on several threads. */
export type NativePlanHash = 'sha256' | 'chunksSha256';

/** Collects a plan that JavaScript holds: written in slices, then sealed. */
export interface NativePlanWriter {
  write(data: Uint8Array): void;
  seal(): NativePlan;
}

export interface NativeLoadRequest {
  readonly library: NativeLibraryFiles;
  readonly plan: NativePlan;
  readonly device: number;
  /** Absolute paths of plugin libraries that the plan needs, in order. */
  readonly plugins: readonly string[];
  readonly standardPlugins: boolean;
  /** IRuntime::setEngineHostCodeAllowed. */
  readonly hostCode: boolean;
  /** Bytes of streamable weights that stay on the GPU; `auto`: TensorRT's choice; null: all (no streaming). */
  readonly weightStreamingBudget: number | 'auto' | null;
  /** true: the engine waits for `refit` before it makes its execution contexts (a stripped plan). */
  readonly awaitRefit: boolean;
  /** true: the plan is known to have all its weights, and not to be refittable. Otherwise TensorRT is asked, which takes time. */
  readonly fixedWeights?: boolean;
  /** How many; 0: chosen natively. */
  readonly lanes: number;
  readonly waiting: NativeWaiting;
  readonly graphs: NativeGraphMode;
  /** Captured graphs that a lane keeps. */
  readonly maxGraphs: number;
  /** Requests that may wait for a lane. */
  readonly queueLimit: number;
  readonly contextMemory: NativeContextMemory;
  /** NVTX ranges, TensorRT's and our own. */
  readonly directTensors: boolean;
  readonly nvtx: boolean;
  /** Absolute path of TensorRT-RTX's IRuntimeCache; null: none. */
  readonly runtimeCache: string | null;
}

/** How a lane waits, for work and for the GPU. */
export type NativeWaiting = 'auto' | 'spin' | 'block';

/** `on`: captured in the first use of a shape; `auto`: in the second. */
export type NativeGraphMode = 'auto' | 'on' | 'off';

/** `shared`: one block for the contexts of all lanes, whose networks then run one at a time. */
export type NativeContextMemory = 'separate' | 'shared';

/** Weights for a refit: of an ONNX file as in a build, or by name. */
export type NativeRefitSource =
  | {
      readonly model: string;
      readonly modelSha256: string;
      readonly externalData: NativeExternalData | null;
      readonly stage: string;
      /** libnvonnxparser */
      readonly parser: string;
    }
  | { readonly weights: readonly NativeNamedWeights[] };

export interface NativeNamedWeights {
  readonly name: string;
  readonly type: TensorType;
  readonly elements: number;
  /** Copied before the call returns. */
  readonly data: Uint8Array;
}

export interface NativeWeightsInfo {
  readonly name: string;
  readonly type: TensorType;
  readonly elements: number;
}

/** What a library's parser says of a model, without building it. */
export interface NativeModelInspection {
  readonly flavour: Flavour;
  readonly version: string;
  readonly parserVersion: string | null;
  /** The whole model parses. */
  readonly supported: boolean;
  /** Runs of nodes (indices in the file's order) that parse, or do not. */
  readonly subgraphs: readonly { readonly nodes: readonly number[]; readonly supported: boolean }[];
  readonly errors: readonly NativeParserError[];
}

export interface NativeParserError {
  /** Index in the model's main graph; -1: of the model as a whole. */
  readonly node: number;
  readonly name: string;
  readonly operator: string;
  /** TensorRT's ErrorCode, e.g. `unsupported-node`. */
  readonly code: string;
  readonly message: string;
}

export interface NativeTiming {
  /** Milliseconds. queue and enqueue: host monotonic clock; h2d, compute, d2h: CUDA events. */
  readonly queue: number;
  readonly enqueue: number;
  readonly h2d: number;
  readonly compute: number;
  readonly d2h: number;
  /** From submission to completion as the lane saw it, host monotonic clock. */
  readonly total: number;
}

/**
 * One for each of the engine's outputs, in the engine's order: exactly the output's bytes (pinned memory of the engine's pool from 64 KiB
 * on, where Node allows external buffers), the memory that it stays in on the GPU, or null where it was not asked for or went into
 * memory of the caller's. An array with properties, as a match of a regular expression is: the properties are rarely there, and objects are
 * slow to make in native code.
 */
export interface NativeInferResult extends ReadonlyArray<ArrayBuffer | NativeDeviceMemory | null> {
  /** Of all outputs; absent where they are those that the result before it told, of the same call. */
  readonly dims?: readonly (readonly number[])[];
  /** Absent unless asked for. */
  readonly timing?: NativeTiming;
  /** Of the debug tensors that were asked for, in their order; absent where there are none. */
  readonly debug?: readonly NativeDebugTensor[];
  /** Of `runSync` alone: `runAgain` may follow. */
  readonly again?: true;
}

export interface NativeDebugTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** As an output's. */
  readonly data: ArrayBuffer;
}

/** Any typed array: the addon takes its address and byte length at the moment of the call. */
export type NativeArray = ArrayBufferView;

/** Pinned memory for the ordinary arrays of one request. Up to 1 MiB of inputs it is taken at once. */
export interface NativeStaging {
  /** Takes the memory of larger inputs off the JS thread. Without it the first `write` does so, on the JS thread. */
  prepare(): Promise<void>;
  /** Copies `data` into input `index` of the engine at `offsetBytes`, on the JS thread. */
  write(index: number, offsetBytes: number, data: Uint8Array): void;
  /** Gives the memory back without running; a no-op once a request took it. */
  release(): void;
}

/** What an output of a registered call becomes. */
export const nativeTargets = { none: 0, cpu: 1, device: 2 } as const;

/** How the CUDA graphs of one lane fared. */
export interface NativeLaneGraphs {
  /** Graphs that the lane keeps now. */
  readonly held: number;
  /** Graphs that it has made. */
  readonly captured: number;
  readonly replays: number;
  /** Inferences that were enqueued without a graph. */
  readonly eager: number;
  /** Why the last of these did not become a graph; null: none was refused. */
  readonly reason: string | null;
}

export interface NativeGraphState {
  readonly mode: NativeGraphMode;
  readonly lanes: readonly NativeLaneGraphs[];
}

/** What an engine holds now, bytes. What CUDA takes for graphs and for the code of kernels, no call tells. */
export interface NativeEngineMemory {
  readonly lanes: number;
  /** On the GPU: what TensorRT holds for the engine, its execution contexts left out. */
  readonly weights: number;
  /** On the GPU: what TensorRT reports for one execution context. */
  readonly contextPerLane: number;
  /** On the GPU: of all execution contexts; a block that they share counts once. */
  readonly contexts: number;
  /** On the GPU: inputs and outputs, of all lanes. */
  readonly bindings: number;
  /** Pinned memory of the host, lent or idle. */
  readonly staging: number;
}

/** IProfiler: milliseconds of each layer in each of the iterations that it ran in. */
export interface NativeLayerTimes {
  readonly layers: readonly {
    readonly name: string;
    readonly milliseconds: readonly number[];
  }[];
  /** Of the whole network, of each iteration, between two CUDA events. */
  readonly compute: readonly number[];
  /** It ran as a CUDA graph; false: enqueued anew each time. */
  readonly graph: boolean;
}

/**
 * Device memory that JavaScript holds. A released one fails with ERR_TRT_INVALID_ARG. Its copies wait on the GPU for what is under way
 * on the memory, and what is put on any stream later waits for them.
 */
export interface NativeDeviceMemory {
  readonly sizeBytes: number;
  readonly address: bigint;
  /** CUDA device index. */
  readonly device: number;
  read(offset: number, length: number): Promise<ArrayBuffer>;
  /** `data` is copied before this returns: pass 1 MiB at most at a time. */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** The GPU reads `data` itself, where that is pinned memory of ours; else null. */
  writePinned(offset: number, data: Uint8Array): Promise<void> | null;
  /** Both on one GPU. */
  copyFrom(source: NativeDeviceMemory, sizeBytes: number): Promise<void>;
  /** The same memory from `offset` on, as one more handle: freed when all are released. */
  part(offset: number, sizeBytes: number): NativeDeviceMemory;
  /** Once. Resolves when the memory is back: what uses it finishes first. */
  release(): Promise<void>;
}

export interface NativeStream {
  /** CUstream */
  readonly handle: bigint;
  /** CUDA device index. */
  readonly device: number;
  synchronize(): Promise<void>;
  record(event: NativeEvent): void;
  wait(event: NativeEvent): void;
  /** Idempotent. */
  close(): void;
}

export interface NativeEvent {
  /** Whether everything before its last `record` is done (cuEventQuery). */
  query(): boolean;
  synchronize(): Promise<void>;
  /** Milliseconds (cuEventElapsedTime). */
  elapsedSince(start: NativeEvent): number;
  /** Idempotent. */
  close(): void;
}

/** An execution context of its own, driven by hand. */
export interface NativeContext {
  setInputDims(index: number, dims: readonly number[]): void;
  /** Of an input that TensorRT reads on the host; copied. */
  setInputValues(index: number, data: Uint8Array): void;
  /** As TensorRT infers them from the inputs set so far; -1 where only the run tells. */
  outputDims(index: number): number[];
  bind(kind: 'input' | 'output', index: number, memory: NativeDeviceMemory): void;
  enqueue(stream: NativeStream): void;
  /** Runs the network once before, where its dims are new. */
  capture(): Promise<NativeGraph>;
  close(): Promise<void>;
}

export interface NativeGraph {
  launch(stream: NativeStream): void;
  /** Idempotent. */
  close(): void;
}

export interface NativeEngine {
  readonly flavour: Flavour;
  readonly version: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
  readonly gpu: NativeGpu;
  /** Device memory of weights and activation scratch as TensorRT reports it, bytes. */
  readonly deviceMemoryBytes: number;
  readonly lanes: number;
  readonly waiting: NativeWaiting;
  /**
   * A kind of request: `dims[i]` belongs to `inputs[i]`, `targets[i]` (of `nativeTargets`) to `outputs[i]`. Returns a small integer,
   * valid until it is released or the engine closes. The same call may be registered twice.
   */
  registerCall(
    profile: number,
    dims: readonly (readonly number[])[],
    targets: readonly number[],
  ): number;
  releaseCall(call: number): void;
  /**
   * Runs on the calling thread.
   *
   * @param inputs per input a typed array of exactly its bytes, device memory of at least these, or null where `staged` has it
   * @param staged taken, unless this throws before it begins
   * @param outputs null, or per output null, a typed array of at least its bytes (written into) or device memory of at least these
   */
  runSync(
    call: number,
    inputs: readonly (NativeArray | NativeDeviceMemory | null)[],
    staged: NativeStaging | null,
    outputs: readonly (NativeArray | NativeDeviceMemory | null)[] | null,
    timed: boolean,
  ): NativeInferResult;
  /**
   * The `runSync` before once more, with the same memory, which it has kept: nothing crosses the boundary. Only behind one whose result has
   * `again`, or behind this.
   *
   * @returns undefined: there is nothing to tell, the outputs are in the caller's arrays and their dims are those that were told
   */
  runAgain(): NativeInferResult | undefined;
  /**
   * The same on a lane. Ordinary arrays are copied before this returns, so together at most 1 MiB of them is sensible.
   *
   * @param deadlineMs 0: none; a request that has not begun by then fails with ERR_TRT_DEADLINE
   * @param debug names of debug tensors; such a request runs without a graph
   * @returns a slot: a small integer, the caller's until `collect` or a successful `cancel`, then given again
   */
  submit(
    call: number,
    inputs: readonly (NativeArray | NativeDeviceMemory | null)[],
    staged: NativeStaging | null,
    outputs: readonly (NativeArray | NativeDeviceMemory | null)[] | null,
    timed: boolean,
    deadlineMs: number,
    debug?: readonly string[],
  ): number;
  /** true: it was still queued, is gone, and its slot with it. false: it runs or is done, and its slot will come. */
  cancel(slot: number): boolean;
  /**
   * After `onComplete` or `completed` named it: the result, once; throws what it failed with.
   *
   * @param outputs what `submit` was given
   */
  collect(
    slot: number,
    outputs: readonly (NativeArray | NativeDeviceMemory | null)[] | null,
  ): NativeInferResult;
  /** Instead of `collect`, where nobody wants the result any more. */
  discard(slot: number): void;
  /** Slots that are complete by now, without waiting for the wake-up. Each slot is named once, here or there. */
  completed(): readonly number[] | null;
  /**
   * The same for who asks in each turn of the event loop, from a submission on, while slots have not been named: JavaScript is not woken
   * meanwhile. `false`: there are none, and it shall ask no more, as it is woken from now on. So it is at once with waiting `block`, 1 ms after the
   * last submission or completion (at once where enough threads spin) with `auto`, never with `spin`.
   */
  poll(): readonly number[] | null | false;
  /**
   * One call for all the slots that are complete by then, where JavaScript does not ask. The event loop and this object live while a slot
   * has not been named.
   */
  setOnComplete(callback: (slots: readonly number[]) => void): void;
  /** ICudaEngine::isDebugTensor: a request may ask for its value. */
  isDebugTensor(name: string): boolean;
  /** Whether the GPU reads and writes this memory directly, so that nothing of it needs to be staged. */
  isPinned(data: NativeArray): boolean;
  /** Pinned memory for the inputs of `call` that `submit` shall not copy. */
  stage(call: number): NativeStaging;
  /** Runs `call` once on each lane and captures what can be. `values[i]`: the bytes of a shape tensor; null: zeros. */
  warm(call: number, values: readonly (Uint8Array | null)[]): Promise<void>;
  /** Pinned and zeroed; an ordinary ArrayBuffer where external ones are forbidden. The GPU reads and writes it directly. */
  allocate(sizeBytes: number): ArrayBuffer;
  graphState(): NativeGraphState;
  memory(): NativeEngineMemory;
  /**
   * Runs the network with IProfiler, on a context of its own. Inferences that run meanwhile are in its times.
   *
   * @param values per input the bytes it gets, copied before this returns; null: zeros
   */
  profileLayers(
    profile: number,
    dims: readonly (readonly number[])[],
    values: readonly (Uint8Array | null)[],
    warmup: number,
    iterations: number,
  ): Promise<NativeLayerTimes>;
  createContext(profile: number): Promise<NativeContext>;
  /** TensorRT's engine inspector: its JSON, whole. */
  inspect(): Promise<string>;
  /** Bytes of weights that could be streamed; 0 where the plan was not built for that. */
  readonly streamableWeightsBytes: number;
  readonly weightStreamingBudgetBytes: number;
  readonly refittable: boolean;
  readonly hardwareCompatibilityLevel: NativeHardwareCompatibility;
  /** Streams that TensorRT uses beside the one of the inference. */
  readonly auxStreams: number;
  /**
   * Waits for what runs, sets the weights, and lets inference go on. Resolves to the weights that are still missing; while there are
   * any, inference is ERR_TRT_REFIT with reason `missing`.
   */
  refit(source: NativeRefitSource): Promise<readonly string[]>;
  /** Every weight that `refit` could set, and of them those that are still missing. */
  refittableWeights(): Promise<{
    readonly all: readonly NativeWeightsInfo[];
    readonly missing: readonly string[];
  }>;
  /** The engine as a plan, with its weights, written to a file that must not exist yet. */
  serialize(planPath: string): Promise<{ sha256: string; sizeBytes: number; chunksSha256: string }>;
  /** What is queued fails with ERR_TRT_ENGINE_CLOSED. */
  discardQueued(): void;
  /** `discardQueued()`, and when what runs is finished frees everything. Resolves when the device memory is back. A second call waits for the first. */
  close(): Promise<void>;
}

export interface NativeBinding {
  /** ABIs compiled in, with the version of the headers they were compiled from. */
  readonly abis: Readonly<Partial<Record<NativeAbi, string>>>;
  /** MemoryPoolType names as the native side knows them; a test compares them with `nativeMemoryPools`. */
  readonly memoryPools: readonly string[];
  /** The same of `nativeTacticSources` and `nativePreviewFeatures`. */
  readonly tuningNames: {
    readonly tacticSources: readonly string[];
    readonly previewFeatures: readonly string[];
  };
  /** Error codes that native code uses; a test compares them with `TrtErrorCode`. */
  readonly errorCodes: readonly string[];
  /** Tensor types and bits per element as the native side knows them; a test compares them with `tensorTypes`. */
  readonly tensorTypes: Readonly<Record<string, number>>;
  /**
   * The process is about to exit: threads that are inside of the driver or of TensorRT are waited for (5 s at most), and no
   * other than the calling one enters any more. Their libraries' exit handlers would crash them.
   */
  prepareExit(): void;
  probeDriver(): Promise<NativeDriver>;
  probeLibrary(library: NativeLibraryFiles): Promise<NativeLibraryProbe>;
  build(
    request: NativeBuildRequest,
    onProgress: (event: NativeProgress) => void,
    /** Called at once with what makes the build fail at TensorRT's next step; afterwards it does nothing. */
    onStart?: (cancel: () => void) => void,
  ): Promise<NativeBuildResult>;
  /** What the library's parser says of a model. Without a GPU: TensorRT-RTX alone. */
  inspectModel(
    request: Pick<
      NativeBuildRequest,
      | 'library'
      | 'model'
      | 'modelSha256'
      | 'externalData'
      | 'stage'
      | 'device'
      | 'plugins'
      | 'standardPlugins'
    >,
  ): Promise<NativeModelInspection>;
  /** `identity` tells this state of this file from any other: where it is stored, its size, and when it last changed. */
  hashFile(path: string): Promise<{ sha256: string; sizeBytes: number; identity: string }>;
  /**
   * Opens a file of a model's external data and hashes what was opened. ERR_TRT_EXTERNAL_DATA with `details.reason`:
   * `outside` (the file, through whatever links, is not inside of `folder`), `hard-link`, `missing`, `not-a-file`, `unreadable`.
   */
  hashExternalFile(
    folder: string,
    location: string,
  ): Promise<{ sha256: string; sizeBytes: number; identity: string }>;
  /**
   * Waits for an advisory lock on a folder, held against other processes and threads and dropped when its holder dies. On
   * file systems without such locks it holds nothing. ERR_TRT_WRITE after `timeoutMs`.
   */
  lockFolder(folder: string, timeoutMs: number): Promise<{ release(): void }>;
  /**
   * Refuses directories, FIFOs and devices. ENOENT and the like come as ERR_TRT_ENGINE_NOT_FOUND.
   *
   * @param hash what is hashed on the way, which costs little; `sha256` makes one thread of all, as long as hashing takes
   */
  readPlan(path: string, hash?: NativePlanHash | null): Promise<NativePlan>;
  createPlan(sizeBytes: number): NativePlanWriter;
  loadEngine(request: NativeLoadRequest): Promise<NativeEngine>;
  /** Takes the memory of an ArrayBuffer away from it, and gives it back to the pool that it is of. */
  detach(buffer: ArrayBuffer): void;
  /** Zeros. The first on a GPU takes as long as its context does. */
  allocateDevice(device: number, sizeBytes: number): Promise<NativeDeviceMemory>;
  /** Of other CUDA code's: used, never freed. */
  adoptDevice(device: number, address: bigint, sizeBytes: number): NativeDeviceMemory;
  createStream(device: number): Promise<NativeStream>;
  /** Of other CUDA code's: used, never destroyed. */
  streamFromHandle(device: number, handle: bigint): NativeStream;
  createEvent(device: number, timing: boolean): NativeEvent;
  /** cuMemGetInfo of the device. */
  deviceMemory(device: number): Promise<{ freeBytes: number; totalBytes: number }>;
  /** Asks NVML about every GPU of the machine, in PCI order, whatever CUDA_VISIBLE_DEVICES says. Empty without NVML. */
  gpuStates(): Promise<readonly NativeGpuState[]>;
}

/** What NVML says of one GPU; null where this driver, GPU or user has no answer. */
export interface NativeGpuState {
  /** NVML's: PCI order. CUDA's may differ; `uuid` is the same for both. */
  readonly index: number;
  readonly name: string | null;
  /** `GPU-…` */
  readonly uuid: string | null;
  /** `00000000:18:00.0` */
  readonly pciBusId: string | null;
  /** `9.0` */
  readonly computeCapability: string | null;
  /** The driver stays loaded while nobody uses the GPU. */
  readonly persistenceMode: boolean | null;
  /** `pending`: after the GPU's next reset. `instances`: MIG devices that this process may see. null: the GPU has no MIG. */
  readonly mig: {
    readonly enabled: boolean;
    readonly pending: boolean;
    readonly instances: number;
  } | null;
  /** Of the multiprocessors, now, in MHz. */
  readonly smClockMhz: number | null;
  /** The highest that the GPU knows. */
  readonly smClockMaxMhz: number | null;
  /** What `nvidia-smi -ac` set. */
  readonly smClockApplicationMhz: number | null;
  readonly memoryClockMhz: number | null;
  readonly memoryClockMaxMhz: number | null;
  readonly memoryClockApplicationMhz: number | null;
  /** Of the whole board; from Ampere on the mean of a second. */
  readonly powerDrawWatts: number | null;
  /** The enforced one: the least of all limits. */
  readonly powerLimitWatts: number | null;
  readonly powerLimitDefaultWatts: number | null;
  /** Of the GPU's die. */
  readonly temperatureCelsius: number | null;
  /** 0 to 100: the share of the driver's last period in which a kernel ran. One small kernel at a time makes it 100. */
  readonly gpuUtilizationPercent: number | null;
  /** 0 to 100: the share of that period in which memory was read or written; no measure of how much is taken. */
  readonly memoryUtilizationPercent: number | null;
  readonly memoryTotalBytes: number | null;
  /** By all processes, the driver's own included. */
  readonly memoryUsedBytes: number | null;
  /** Of the link now: an idle GPU lowers it. */
  readonly pcieGeneration: number | null;
  readonly pcieGenerationMax: number | null;
  /** Lanes of the link now. */
  readonly pcieWidth: number | null;
  readonly pcieWidthMax: number | null;
  readonly eccEnabled: boolean | null;
  /** `default`, `exclusive-thread`, `prohibited` or `exclusive-process` */
  readonly computeMode: string | null;
  /**
   * Why the clocks are below their maximum: `gpu-idle`, `application-clocks-setting`, `software-power-cap`, `hardware-slowdown`,
   * `sync-boost`, `software-thermal-slowdown`, `hardware-thermal-slowdown`, `hardware-power-brake-slowdown`, `display-clock-setting`.
   * Empty: nothing holds them down.
   */
  readonly clockEventReasons: readonly string[] | null;
  /** Processes with a compute context, this one not counted; a container may not see those of others. */
  readonly otherProcesses: number | null;
}

/** The shape of an Error that the addon rejects with. */
export interface NativeError extends Error {
  readonly code: TrtErrorCode;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly log?: readonly LogLine[];
}

/** Said wherever the native code is asked for and cannot be there. */
const supportedPlatforms =
  'trt-node runs on Linux x64 with glibc 2.28 or newer (Debian 10, Ubuntu 20.04, RHEL 8 and later)';

let loaded: NativeBinding | undefined;

/**
 * The native addon, loaded on first use: importing trt-node never loads it.
 *
 * @throws ERR_TRT_UNSUPPORTED_PLATFORM on macOS, Windows, Alpine and the like; ERR_TRT_ADDON_LOAD when the addon of a
 * supported platform is missing or cannot be opened.
 */
export function loadBinding(): NativeBinding {
  loaded ??= openAddon();
  return loaded;
}

function openAddon(): NativeBinding {
  if (process.platform !== 'linux') {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED_PLATFORM',
      `${supportedPlatforms}; this is ${process.platform} ${process.arch}. Types and imports work everywhere; build and ` +
        'infer in a Linux container or on a Linux machine (on Windows: WSL 2)',
      { details: { platform: process.platform, arch: process.arch } },
    );
  }
  const root = join(__dirname, '..');
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the addon is loaded when it is first needed
    const load = require('node-gyp-build') as (folder: string) => NativeBinding;
    const binding = load(root);
    // A worker ends with all that it has under way before exit() begins.
    if (isMainThread) process.once('exit', () => binding.prepareExit());
    return binding;
  } catch (cause) {
    throw addonError(root, cause);
  }
}

function addonError(root: string, cause: unknown): TrtError {
  const words = (cause instanceof Error ? cause.message : String(cause))
    .replace(/\s+/g, ' ')
    .trim();
  const libc = glibcVersion();
  if (libc === null || process.arch !== 'x64') {
    return new TrtError(
      'ERR_TRT_UNSUPPORTED_PLATFORM',
      `${supportedPlatforms}; this is ${process.platform} ${process.arch} with ${libc === null ? 'musl' : `glibc ${libc}`}. ` +
        (libc === null
          ? 'Use a Debian, Ubuntu or RHEL base image instead of Alpine: TensorRT itself needs glibc'
          : 'There is no prebuilt addon for this processor'),
      { cause, details: { platform: process.platform, arch: process.arch, glibc: libc } },
    );
  }
  const prebuilds = listFolder(join(root, 'prebuilds'));
  return new TrtError(
    'ERR_TRT_ADDON_LOAD',
    `the native addon could not be loaded (${words}). This machine has glibc ${libc}. ` +
      (prebuilds.length === 0
        ? 'No prebuilt addon is in the package: in a clone run `npm run build:native`, elsewhere reinstall trt-node'
        : `Prebuilt: ${prebuilds.join(', ')}. Reinstall trt-node; if it still fails, report it with this message`),
    { cause, details: { glibc: libc, prebuilds } },
  );
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The version of glibc that Node runs on; null where it runs on another C library. */
export function glibcVersion(): string | null {
  const report = process.report.getReport() as unknown as {
    header?: { glibcVersionRuntime?: string };
  };
  return report.header?.glibcVersionRuntime ?? null;
}

function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && /^ERR_TRT_/.test(String((error as Partial<NativeError>).code));
}

/**
 * A TrtError of what the addon rejected with. Call it where the user's call is still on the stack (in an async function,
 * after the await): the stack then leads to the caller.
 */
export function fromNative(error: unknown): TrtError {
  if (error instanceof TrtError) return error;
  if (!isNativeError(error)) {
    const words = error instanceof Error ? error.message : String(error);
    return new TrtError('ERR_TRT_INTERNAL', `unexpected native failure: ${words}`, {
      cause: error,
    });
  }
  return new TrtError(error.code, error.message, {
    ...(error.details ? { details: error.details } : {}),
    ...(error.log ? { log: error.log } : {}),
  });
}
