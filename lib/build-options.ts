import type { NativeMemoryPool } from './binding';
import type { BuildProgress } from './build-progress';
import type { TuningOptions } from './builder-tuning';
import type { EngineCacheOptions } from './cache/option';
import type { CalibrationOption } from './calibration/option';
import { flavours, type Flavour } from './manifest-schema';
import type { Precision, Typing } from './precision';
import type { ProfileOption } from './profile-option';
import type { SignatureKey } from './signature/key';
import type { VerifyOption } from './verify/option';

/** Which TensorRT builds; `auto` takes TensorRT where a GPU is there, else TensorRT-RTX. */
export type BuildRuntime = 'auto' | Flavour;

/** Where TensorRT builds: in a child process, or on a thread of this one. */
export type Isolation = (typeof isolations)[number];

export const isolations = ['process', 'thread'] as const;
export const runtimes = ['auto', ...flavours] as const;

/** Options of `buildEngine`. All of them may be left out; a wrong type or an unknown name is `ERR_TRT_INVALID_ARG`. */
export interface BuildOptions extends TuningOptions {
  /**
   * Which TensorRT builds. Default `'auto'`: TensorRT where a GPU is there, else TensorRT-RTX. A plan runs on the
   * flavour that built it and on no other. Without a GPU, `computeCapabilities` must say what the plan is for
   * (`ERR_TRT_TARGET_REQUIRED`).
   */
  readonly runtime?: BuildRuntime | undefined;
  /**
   * Path of a TensorRT core library (`libnvinfer.so.10`, `libtensorrt_rtx.so.1`) or of the folder that holds it.
   * Default: the usual places, in `doctor`'s order. `ERR_TRT_LIBRARY_NOT_FOUND` when nothing is there.
   */
  readonly library?: string | undefined;
  /**
   * Where the plan goes; its folder must exist. `<output>.json`, the manifest, is written beside it. An engine and a
   * manifest that stand there are replaced; any other file is refused, by `ERR_TRT_WRITE` before anything is built. Default:
   * no file; the plan is held in memory, up to 2 GiB.
   */
  readonly output?: string | URL | undefined;
  /**
   * One, or several at once. Default: omitted, the network is strongly typed and runs in the model's own types, Q/DQ nodes included.
   * - `'fp32'` clears and `'tf32'` sets `BuilderFlag::kTF32` (float32 matrix products and convolutions in TF32: faster, with 10
   *   bits of mantissa);
   * - `'fp16'`, `'bf16'` and `'int8'` (`kFP16`, `kBF16`, `kINT8`) make the network weakly typed: TensorRT chooses the fastest of
   *   the allowed types per layer. `'int8'` needs scales, from `calibration` or from Q/DQ nodes (`ERR_TRT_CALIBRATION_REQUIRED`);
   * - `'best'`: tf32, fp16, bf16 where the GPU has it, and int8 where there are scales;
   * - `'fp8'` needs FP8 Q/DQ nodes in the model and compute capability 8.9.
   *
   * Weak typing is TensorRT 10's alone: on 11 and RTX, what the model does not have itself is `ERR_TRT_PRECISION_UNSUPPORTED`
   * (export the model in float16, or quantize it). What was really chosen is in `manifest.layerSummary`.
   */
  readonly precision?: Precision | readonly Precision[] | undefined;
  /**
   * `'weak'`: TensorRT may reorder and widen types as it likes, which `precision` implies where it narrows; `'strong'`: layers keep
   * the model's types, and a narrowing precision beside it is `ERR_TRT_INVALID_ARG`. Default: as `precision` says.
   */
  readonly typing?: Typing | undefined;
  /**
   * Plugin libraries (`IPluginRegistry::loadLibrary`) by path; they are executable code. Their digests are kept in the manifest,
   * and `LoadOptions.plugins` must bring the same. Default: none. `ERR_TRT_PLUGIN` for one that cannot be loaded.
   */
  readonly plugins?: readonly (string | URL)[] | undefined;
  /**
   * Registers TensorRT's standard plugins (`initLibNvInferPlugins`), which some operators need. Default `false`: they are code that
   * most models do without. A plan with one of them needs `LoadOptions.standardPlugins` too. `ERR_TRT_UNSUPPORTED` on TensorRT-RTX.
   */
  readonly standardPlugins?: boolean | undefined;
  /**
   * Optimization profiles (`IOptimizationProfile`): what the dynamic dims of the model may be at inference. TensorRT tunes
   * for `opt` and refuses what is outside of min…max. An array, or an object that names them (`{ small: {…}, large: {…} }`);
   * `InferOptions.profile` takes index or name. In each profile
   * - an array or a number is the size of a named dim (ONNX's `dim_param`), in every input that has it:
   *   `{ batch: [1, 8, 32], seq: [1, 128, 512], heads: 12 }` as `[min, opt, max]` or fixed;
   * - an object is an input, by its whole dims, and wins over named dims:
   *   `{ image: { min: [1, 3, 224, 224], opt: [8, 3, 224, 224], max: [32, 3, 224, 224] } }`;
   * - an input whose values TensorRT reads to compute shapes (`TensorInfo.isShapeTensor`) takes
   *   `values: { min, opt, max }` too, one number per element, at most 64; its dims may be left out where the model fixes them.
   *
   * Default: none. `ERR_TRT_PROFILE_MISSING` lists every dynamic dim that has no range; `ERR_TRT_PROFILE_INVALID`: a range
   * that is none, an unknown input or dim, dims that contradict the model.
   */
  readonly profiles?:
    readonly ProfileOption[] | Readonly<Record<string, ProfileOption>> | undefined;
  /**
   * TensorRT's builder optimization level, an integer from 0 (fastest build) to 5 (longest search for fast kernels).
   * Default: TensorRT's own (3 at this time). `ERR_TRT_UNSUPPORTED` on TensorRT-RTX, which picks kernels when the engine
   * first runs: its plans are the same at every level.
   */
  readonly optimizationLevel?: number | undefined;
  /**
   * Upper limits in bytes by TensorRT's `MemoryPoolType`: `workspace`, `dlaManagedSram`, `dlaLocalDram`, `dlaGlobalDram`,
   * `tacticDram`, `tacticSharedMemory`. Default: TensorRT's own. Too small a workspace rules kernels out and slows the engine.
   * `ERR_TRT_UNSUPPORTED`: the DLA pools without `dla`, `tacticDram` on TensorRT-RTX, and a limit that TensorRT does not take.
   */
  readonly memoryPools?: Readonly<Partial<Record<NativeMemoryPool, number>>> | undefined;
  /**
   * TensorRT-RTX alone: compute capabilities of the GPUs that shall run the plan, e.g. `['8.6', '8.9']`. Default: this
   * machine's GPU. With TensorRT it is `ERR_TRT_UNSUPPORTED`: its plans are for the GPU that built them.
   */
  readonly computeCapabilities?: readonly string[] | undefined;
  /**
   * CUDA device index of the GPU to build on, as `CUDA_VISIBLE_DEVICES` leaves them. Default 0 where a GPU is needed. Given
   * where nothing is built on it (TensorRT-RTX for other GPUs), it is `ERR_TRT_INVALID_ARG`.
   */
  readonly device?: number | undefined;
  /**
   * External data of a model that is given as bytes: the bytes of each file, by the location that stands in the model, e.g.
   * `{ 'weights.bin': bytes }`. Default: none. `ERR_TRT_EXTERNAL_DATA` for a file that the model names and that is not here;
   * `ERR_TRT_INVALID_ARG` for one that it does not name, and with a model that is a path, whose files lie beside it.
   */
  readonly externalData?: Readonly<Record<string, Uint8Array>> | undefined;
  /**
   * Where TensorRT's measurements of kernels are kept between builds: builds of the same layers then take a fraction of the time.
   * Default `true`: one file per TensorRT version and GPU in trt-node's own folder; `false`: none; a path: that file (trtexec's
   * `--timingCacheFile` has the same format). Builds that run at once are merged, the file is replaced atomically, and one that does
   * not fit or is damaged is begun anew with a warning. TensorRT-RTX has none: naming a file is `ERR_TRT_UNSUPPORTED` there.
   */
  readonly timingCache?: boolean | string | URL | undefined;
  /**
   * Takes every measurement from the timing cache and changes nothing in it, so that equal builds choose equal kernels. Needs a cache
   * that an earlier build of the model filled; `ERR_TRT_TIMING_CACHE` without one, and for a kernel that is not in it. Default `false`.
   */
  readonly reproducible?: boolean | undefined;
  /**
   * Keeps the engines that were built, and gives them out again: `true`, a folder, or an object. The second build of the same model
   * with the same options, on the same TensorRT and GPU, then is a read, and processes that ask at once build once. Default `false`.
   * Without `output` the plan stays in the cache, from which `trt-node cache prune` may remove it. `ERR_TRT_CACHE`: a folder that is
   * not safe.
   */
  readonly cache?: boolean | string | URL | EngineCacheOptions | undefined;
  /** Samples that TensorRT 10 finds int8 scales from. Default: none. See {@link CalibrationOption}. */
  readonly calibration?: CalibrationOption | undefined;
  /** What the engine must give before anything is published (`ERR_TRT_VERIFY_FAILED`). Default: nothing. See {@link VerifyOption}. */
  readonly verify?: VerifyOption | undefined;
  /** Signs manifest and plan, for `LoadOptions.verificationKey`. Default: no signature. See {@link SignatureKey}. */
  readonly signingKey?: SignatureKey | undefined;
  /**
   * `'process'` (the default): TensorRT builds in a child process: a crash is an error, an abort takes effect at once, and its memory
   * goes with it. `'thread'`: in this process, where children are not allowed or the GPU admits one process alone; an abort then
   * ends the build at TensorRT's next step, and TensorRT 10 needs LD_LIBRARY_PATH (`ERR_TRT_BUILDER_MISSING`).
   */
  readonly isolation?: Isolation | undefined;
  /** Facts of your own for the manifest, e.g. `{ commit: '1f3a9c' }`. Default: none. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Ends the build within a second when aborted; the promise then rejects with `signal.reason`. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with every step and log line of the build. Throwing ends the build with that error. Default: none; trt-node's own warnings
   * are then warnings of the process (`TrtNodeWarning`, code `WARN_TRT_BUILD`).
   */
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined;
}
