import { nativeMemoryPools, type NativeMemoryPool } from './binding';
import type { BuildProgress } from './build-progress';
import { invalidArgument, TrtError } from './errors';
import { filePathOf } from './file-path';
import { checkedOptions } from './known-keys';
import { flavours, type Flavour } from './manifest-schema';
import { checkedExternalDataOption, type GivenExternalData } from './model-source';
import { checkedPlainObject } from './plain-object';
import { checkedProfiles, type GivenProfiles, type ProfileOption } from './profile-option';

/** Which TensorRT builds; `auto` takes TensorRT where a GPU is there, else TensorRT-RTX. */
export type BuildRuntime = 'auto' | Flavour;

/** Which arithmetic TensorRT may use beyond the types that stand in the model. */
export type Precision = (typeof precisions)[number];

const runtimes = ['auto', ...flavours] as const;
const precisions = ['fp32', 'tf32', 'fp16'] as const;

/** Options of `buildEngine`. All of them may be left out; a wrong type or an unknown name is `ERR_TRT_INVALID_ARG`. */
export interface BuildOptions {
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
   * Default: omitted, the network is strongly typed and runs in the model's own types.
   * `'fp32'` clears and `'tf32'` sets TensorRT's `BuilderFlag::kTF32` (float32 matrix products and convolutions in
   * TF32: faster, with 10 bits of mantissa). `'fp16'` sets `BuilderFlag::kFP16` and lets TensorRT choose float16 per layer; only
   * TensorRT 10 can (`ERR_TRT_PRECISION_UNSUPPORTED` elsewhere: export the model in float16 instead).
   */
  readonly precision?: Precision | undefined;
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
   * `ERR_TRT_UNSUPPORTED`: the DLA pools (trt-node does not build for DLA), `tacticDram` on TensorRT-RTX, and a limit that
   * TensorRT does not take.
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
  /** Facts of your own for the manifest, e.g. `{ commit: '1f3a9c' }`. Default: none. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Ends the build within a second when aborted; the promise then rejects with `signal.reason`. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Called with every step and log line of the build. Throwing ends the build with that error. Default: none. */
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined;
}

/** BuildOptions after validation, with defaults filled in and null for "TensorRT's own". */
export interface CheckedBuildOptions {
  readonly runtime: BuildRuntime;
  readonly library: string | null;
  readonly output: string | null;
  readonly precision: Precision | null;
  /** For `resolveProfiles`, once the model's inputs are known. */
  readonly profiles: GivenProfiles;
  readonly optimizationLevel: number | null;
  readonly memoryPools: Readonly<Partial<Record<NativeMemoryPool, number>>>;
  readonly computeCapabilities: readonly string[];
  /** null: not given, which is 0 where a GPU is needed */
  readonly device: number | null;
  /** By normal location; empty: none was given. */
  readonly externalData: GivenExternalData;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | null;
  readonly onProgress: ((progress: BuildProgress) => void) | null;
}

const optionNames = [
  'runtime',
  'library',
  'output',
  'precision',
  'profiles',
  'optimizationLevel',
  'memoryPools',
  'computeCapabilities',
  'device',
  'externalData',
  'labels',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof BuildOptions)[];

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_PROFILE_INVALID` */
export function checkedBuildOptions(given: BuildOptions | undefined): CheckedBuildOptions {
  const options = checkedOptions(given, 'options', optionNames);
  return {
    runtime: oneOf(options.runtime, 'options.runtime', runtimes) ?? 'auto',
    library: optionalPath(options.library, 'options.library'),
    output: outputPath(options.output),
    precision: oneOf(options.precision, 'options.precision', precisions),
    profiles: checkedProfiles(options.profiles),
    optimizationLevel: integer(options.optimizationLevel, 'options.optimizationLevel', 5),
    memoryPools: checkedMemoryPools(options.memoryPools),
    computeCapabilities: checkedComputeCapabilities(options.computeCapabilities),
    device: integer(options.device, 'options.device', 1023),
    externalData: checkedExternalDataOption(options.externalData),
    labels: checkedLabels(options.labels),
    signal: checkedSignal(options.signal),
    onProgress: checkedCallback(options.onProgress),
  };
}

/** The options as the manifest keeps them: what shaped the plan, without paths and callbacks of the building machine. */
export function optionsForManifest(options: CheckedBuildOptions): Record<string, unknown> {
  const { runtime, precision, optimizationLevel, memoryPools, computeCapabilities } = options;
  return { runtime, precision, optimizationLevel, memoryPools, computeCapabilities };
}

function oneOf<T extends string>(value: unknown, name: string, accepted: readonly T[]): T | null {
  if (value === undefined) return null;
  const match = accepted.find((candidate) => candidate === value);
  if (match === undefined) {
    const list = accepted.map((candidate) => `'${candidate}'`).join(', ');
    throw invalidArgument(name, `one of ${list}, or nothing,`, value);
  }
  return match;
}

function integer(value: unknown, name: string, max: number): number | null {
  if (value === undefined) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw invalidArgument(name, `an integer from 0 to ${max}`, value);
  }
  return value;
}

function optionalPath(value: unknown, name: string): string | null {
  return value === undefined ? null : filePathOf(value, name);
}

function outputPath(value: unknown): string | null {
  const output = optionalPath(value, 'options.output');
  if (output?.endsWith('/')) {
    throw invalidArgument('options.output', 'the path of a file, not of a folder,', output);
  }
  return output;
}

function checkedMemoryPools(value: unknown): CheckedBuildOptions['memoryPools'] {
  if (value === undefined) return {};
  const pools = checkedPlainObject(
    value,
    'options.memoryPools',
    'a plain object of pool names and bytes',
  );
  const entries = Object.entries(pools).map(([name, bytes]): [NativeMemoryPool, number] => {
    const pool = nativeMemoryPools.find((candidate) => candidate === name);
    if (pool === undefined) {
      const expected = `only ${nativeMemoryPools.join(', ')} as names`;
      throw invalidArgument('options.memoryPools', expected, name);
    }
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
      throw invalidArgument(`options.memoryPools.${name}`, 'a number of bytes', bytes);
    }
    return [pool, bytes];
  });
  return Object.fromEntries(entries);
}

function checkedComputeCapabilities(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const expected = "an array of compute capabilities such as '8.6'";
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgument('options.computeCapabilities', expected, value);
  }
  const list = Array.from(value as readonly unknown[], (item, index) => {
    if (typeof item !== 'string' || !/^[1-9]\d?\.\d$/.test(item)) {
      const name = `options.computeCapabilities[${index}]`;
      throw invalidArgument(name, "a compute capability such as '8.6'", item);
    }
    return item;
  });
  return [...new Set(list)];
}

function checkedLabels(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const labels = checkedPlainObject(value, 'options.labels', 'a plain object of strings');
  return Object.fromEntries(
    Object.entries(labels).map(([name, label]): [string, string] => {
      if (typeof label !== 'string') {
        throw invalidArgument(`options.labels.${name}`, 'a string', label);
      }
      return [name, label];
    }),
  );
}

function checkedSignal(value: unknown): AbortSignal | null {
  if (value === undefined) return null;
  if (!(value instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', value);
  }
  return value;
}

function checkedCallback(value: unknown): CheckedBuildOptions['onProgress'] {
  if (value === undefined) return null;
  if (typeof value !== 'function') throw invalidArgument('options.onProgress', 'a function', value);
  return value as (progress: BuildProgress) => void;
}

/**
 * Refuses a precision that the chosen library cannot give.
 *
 * @throws TrtError `ERR_TRT_PRECISION_UNSUPPORTED`
 */
export function checkPrecision(
  precision: Precision | null,
  library: { readonly flavour: Flavour; readonly version: string; readonly abi: string },
): void {
  if (precision !== 'fp16' || library.abi === 'v10') return;
  const name = library.flavour === 'tensorrt' ? 'TensorRT' : 'TensorRT-RTX';
  throw new TrtError(
    'ERR_TRT_PRECISION_UNSUPPORTED',
    `expected no \`precision\`, 'fp32' or 'tf32' for ${name} ${library.version} but received 'fp16': its networks are ` +
      "strongly typed, so layers keep the model's own types. Export the model in float16 and leave `precision` out, or " +
      'build with TensorRT 10.',
    {
      details: { precision, flavour: library.flavour, version: library.version },
    },
  );
}
