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

/**
 * What a build chose, counted from the engine's layers, as TensorRT's engine inspector tells of them.
 *
 * A layer computes in the narrowest of the types (floats, int8, int4) of its inputs, outputs and weights; where dynamic shapes hide
 * them, in the type of the operands in its kernel's name. It is "wider" when that has more bits than the narrowest type that was
 * asked for. Reformat layers are never wider, nor are layers that only move integers, truth values or shapes, nor those of which the
 * inspector tells no type.
 */
export interface LayerSummary {
  readonly layers: number;
  /**
   * Type of a layer's first output (`float32`, `float16`, `int8`, …), or of its weights or kernel where dynamic shapes hide it →
   * layers. `unknown`: the inspector does not tell; `none`: layers without an output.
   */
  readonly byType: Readonly<Record<string, number>>;
  /** Layers that were made of more than one layer of the network, reformat layers not counted. */
  readonly fused: number;
  /** Layers that only change type or layout. */
  readonly reformat: number;
  /** Distinct kernels (tactics) in use. */
  readonly tactics: number;
  /** Names of the layers that stayed wider than asked; empty where no narrower type was asked for. */
  readonly wider: readonly string[];
}

/** Device memory that a plan takes, measured behind its build on the GPU that built it; bytes. */
export interface PlanMemory {
  /** Weights, and what else TensorRT holds for an engine without its execution contexts. */
  readonly weights: number;
  /** Of one execution context, whichever profile it uses. */
  readonly context: number;
  /** Of each optimization profile at its largest dims. */
  readonly profiles: readonly {
    /** What a context needs for this profile alone, as TensorRT reports it. */
    readonly context: number;
    readonly inputs: number;
    /** null: dims of an output depend on the data. */
    readonly outputs: number | null;
  }[];
}

/** How int8 scales were found. */
export interface CalibrationRecord {
  readonly algorithm: string;
  /** 0: every scale came from the cache. */
  readonly batches: number;
  /** Samples that did not fill a last batch. */
  readonly droppedSamples: number;
  /** SHA-256 of the SHA-256 of each batch's each input, in order; null where none were read. */
  readonly dataSha256: string | null;
  /** SHA-256 of the calibration cache that was read or made; null where TensorRT gave none. */
  readonly cacheSha256: string | null;
}

/** What a passed verification measured. */
export interface VerificationRecord {
  readonly cases: number;
  /** What the outputs were compared with. */
  readonly reference: 'given' | 'onnxruntime' | 'unquantized' | 'none';
  /**
   * The worst of each metric (`maxAbs`, `maxRel`, `cosine`, `l2`) over all cases, by output; empty where nothing was compared. What
   * infinities or NaN leave undefined is left out.
   */
  readonly outputs: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Of a metric over all cases, as `minimum` and `maxDrop` use it. */
  readonly metric?: { readonly name: string; readonly value: number; readonly baseline?: number };
}

/**
 * A signature over the manifest without `previous` and without this field's `value`; the plan's digest is in it. The bytes are
 * defined in docs/signing.md.
 */
export interface ManifestSignature {
  readonly algorithm: 'hmac-sha256' | 'ed25519';
  /** Whatever name the signer gave to the key. */
  readonly keyId?: string;
  /** Base64. */
  readonly value: string;
}

export interface FileDigest {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A plan, by its bytes. */
export interface PlanDigest extends FileDigest {
  /**
   * SHA-256 of the SHA-256 digests (32 bytes each, one behind the other) of the plan's chunks of 4 MiB (4,194,304 bytes; the last may
   * be smaller), lower-case hex. Unlike `sha256` it can be computed on several threads, and `loadEngine` compares it where it is
   * there. Absent in older manifests; `sha256` is compared then.
   */
  readonly chunksSha256?: string;
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
  readonly plan: PlanDigest;
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
  /** What the build chose; null and absent as `layers`. */
  readonly layerSummary?: LayerSummary | null;
  /** Absent where the plan could not be opened, has no weights, or did not fit beside what its build held. */
  readonly memory?: PlanMemory;
  readonly calibration?: CalibrationRecord;
  /** The timing cache that was read; absent where none was. */
  readonly timingCache?: { readonly sha256: string; readonly reproducible: boolean };
  /** Plugin libraries that the plan needs, by file name; TensorRT's standard plugins as `standardPlugins` in `options`. */
  readonly plugins?: readonly (FileDigest & { readonly name: string })[];
  readonly verification?: VerificationRecord;
  /** Options that were passed to TensorRT, and whose effect no test of trt-node has seen. */
  readonly unproven?: readonly string[];
  /** The engine cache's key of this build; absent where there is none. */
  readonly cacheKey?: string;
  readonly signature?: ManifestSignature;
  /**
   * Present only between the renames of a publication: what this manifest's predecessor said of the plan that stood at
   * the same path, so that whichever plan a crash left there has its true manifest. Its `previous` is never nested.
   */
  readonly previous?: Manifest | { readonly plan: PlanDigest };
}
