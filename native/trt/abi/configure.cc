#include "trt/abi/configure.h"

namespace trtnode::TRT_NODE_ABI {
// Enumerators have other values in each ABI, so they are translated by name. None: this ABI has no such enumerator.

static trt::MemoryPoolType ToTrt(MemoryPool pool) {
  switch (pool) {
    case MemoryPool::kWorkspace:
      return trt::MemoryPoolType::kWORKSPACE;
    case MemoryPool::kDlaManagedSram:
      return trt::MemoryPoolType::kDLA_MANAGED_SRAM;
    case MemoryPool::kDlaLocalDram:
      return trt::MemoryPoolType::kDLA_LOCAL_DRAM;
    case MemoryPool::kDlaGlobalDram:
      return trt::MemoryPoolType::kDLA_GLOBAL_DRAM;
    case MemoryPool::kTacticDram:
      return trt::MemoryPoolType::kTACTIC_DRAM;
    case MemoryPool::kTacticSharedMemory:
      return trt::MemoryPoolType::kTACTIC_SHARED_MEMORY;
  }
  return trt::MemoryPoolType::kWORKSPACE;
}

static trt::HardwareCompatibilityLevel ToTrt(HardwareCompatibility level) {
  switch (level) {
    case HardwareCompatibility::kNone:
      return trt::HardwareCompatibilityLevel::kNONE;
    case HardwareCompatibility::kAmperePlus:
      return trt::HardwareCompatibilityLevel::kAMPERE_PLUS;
    case HardwareCompatibility::kSameComputeCapability:
      return trt::HardwareCompatibilityLevel::kSAME_COMPUTE_CAPABILITY;
  }
  return trt::HardwareCompatibilityLevel::kNONE;
}

static trt::BuilderFlag ToTrt(RefitMode mode) {
  switch (mode) {
    case RefitMode::kAll:
      return trt::BuilderFlag::kREFIT;
    case RefitMode::kIdentical:
      return trt::BuilderFlag::kREFIT_IDENTICAL;
    case RefitMode::kIndividual:
      return trt::BuilderFlag::kREFIT_INDIVIDUAL;
  }
  return trt::BuilderFlag::kREFIT;
}

static trt::TilingOptimizationLevel ToTrt(TilingOptimizationLevel level) {
  switch (level) {
    case TilingOptimizationLevel::kNone:
      return trt::TilingOptimizationLevel::kNONE;
    case TilingOptimizationLevel::kFast:
      return trt::TilingOptimizationLevel::kFAST;
    case TilingOptimizationLevel::kModerate:
      return trt::TilingOptimizationLevel::kMODERATE;
    case TilingOptimizationLevel::kFull:
      return trt::TilingOptimizationLevel::kFULL;
  }
  return trt::TilingOptimizationLevel::kNONE;
}

static std::optional<trt::TacticSource> ToTrt(TacticSource source) {
  switch (source) {
#if defined(TRT_NODE_ABI_V10)
    case TacticSource::kCublas:
      return trt::TacticSource::kCUBLAS;
    case TacticSource::kCublasLt:
      return trt::TacticSource::kCUBLAS_LT;
    case TacticSource::kCudnn:
      return trt::TacticSource::kCUDNN;
#else
    case TacticSource::kCublas:
    case TacticSource::kCublasLt:
    case TacticSource::kCudnn:
      return std::nullopt;
#endif
    case TacticSource::kEdgeMaskConvolutions:
      return trt::TacticSource::kEDGE_MASK_CONVOLUTIONS;
    case TacticSource::kJitConvolutions:
      return trt::TacticSource::kJIT_CONVOLUTIONS;
  }
  return std::nullopt;
}

static std::optional<trt::PreviewFeature> ToTrt(PreviewFeature feature) {
  switch (feature) {
    case PreviewFeature::kAliasedPluginIo1003:
      return trt::PreviewFeature::kALIASED_PLUGIN_IO_10_03;
    case PreviewFeature::kRuntimeActivationResize1010:
      return trt::PreviewFeature::kRUNTIME_ACTIVATION_RESIZE_10_10;
    case PreviewFeature::kMultideviceRuntime1016:
#if defined(TRT_NODE_ABI_V10)
      return trt::PreviewFeature::kMULTIDEVICE_RUNTIME_10_16;
#else
      return std::nullopt;
#endif
  }
  return std::nullopt;
}

namespace {

[[noreturn]] void Refuse(const std::string& option, const std::string& value) {
  throw Error(ErrorCode::kUnsupported,
              "this TensorRT does not take " + option + " " + value +
                  ". Its log says why, if anything does; otherwise leave the option out")
      .With("option", option);
}

// TensorRT's setters return nothing, or true for what has no effect: so what they set is read back.
void Require(bool taken, const std::string& option, const std::string& value) {
  if (!taken) Refuse(option, value);
}

void SetFlag(trt::IBuilderConfig* config, trt::BuilderFlag flag, bool on,
             const std::string& option) {
  if (on) {
    config->setFlag(flag);
  } else {
    config->clearFlag(flag);
  }
  Require(config->getFlag(flag) == on, option, on ? "true" : "false");
}

void SetMemoryPools(const BuildSpec& spec, trt::IBuilderConfig* config) {
  for (const auto& [pool, bytes] : spec.memory_pools) {
    const trt::MemoryPoolType type = ToTrt(pool);
    config->setMemoryPoolLimit(type, bytes);
    const uint64_t limit = config->getMemoryPoolLimit(type);
    if (limit == bytes) continue;
    const std::string option = std::string("memoryPools.") + NameOf(pool);
    throw Error(ErrorCode::kUnsupported, "TensorRT does not take " + std::to_string(bytes) +
                                             " bytes for " + option + "; it stays at " +
                                             std::to_string(limit))
        .With("option", option);
  }
}

void SetPrecisions(const BuildSpec& spec, trt::IBuilderConfig* config) {
  if (spec.tf32) SetFlag(config, trt::BuilderFlag::kTF32, *spec.tf32, "tf32");
#if defined(TRT_NODE_ABI_V10)
  for (const WeakPrecision precision : spec.precisions) {
    const auto set = [&](trt::BuilderFlag flag) {
      SetFlag(config, flag, true, std::string("precision '") + NameOf(precision) + "'");
    };
    switch (precision) {
      case WeakPrecision::kFp16:
        set(trt::BuilderFlag::kFP16);
        break;
      case WeakPrecision::kBf16:
        set(trt::BuilderFlag::kBF16);
        break;
      case WeakPrecision::kInt8:
        set(trt::BuilderFlag::kINT8);
        break;
      case WeakPrecision::kFp8:
        set(trt::BuilderFlag::kFP8);
        break;
    }
  }
#endif
}

void SetWeightFlags(const TuningSpec& tuning, trt::IBuilderConfig* config) {
  if (tuning.refit) SetFlag(config, ToTrt(*tuning.refit), true, "refit");
  if (tuning.strip_plan) {
    // Only refittable weights are stripped, so without a mode there would be none.
    if (!tuning.refit) SetFlag(config, trt::BuilderFlag::kREFIT_IDENTICAL, true, "stripPlan");
    SetFlag(config, trt::BuilderFlag::kSTRIP_PLAN, true, "stripPlan");
  }
  if (tuning.weight_streaming) {
    SetFlag(config, trt::BuilderFlag::kWEIGHT_STREAMING, true, "weightStreaming");
  }
  if (tuning.sparse_weights) {
    SetFlag(config, trt::BuilderFlag::kSPARSE_WEIGHTS, true, "sparseWeights");
  }
}

void SetPortability(const TuningSpec& tuning, trt::IBuilderConfig* config) {
  if (tuning.hardware_compatibility_level) {
    const auto level = ToTrt(*tuning.hardware_compatibility_level);
    config->setHardwareCompatibilityLevel(level);
    Require(config->getHardwareCompatibilityLevel() == level, "hardwareCompatibilityLevel",
            NameOf(*tuning.hardware_compatibility_level));
  }
  if (tuning.version_compatible) {
    SetFlag(config, trt::BuilderFlag::kVERSION_COMPATIBLE, true, "versionCompatible");
  }
  if (tuning.exclude_lean_runtime) {
    SetFlag(config, trt::BuilderFlag::kEXCLUDE_LEAN_RUNTIME, true, "excludeLeanRuntime");
  }
}

void SetSearch(const BuildSpec& spec, trt::IBuilderConfig* config) {
  const TuningSpec& tuning = spec.tuning;
  if (spec.optimization_level) {
    config->setBuilderOptimizationLevel(*spec.optimization_level);
    Require(config->getBuilderOptimizationLevel() == *spec.optimization_level, "optimizationLevel",
            std::to_string(*spec.optimization_level));
  }
  if (tuning.avg_timing_iterations) {
    config->setAvgTimingIterations(*tuning.avg_timing_iterations);
    Require(config->getAvgTimingIterations() == *tuning.avg_timing_iterations,
            "avgTimingIterations", std::to_string(*tuning.avg_timing_iterations));
  }
  if (tuning.max_nb_tactics) {
    config->setMaxNbTactics(*tuning.max_nb_tactics);
    Require(config->getMaxNbTactics() == *tuning.max_nb_tactics, "maxNbTactics",
            std::to_string(*tuning.max_nb_tactics));
  }
  if (tuning.tiling_optimization_level) {
    const auto level = ToTrt(*tuning.tiling_optimization_level);
    Require(
        config->setTilingOptimizationLevel(level) && config->getTilingOptimizationLevel() == level,
        "tilingOptimizationLevel", NameOf(*tuning.tiling_optimization_level));
  }
  if (tuning.l2_limit_for_tiling) {
    const int64_t bytes = *tuning.l2_limit_for_tiling;
    Require(config->setL2LimitForTiling(bytes) && config->getL2LimitForTiling() == bytes,
            "l2LimitForTiling", std::to_string(bytes));
  }
}

void SetTacticSources(const std::set<TacticSource>& sources, trt::IBuilderConfig* config) {
  trt::TacticSources bits = 0;
  std::string names;
  for (const TacticSource source : sources) {
    const auto known = ToTrt(source);
    if (!known) Refuse("tacticSources", NameOf(source));
    bits |= 1U << static_cast<uint32_t>(*known);
    names += (names.empty() ? "" : ", ") + std::string(NameOf(source));
  }
  Require(config->setTacticSources(bits) && config->getTacticSources() == bits, "tacticSources",
          "[" + names + "]");
}

void SetPreviewFeatures(const TuningSpec& tuning, trt::IBuilderConfig* config) {
  for (const auto& [feature, on] : tuning.preview_features) {
    const std::string option = std::string("previewFeatures.") + NameOf(feature);
    const auto known = ToTrt(feature);
    if (!known) Refuse(option, on ? "true" : "false");
    config->setPreviewFeature(*known, on);
    Require(config->getPreviewFeature(*known) == on, option, on ? "true" : "false");
  }
}

void SetDla(const DlaSpec& dla, const trt::IBuilder& builder, trt::IBuilderConfig* config) {
  const int cores = builder.getNbDLACores();
  if (dla.core >= cores) {
    throw Error(ErrorCode::kUnsupported,
                cores == 0 ? "this machine has no DLA (deep learning accelerator). Leave dla out"
                           : "this machine has " + std::to_string(cores) +
                                 " DLA cores, so there is no core " + std::to_string(dla.core))
        .With("option", std::string("dla"));
  }
  config->setDefaultDeviceType(trt::DeviceType::kDLA);
  config->setDLACore(dla.core);
  Require(
      config->getDefaultDeviceType() == trt::DeviceType::kDLA && config->getDLACore() == dla.core,
      "dla.core", std::to_string(dla.core));
  SetFlag(config, trt::BuilderFlag::kGPU_FALLBACK, dla.gpu_fallback, "dla.gpuFallback");
}

#if defined(TRT_NODE_ABI_RTX)
void SetComputeCapabilities(const BuildSpec& spec, trt::IBuilderConfig* config) {
  const std::vector<std::string>& wanted = spec.compute_capabilities;
  const auto count = static_cast<int32_t>(wanted.empty() ? 1 : wanted.size());
  bool accepted = config->setNbComputeCapabilities(count);
  if (wanted.empty()) {
    accepted = accepted && config->setComputeCapability(trt::ComputeCapability::kCURRENT, 0);
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    // The enum's values are major·10 + minor.
    const size_t dot = wanted[i].find('.');
    const int value =
        std::stoi(wanted[i].substr(0, dot)) * 10 + std::stoi(wanted[i].substr(dot + 1));
    if (!config->setComputeCapability(static_cast<trt::ComputeCapability>(value),
                                      static_cast<int32_t>(i))) {
      throw Error(ErrorCode::kGpuUnsupported,
                  "this TensorRT-RTX does not build for compute capability " + wanted[i] +
                      ". It knows 7.5, 8.0, 8.6, 8.9 and 12.0 (newer versions may know more)")
          .With("computeCapability", wanted[i]);
    }
  }
  if (!accepted) {
    throw Error(ErrorCode::kUnsupported, "TensorRT-RTX refused the list of compute capabilities");
  }
}
#endif

}  // namespace

trt::NetworkDefinitionCreationFlags NetworkFlags(const BuildSpec& spec) {
#if defined(TRT_NODE_ABI_V10)
  if (spec.weakly_typed) return 0;
  return 1U << static_cast<uint32_t>(trt::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#else
  static_cast<void>(spec);
  return 0;  // networks are strongly typed here, without a flag
#endif
}

void Configure(const BuildSpec& spec, const trt::IBuilder& builder, trt::IBuilderConfig* config) {
  // The inspector's names, types and tactics are in the plan only when asked for before the build.
  config->setProfilingVerbosity(trt::ProfilingVerbosity::kDETAILED);
  const TuningSpec& tuning = spec.tuning;
  SetMemoryPools(spec, config);
  SetPrecisions(spec, config);
  SetWeightFlags(tuning, config);
  SetPortability(tuning, config);
  SetSearch(spec, config);
  if (tuning.max_aux_streams) {
    config->setMaxAuxStreams(*tuning.max_aux_streams);
    Require(config->getMaxAuxStreams() == *tuning.max_aux_streams, "maxAuxStreams",
            std::to_string(*tuning.max_aux_streams));
  }
  if (tuning.tactic_sources) SetTacticSources(*tuning.tactic_sources, config);
  SetPreviewFeatures(tuning, config);
  if (tuning.dla) SetDla(*tuning.dla, builder, config);
#if defined(TRT_NODE_ABI_RTX)
  SetComputeCapabilities(spec, config);
#endif
}

}  // namespace trtnode::TRT_NODE_ABI
