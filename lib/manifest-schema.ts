import type { TensorType } from './data-types';

/** Which TensorRT made a plan: the enterprise library, or TensorRT for RTX. Their plans do not run on each other. */
export type Flavour = 'tensorrt' | 'tensorrt-rtx';

/** An input or output as the engine has it; -1 in `dims` is a dynamic dimension. */
export interface TensorInfo {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** TensorRT reads a shape tensor's values on the host. */
  readonly isShapeTensor: boolean;
}

export interface DimsRange {
  readonly min: readonly number[];
  readonly opt: readonly number[];
  readonly max: readonly number[];
}

/** One optimization profile: the range of dims of each dynamic input. */
export type Profile = Readonly<Record<string, DimsRange>>;

export interface LayerInfo {
  readonly name: string;
  /** TensorRT's layer type, e.g. `Convolution`. */
  readonly type: string;
  /** Types of the layer's outputs, one each. */
  readonly outputTypes: readonly string[];
  /** The kernel that TensorRT chose; only an engine's layers have one. */
  readonly tactic?: string;
}

export interface FileDigest {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface GpuIdentity {
  readonly name: string;
  /** e.g. `9.0` */
  readonly computeCapability: string;
}

/** What is known about a plan: `<plan>.json` beside it. */
export interface Manifest {
  readonly schemaVersion: 1;
  /** The version of trt-node that wrote this. */
  readonly writer: string;
  readonly flavour: Flavour;
  /** TensorRT's version: `10.6.0` (the plan's header adds its build number: `10.6.0.26`). */
  readonly version: string;
  readonly plan: FileDigest;
  readonly model: FileDigest & { readonly name: string };
  /** The GPU that the plan was built on; null where it was built without one (TensorRT-RTX). */
  readonly gpu: GpuIdentity | null;
  /** What the plan runs on: the building GPU's for TensorRT, the list asked for (or the GPU's own) for RTX. */
  readonly computeCapabilities: readonly string[];
  /** NVIDIA driver, e.g. `580.159.04`; null without one. */
  readonly driver: string | null;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
  /** The build options that were given, normalised. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 8601, UTC. */
  readonly builtAt: string;
  /** Wall-clock time of TensorRT's build, without parsing. */
  readonly buildSeconds: number;
  /** The network as TensorRT's parser read it from the model. */
  readonly network: { readonly layers: readonly LayerInfo[] };
  /** The engine's layers after fusion; null where the plan could not be opened, and `layersReason` says why. */
  readonly layers: readonly LayerInfo[] | null;
  readonly layersReason?: string;
  /**
   * Present only between the renames of a publication: what this manifest's predecessor said of the plan that stood at
   * the same path, so that whichever plan a crash left there has its true manifest. Its `previous` is never nested.
   */
  readonly previous?: Manifest | { readonly plan: FileDigest };
}
