#include "core/error.h"

namespace trtnode {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnsupported:
      return "ERR_TRT_UNSUPPORTED";
    case ErrorCode::kLibraryLoad:
      return "ERR_TRT_LIBRARY_LOAD";
    case ErrorCode::kLibraryUnsupported:
      return "ERR_TRT_LIBRARY_UNSUPPORTED";
    case ErrorCode::kBuilderMissing:
      return "ERR_TRT_BUILDER_MISSING";
    case ErrorCode::kNoDriver:
      return "ERR_TRT_NO_DRIVER";
    case ErrorCode::kNoGpu:
      return "ERR_TRT_NO_GPU";
    case ErrorCode::kGpuUnsupported:
      return "ERR_TRT_GPU_UNSUPPORTED";
    case ErrorCode::kOnnxNotFound:
      return "ERR_TRT_ONNX_NOT_FOUND";
    case ErrorCode::kOnnxInvalid:
      return "ERR_TRT_ONNX_INVALID";
    case ErrorCode::kOnnxParse:
      return "ERR_TRT_ONNX_PARSE";
    case ErrorCode::kExternalData:
      return "ERR_TRT_EXTERNAL_DATA";
    case ErrorCode::kProfileMissing:
      return "ERR_TRT_PROFILE_MISSING";
    case ErrorCode::kProfileInvalid:
      return "ERR_TRT_PROFILE_INVALID";
    case ErrorCode::kPrecisionUnsupported:
      return "ERR_TRT_PRECISION_UNSUPPORTED";
    case ErrorCode::kCalibrationRequired:
      return "ERR_TRT_CALIBRATION_REQUIRED";
    case ErrorCode::kCalibrationData:
      return "ERR_TRT_CALIBRATION_DATA";
    case ErrorCode::kCalibrationCache:
      return "ERR_TRT_CALIBRATION_CACHE";
    case ErrorCode::kTimingCache:
      return "ERR_TRT_TIMING_CACHE";
    case ErrorCode::kPlugin:
      return "ERR_TRT_PLUGIN";
    case ErrorCode::kBuildFailed:
      return "ERR_TRT_BUILD_FAILED";
    case ErrorCode::kWrite:
      return "ERR_TRT_WRITE";
    case ErrorCode::kEngineNotFound:
      return "ERR_TRT_ENGINE_NOT_FOUND";
    case ErrorCode::kEngineInvalid:
      return "ERR_TRT_ENGINE_INVALID";
    case ErrorCode::kDeserialize:
      return "ERR_TRT_ENGINE_DESERIALIZE";
    case ErrorCode::kRefit:
      return "ERR_TRT_REFIT";
    case ErrorCode::kEngineClosed:
      return "ERR_TRT_ENGINE_CLOSED";
    case ErrorCode::kQueueFull:
      return "ERR_TRT_QUEUE_FULL";
    case ErrorCode::kDeadline:
      return "ERR_TRT_DEADLINE";
    case ErrorCode::kInferFailed:
      return "ERR_TRT_INFER_FAILED";
    case ErrorCode::kCuda:
      return "ERR_TRT_CUDA";
    case ErrorCode::kCudaContextLost:
      return "ERR_TRT_CUDA_CONTEXT_LOST";
    case ErrorCode::kOutOfMemory:
      return "ERR_TRT_OUT_OF_MEMORY";
    case ErrorCode::kInvalidArg:
      return "ERR_TRT_INVALID_ARG";
    case ErrorCode::kInternal:
      return "ERR_TRT_INTERNAL";
  }
  return "ERR_TRT_INTERNAL";
}

const char* LogSeverityName(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kInternalError:
      return "internal-error";
    case LogSeverity::kError:
      return "error";
    case LogSeverity::kWarning:
      return "warning";
    case LogSeverity::kInfo:
      return "info";
    case LogSeverity::kVerbose:
      return "verbose";
  }
  return "error";
}

}  // namespace trtnode
