import type { TensorType } from './data-types';

/** Which TensorRT made a plan: the enterprise library, or TensorRT for RTX. Their plans do not run on each other. */
export type Flavour = (typeof flavours)[number];

export const flavours = ['tensorrt', 'tensorrt-rtx'] as const;

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

/** What one input may have in an optimization profile: a range of dims and, for a shape tensor, one of values. */
export interface InputRange extends DimsRange {
  /** Of a shape tensor alone: the smallest, the most frequent and the largest value of each element. */
  readonly values?: DimsRange;
}

/** One optimization profile, by input name. As built: of the inputs that have one; as loaded: of every input. */
export type Profile = Readonly<Record<string, InputRange>>;

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

/** The model that a plan was built from. */
export interface ModelIdentity extends FileDigest {
  /** The file's name; `model.onnx` for a model given as bytes. */
  readonly name: string;
  /** Digests of the files with its external data, by the location that stands in the model; absent without any. */
  readonly externalData?: Readonly<Record<string, FileDigest>>;
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
  readonly model: ModelIdentity;
  /** The GPU that the plan was built on; null where it was built without one (TensorRT-RTX). */
  readonly gpu: GpuIdentity | null;
  /** What the plan runs on: the building GPU's for TensorRT, the list asked for (or the GPU's own) for RTX. */
  readonly computeCapabilities: readonly string[];
  /** NVIDIA driver, e.g. `580.159.04`; null without one. */
  readonly driver: string | null;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
  /** Names of the profiles, in their order; absent where they were given without names. */
  readonly profileNames?: readonly string[];
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
