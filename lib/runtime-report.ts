import type { NativeAbi, NativeDriver, NativeGpu, NativeGpuState } from './binding';
import type { Finding } from './doctor/finding';
import type { HostReport } from './doctor/host-report';
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
  /** The TensorRTs of which a release supports it, whether or not they are installed. */
  readonly runtimes: readonly Flavour[];
  /** The same with their releases: `TensorRT 10.8 and newer`. */
  readonly supportedBy: readonly string[];
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
  /** CUDA's view: what CUDA_VISIBLE_DEVICES leaves. */
  readonly gpus: readonly GpuReport[];
  /** NVML's view of every GPU of the machine, with clocks, power and links; empty without NVML. */
  readonly gpuStates: readonly NativeGpuState[];
  readonly host: HostReport;
  /** The environment variables that change what is found or how fast it runs. */
  readonly variables: Readonly<Record<string, string>>;
  /** In the order in which equals are preferred. */
  readonly libraries: readonly LibraryReport[];
  /** Every folder and file that was looked at for TensorRT. */
  readonly places: readonly {
    readonly path: string;
    readonly source: string;
    readonly exists: boolean;
    /** The system's code where it cannot be looked at, `EACCES`; `exists` is then not known when it is false. */
    readonly unreadable?: string;
  }[];
  /** What keeps a job from running here; empty: it can. */
  readonly missing: { readonly build: readonly Problem[]; readonly infer: readonly Problem[] };
  /** What explains that something does not work, or not as fast as it could; worst first. */
  readonly findings: readonly Finding[];
}

export function problemOf({ code, message }: TrtError): Problem {
  return { code, message };
}
