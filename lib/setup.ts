import type { CudaMajor } from './setup/pins';
import { runSetup } from './setup/run-setup';
import { thisMachine } from './setup/surroundings';

export interface SetupOptions {
  /** What to fetch; TensorRT-RTX is what can be fetched. Default `'tensorrt-rtx'`. */
  readonly runtime?: 'tensorrt-rtx';
  /**
   * The CUDA major that the fetched build was made for. CUDA 13 needs driver 580 or newer to run engines; to build them
   * without a GPU, neither needs a driver. Default: the newest that this machine's driver supports, `'12'` without a driver,
   * which older and newer drivers run.
   */
  readonly cuda?: CudaMajor;
  /**
   * The folder that gets `runtimes/tensorrt-rtx-<version>-cu<major>/`. Default: TRT_NODE_HOME, else trt-node's folder in the
   * user's cache. A folder other than the default is found later only with TRT_NODE_HOME set to it.
   */
  readonly dir?: string;
  /**
   * URL of a package index (simple repository API, http or https), maybe with `user:password@`, which is never printed.
   * Default: what pip is configured with; without pip, PIP_INDEX_URL.
   */
  readonly indexUrl?: string;
  /** Says what would be fetched, from where and to where; nothing is written or downloaded. Default `false`. */
  readonly dryRun?: boolean;
  /** Fetches again and replaces what is there, also when it is intact. Default `false`. */
  readonly force?: boolean;
  /** Ends the download or the unpacking; nothing is left behind. */
  readonly signal?: AbortSignal;
  /** Called often; what it throws ends the setup and rejects its promise. */
  readonly onProgress?: (progress: SetupProgress) => void;
}

export interface SetupProgress {
  /** `download`: bytes of the wheel received; `verify`: bytes hashed; `unpack`: bytes written. */
  readonly phase: 'download' | 'verify' | 'unpack';
  readonly receivedBytes: number;
  /** What `receivedBytes` of this phase ends at. */
  readonly totalBytes: number;
}

export interface SetupResult {
  /** `present`: it was there and intact, or another setup was first. */
  readonly status: 'installed' | 'present' | 'dry-run';
  readonly runtime: 'tensorrt-rtx';
  readonly version: string;
  readonly cuda: CudaMajor;
  /** Why this CUDA major. */
  readonly cudaReason: string;
  /** Where it is, or would be. Absolute. */
  readonly folder: string;
  /** Names in `folder`; empty after a dry run. */
  readonly files: readonly string[];
  /** The name of NVIDIA's licence in `folder`; null after a dry run. */
  readonly licence: string | null;
  readonly package: string;
  readonly wheel: { readonly name: string; readonly sha256: string; readonly sizeBytes: number };
  /** How the wheel came, or would come; null when it was not needed. */
  readonly way: 'pip' | 'index' | null;
  /** The index asked, without credentials; null where pip's configuration names it, or none was needed. */
  readonly index: string | null;
  /** Why what stood in `folder` was, or would be, replaced: `'force'`, or what was wrong with it; null when nothing was. */
  readonly replaced: string | null;
}

/**
 * Puts TensorRT-RTX, a pinned version, into a folder where `buildEngine` and `loadEngine` find it. It comes as NVIDIA's wheel
 * (about 90 MB, 230 MB unpacked): by pip where pip runs, else straight from the index named by `indexUrl` or PIP_INDEX_URL
 * (proxies, netrc and keyrings are pip's alone). The wheel's SHA-256 is compared before anything is unpacked. It is NVIDIA's
 * software under NVIDIA's licence, which lies beside it.
 *
 * Several setups at once are safe: the folder appears whole by one rename, and the first one wins. One that is there and
 * intact is left alone.
 *
 * Rejects with ERR_TRT_SETUP_UNSUPPORTED (not Linux x64 with glibc 2.28 or newer, or `runtime: 'tensorrt'`),
 * ERR_TRT_SETUP_DOWNLOAD (no way to fetch it, or the way failed), ERR_TRT_SETUP_CHECKSUM (what came is not the pinned file),
 * ERR_TRT_WRITE (no space or no permission), ERR_TRT_INVALID_ARG, and with `signal.reason` on an abort.
 */
export async function setupRuntime(options: SetupOptions = {}): Promise<SetupResult> {
  return await runSetup(options, thisMachine());
}
