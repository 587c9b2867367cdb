#include "trt/build_spec.h"

namespace trtnode {

const char* NameOf(MemoryPool pool) {
  switch (pool) {
    case MemoryPool::kWorkspace:
      return "workspace";
    case MemoryPool::kDlaManagedSram:
      return "dlaManagedSram";
    case MemoryPool::kDlaLocalDram:
      return "dlaLocalDram";
    case MemoryPool::kDlaGlobalDram:
      return "dlaGlobalDram";
    case MemoryPool::kTacticDram:
      return "tacticDram";
    case MemoryPool::kTacticSharedMemory:
      return "tacticSharedMemory";
  }
  return "";
}

const char* NameOf(WeakPrecision precision) {
  switch (precision) {
    case WeakPrecision::kFp16:
      return "fp16";
    case WeakPrecision::kBf16:
      return "bf16";
    case WeakPrecision::kInt8:
      return "int8";
    case WeakPrecision::kFp8:
      return "fp8";
  }
  return "";
}

const char* NameOf(CalibrationAlgorithm algorithm) {
  switch (algorithm) {
    case CalibrationAlgorithm::kEntropy2:
      return "entropy2";
    case CalibrationAlgorithm::kEntropy:
      return "entropy";
    case CalibrationAlgorithm::kMinMax:
      return "minmax";
    case CalibrationAlgorithm::kPercentile:
      return "percentile";
  }
  return "";
}

const char* NameOf(HardwareCompatibility level) {
  switch (level) {
    case HardwareCompatibility::kNone:
      return "none";
    case HardwareCompatibility::kAmperePlus:
      return "amperePlus";
    case HardwareCompatibility::kSameComputeCapability:
      return "sameComputeCapability";
  }
  return "";
}

const char* NameOf(RefitMode mode) {
  switch (mode) {
    case RefitMode::kAll:
      return "all";
    case RefitMode::kIdentical:
      return "identical";
    case RefitMode::kIndividual:
      return "individual";
  }
  return "";
}

const char* NameOf(TacticSource source) {
  switch (source) {
    case TacticSource::kCublas:
      return "cublas";
    case TacticSource::kCublasLt:
      return "cublasLt";
    case TacticSource::kCudnn:
      return "cudnn";
    case TacticSource::kEdgeMaskConvolutions:
      return "edgeMaskConvolutions";
    case TacticSource::kJitConvolutions:
      return "jitConvolutions";
  }
  return "";
}

const char* NameOf(PreviewFeature feature) {
  switch (feature) {
    case PreviewFeature::kAliasedPluginIo1003:
      return "aliasedPluginIo1003";
    case PreviewFeature::kRuntimeActivationResize1010:
      return "runtimeActivationResize1010";
    case PreviewFeature::kMultideviceRuntime1016:
      return "multideviceRuntime1016";
  }
  return "";
}

const char* NameOf(TilingOptimizationLevel level) {
  switch (level) {
    case TilingOptimizationLevel::kNone:
      return "none";
    case TilingOptimizationLevel::kFast:
      return "fast";
    case TilingOptimizationLevel::kModerate:
      return "moderate";
    case TilingOptimizationLevel::kFull:
      return "full";
  }
  return "";
}

}  // namespace trtnode
