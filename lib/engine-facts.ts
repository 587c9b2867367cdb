import type { NativeTiming, NativeWeightsInfo } from './binding';
import type { Manifest } from './manifest-schema';
import type { Tensors } from './tensor';

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
 * `h2d`, `compute` and `d2h` (inputs to the GPU, the network, outputs back) lie between CUDA events: time of the GPU.
 * `queue` (from submission until a lane took it), `enqueue` (handing the work to the driver) and `total` (from submission
 * to completion) come from the host's monotonic clock: no event sees them. `total` has no share of JavaScript: neither the
 * copy of the inputs into staging memory nor the turn of the event loop that resolves the promise.
 */
export type InferTiming = NativeTiming;

export interface TimedResult<Outputs = Tensors> {
  readonly outputs: Outputs;
  readonly timing: InferTiming;
}

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
