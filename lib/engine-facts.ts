import type { NativeEngine, NativeTiming, NativeWeightsInfo } from './binding';
import type { HardwareCompatibilityLevel } from './builder-tuning';
import { frozenCopy } from './frozen-copy';
import type { Flavour, Manifest, Profile, TensorInfo } from './manifest-schema';
import type { Tensors, TypedTensor } from './tensor';

/**
 * What was known about a plan when it was loaded: its `digest` agreed, or its `signature` too; the check was switched `off`, or
 * there was no manifest.
 */
export type EngineIntegrity = 'digest' | 'signature' | 'off' | 'unverified';

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
 * `h2d`, `compute` and `d2h` (inputs to the GPU, the network, outputs back) lie between CUDA events: time of the GPU. Inputs of up to 1 KiB and
 * outputs of up to 4 KiB are not copied: kernels read and write them on the host, within `compute`.
 * `queue` (from submission until a lane took it), `enqueue` (handing the work to the driver) and `total` (from submission
 * to completion) come from the host's monotonic clock: no event sees them. `total` has no share of JavaScript: neither the
 * copy of the inputs into staging memory nor the turn of the event loop that resolves the promise.
 */
export type InferTiming = NativeTiming;

export interface TimedResult<Outputs = Tensors> {
  readonly outputs: Outputs;
  readonly timing: InferTiming;
}

/** What `inferTimed` gives for its option `debug`: nothing more where that is left out, or else the values by name. */
export type DebugOf<D> = D extends readonly (infer Name extends string)[]
  ? { readonly debug: Record<Name, TypedTensor> }
  : unknown;

/** Weights as an engine has them: a name (in engines from ONNX models that of the initializer), a type and a count. */
export type WeightsInfo = NativeWeightsInfo;

export interface RefittableWeights {
  /** Every one that `Engine.refit` can set; empty for an engine that is not refittable. */
  readonly all: readonly WeightsInfo[];
  /** Those that the engine needs before it can infer. */
  readonly missing: readonly string[];
}

/** Weights that TensorRT can keep in memory of the host, and bring to the GPU while it runs. */
export interface WeightStreaming {
  /** Bytes of such weights; 0 for a plan that was built without `weightStreaming`. */
  readonly streamableBytes: number;
  /** Bytes of them that stay on the GPU. `streamableBytes`: nothing is streamed. */
  readonly budgetBytes: number;
}

/** What `loadEngine` found out before TensorRT saw the plan. */
export interface EngineOrigin {
  readonly manifest: Manifest | null;
  readonly integrity: EngineIntegrity;
  /** Milliseconds of the whole load; absent where nobody measured. */
  readonly loadMs?: number;
}

/** What a loaded engine tells of itself; nothing of it ever changes. */
export class EngineFacts {
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
  /** Whether `refit` can give it other weights: its plan was built with `refit` or `stripPlan`. */
  readonly refittable: boolean;
  /** On which GPUs beside its own TensorRT lets it run (`getHardwareCompatibilityLevel`). */
  readonly hardwareCompatibilityLevel: HardwareCompatibilityLevel;
  /** Streams that TensorRT uses beside the one of the inference (`getNbAuxStreams`). */
  readonly auxStreams: number;
  readonly weightStreaming: WeightStreaming;
  /** How many inferences are on the GPU at a time: a thread, a stream and an execution context for each. See `LoadOptions.lanes`. */
  readonly lanes: number;
  /**
   * Tensors inside of the network that `inferTimed(inputs, { debug })` can be asked for (`ICudaEngine::isDebugTensor`). TensorRT tells of a
   * name whether it is one, but lists none: these are the `debugTensors` in the manifest, and without one there are none here. Asking for one that
   * is not listed works all the same.
   */
  readonly debugTensors: readonly string[];

  /** @internal */
  constructor(native: NativeEngine, { manifest, integrity }: EngineOrigin) {
    // What C++ trusts was checked against these, so nobody may change them.
    this.inputs = frozenCopy(native.inputs);
    this.outputs = frozenCopy(native.outputs);
    this.profiles = frozenCopy(native.profiles);
    const { index, name, computeCapability } = native.gpu;
    this.device = Object.freeze({ index, name, computeCapability });
    this.flavour = native.flavour;
    this.version = native.version;
    this.manifest = manifest;
    this.integrity = integrity;
    this.refittable = native.refittable;
    this.hardwareCompatibilityLevel = native.hardwareCompatibilityLevel;
    this.auxStreams = native.auxStreams;
    this.weightStreaming = Object.freeze({
      streamableBytes: native.streamableWeightsBytes,
      budgetBytes: native.weightStreamingBudgetBytes,
    });
    this.lanes = native.lanes;
    this.debugTensors = Object.freeze(debugTensorsOf(native, manifest));
  }
}

/** A manifest may be of other hands, and without its plan. */
function debugTensorsOf(native: NativeEngine, manifest: Manifest | null): readonly string[] {
  const names = manifest?.options['debugTensors'];
  if (!Array.isArray(names)) return [];
  return (names as readonly unknown[]).filter(
    (name): name is string => typeof name === 'string' && native.isDebugTensor(name),
  );
}
