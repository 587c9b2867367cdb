import { TrtError, type TrtErrorCode } from '../errors';

/** What `trt-node` exits with. Stable: build scripts branch on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  buildFailed: 4,
  noRuntime: 5,
  verifyFailed: 6,
  aborted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For `--help`. */
export const exitCodesHelp = `
Exit codes:
    0  done
    1  failed; doctor: the job cannot run here, a requirement does not hold,
       or --check or --diff found a difference;
       inspect: the model is not supported, or a plan is not its manifest's;
       types --check: the file is not what it should be
    2  wrong usage: an unknown option, a value that is not allowed
    3  a model, plan or data file was not found
    4  the model could not be built
    5  nothing to run on: TensorRT, driver or GPU missing or not supported
    6  outputs are not what they should be, or a measured limit (--assert, --slo) does not hold
  130  aborted (Ctrl-C, SIGTERM)`;

/** An operation ended because the user asked for it. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}

const byErrorCode: Readonly<Record<TrtErrorCode, ExitCode>> = {
  ERR_TRT_INVALID_ARG: exitCodes.usage,
  ERR_TRT_UNSUPPORTED_PLATFORM: exitCodes.noRuntime,
  ERR_TRT_ADDON_LOAD: exitCodes.noRuntime,
  ERR_TRT_UNSUPPORTED: exitCodes.buildFailed,
  ERR_TRT_LIBRARY_NOT_FOUND: exitCodes.noRuntime,
  ERR_TRT_LIBRARY_LOAD: exitCodes.noRuntime,
  ERR_TRT_LIBRARY_UNSUPPORTED: exitCodes.noRuntime,
  ERR_TRT_BUILDER_MISSING: exitCodes.noRuntime,
  ERR_TRT_NO_DRIVER: exitCodes.noRuntime,
  ERR_TRT_NO_GPU: exitCodes.noRuntime,
  ERR_TRT_GPU_UNSUPPORTED: exitCodes.noRuntime,
  ERR_TRT_TARGET_REQUIRED: exitCodes.usage,
  ERR_TRT_ONNX_NOT_FOUND: exitCodes.notFound,
  ERR_TRT_ONNX_INVALID: exitCodes.buildFailed,
  ERR_TRT_ONNX_PARSE: exitCodes.buildFailed,
  ERR_TRT_EXTERNAL_DATA: exitCodes.buildFailed,
  ERR_TRT_PROFILE_MISSING: exitCodes.buildFailed,
  ERR_TRT_PROFILE_INVALID: exitCodes.buildFailed,
  ERR_TRT_PRECISION_UNSUPPORTED: exitCodes.buildFailed,
  ERR_TRT_CALIBRATION_REQUIRED: exitCodes.buildFailed,
  ERR_TRT_CALIBRATION_DATA: exitCodes.buildFailed,
  ERR_TRT_CALIBRATION_CACHE: exitCodes.buildFailed,
  ERR_TRT_TIMING_CACHE: exitCodes.buildFailed,
  ERR_TRT_PLUGIN: exitCodes.buildFailed,
  ERR_TRT_DATA_FILE: exitCodes.failed,
  ERR_TRT_VERIFY_FAILED: exitCodes.verifyFailed,
  ERR_TRT_CACHE: exitCodes.failed,
  ERR_TRT_BUILD_FAILED: exitCodes.buildFailed,
  ERR_TRT_BUILD_CRASHED: exitCodes.buildFailed,
  ERR_TRT_WRITE: exitCodes.failed,
  ERR_TRT_ENGINE_NOT_FOUND: exitCodes.notFound,
  ERR_TRT_ENGINE_INVALID: exitCodes.failed,
  ERR_TRT_ENGINE_VERSION: exitCodes.failed,
  ERR_TRT_ENGINE_FLAVOUR: exitCodes.failed,
  ERR_TRT_ENGINE_DIGEST: exitCodes.failed,
  ERR_TRT_ENGINE_GPU: exitCodes.failed,
  ERR_TRT_ENGINE_SIGNATURE: exitCodes.failed,
  ERR_TRT_REFIT: exitCodes.failed,
  ERR_TRT_MANIFEST_INVALID: exitCodes.failed,
  ERR_TRT_ENGINE_DESERIALIZE: exitCodes.failed,
  ERR_TRT_INPUT_UNKNOWN: exitCodes.failed,
  ERR_TRT_INPUT_MISSING: exitCodes.failed,
  ERR_TRT_INPUT_TYPE: exitCodes.failed,
  ERR_TRT_INPUT_DIMS: exitCodes.failed,
  ERR_TRT_INPUT_LENGTH: exitCodes.failed,
  ERR_TRT_INPUT_VALUES: exitCodes.failed,
  ERR_TRT_INPUT_DETACHED: exitCodes.failed,
  ERR_TRT_OUTPUT_UNKNOWN: exitCodes.failed,
  ERR_TRT_ENGINE_CLOSED: exitCodes.failed,
  ERR_TRT_QUEUE_FULL: exitCodes.failed,
  ERR_TRT_DEADLINE: exitCodes.failed,
  ERR_TRT_INFER_FAILED: exitCodes.failed,
  ERR_TRT_CUDA: exitCodes.failed,
  ERR_TRT_CUDA_CONTEXT_LOST: exitCodes.failed,
  ERR_TRT_OUT_OF_MEMORY: exitCodes.failed,
  ERR_TRT_SETUP_DOWNLOAD: exitCodes.failed,
  ERR_TRT_SETUP_CHECKSUM: exitCodes.failed,
  ERR_TRT_SETUP_UNSUPPORTED: exitCodes.failed,
  ERR_TRT_INTERNAL: exitCodes.failed,
};

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Aborted) return exitCodes.aborted;
  if (isMissingData(error)) return exitCodes.notFound;
  return error instanceof TrtError ? byErrorCode[error.code] : exitCodes.failed;
}

function isMissingData(error: unknown): boolean {
  return (
    error instanceof TrtError &&
    error.code === 'ERR_TRT_DATA_FILE' &&
    error.details['reason'] === 'not-found'
  );
}
