import type { NativeAbi, NativeDriver, NativeGpu } from './binding';
import type { TrtError, TrtErrorCode } from './errors';
import type { Flavour } from './manifest-schema';

/** A TrtError as plain data. */
export interface Problem {
  readonly code: TrtErrorCode;
  readonly message: string;
}

/** One TensorRT of this machine. */
export interface LibraryReport {
  readonly flavour: Flavour;
  /** `10.6.0`; null where it could not be asked. */
  readonly version: string | null;
  /** The library's absolute path. */
  readonly path: string;
  /** Its ONNX parser's; null when there is none beside it. */
  readonly parser: string | null;
  /** Where it was found: `LD_LIBRARY_PATH`, `trt-node setup`, … */
  readonly source: string;
  /** It has a builder and a parser. */
  readonly canBuild: boolean;
  /** It has a runtime, so it can load plans. */
  readonly canLoad: boolean;
  /** Why it cannot be used at all; null when it can. */
  readonly problem: Problem | null;
}

export interface GpuReport extends NativeGpu {
  /** The TensorRTs that support it, whether or not they are installed. */
  readonly runtimes: readonly Flavour[];
}

/** What this machine has for TensorRT, and what it lacks. Plain data: JSON.stringify keeps all of it. */
export interface RuntimeReport {
  /** The version of trt-node. */
  readonly version: string;
  readonly node: string;
  /** `linux-x64` */
  readonly platform: string;
  /** The C library that Node runs on; null on platforms without either. */
  readonly libc: { readonly name: 'glibc' | 'musl'; readonly version: string | null } | null;
  readonly addon: {
    /** ABIs compiled in, with the version of the headers they were compiled from; empty when it cannot be loaded. */
    readonly abis: Readonly<Partial<Record<NativeAbi, string>>>;
    readonly problem: Problem | null;
  };
  /** null when it could not be asked. */
  readonly driver: Omit<NativeDriver, 'gpus'> | null;
  readonly gpus: readonly GpuReport[];
  /** In the order in which equals are preferred. */
  readonly libraries: readonly LibraryReport[];
  /** Every folder and file that was looked at for TensorRT. */
  readonly places: readonly {
    readonly path: string;
    readonly source: string;
    readonly exists: boolean;
  }[];
  /** What keeps a job from running here; empty: it can. */
  readonly missing: { readonly build: readonly Problem[]; readonly infer: readonly Problem[] };
}

export function problemOf({ code, message }: TrtError): Problem {
  return { code, message };
}
