#include "trt/capabilities.h"

#include "core/error.h"

namespace trtnode {
namespace {

struct Library {
  Flavour flavour;
  LibraryVersion version;
  bool with_gpu;

  bool IsRtx() const { return flavour == Flavour::kTensorRtRtx; }
  // A release of TensorRT, 10.0 or newer.
  bool Since(int major, int minor) const { return !IsRtx() && version.AtLeast(major, minor); }
  // Of TensorRT 10 alone, from a minor version on.
  bool Is10(int minor = 0) const { return Since(10, minor) && version.major == 10; }
};

struct Capability {
  const char* option;
  bool (*asked)(const BuildSpec& spec);
  bool (*honoured)(const Library& library);
  ErrorCode code;
  const char* remedy;
};

bool InEnterprise(const Library& library) { return !library.IsRtx(); }
bool InRtx(const Library& library) { return library.IsRtx(); }
bool In10(const Library& library) { return library.Is10(); }

// From a minor version of TensorRT 10 on, and in 11.
template <int Minor>
bool Since10(const Library& library) {
  return library.Since(10, Minor);
}

template <WeakPrecision Type>
bool Asks(const BuildSpec& spec) {
  return spec.precisions.contains(Type);
}

template <MemoryPool Pool>
bool Asks(const BuildSpec& spec) {
  return spec.memory_pools.contains(Pool);
}

template <MemoryPool Pool>
bool AsksWithoutDla(const BuildSpec& spec) {
  return spec.memory_pools.contains(Pool) && !spec.tuning.dla;
}

template <HardwareCompatibility Level>
bool Asks(const BuildSpec& spec) {
  return spec.tuning.hardware_compatibility_level == Level;
}

template <RefitMode Mode>
bool Asks(const BuildSpec& spec) {
  return spec.tuning.refit == Mode;
}

template <TacticSource Source>
bool Asks(const BuildSpec& spec) {
  return spec.tuning.tactic_sources && spec.tuning.tactic_sources->contains(Source);
}

template <PreviewFeature Feature>
bool Asks(const BuildSpec& spec) {
  return spec.tuning.preview_features.contains(Feature);
}

template <auto Member>
bool AsksTuning(const BuildSpec& spec) {
  return static_cast<bool>(spec.tuning.*Member);
}

bool Never(const Library&) { return false; }

// RTX compiles for some options on the GPU, and fails or does without where there is none (tried with 1.7.1).
bool NeedsGpuInRtx(const Library& library) { return !library.IsRtx() || library.with_gpu; }

// TensorRT-RTX times nothing while it builds: with these options its plans came out byte for byte as without them (digits
// with 1.7.1, levels 0 and 5, 1 MiB of tactic DRAM, sparse weights, no tactic source), whereas the workspace and shared-memory
// limits changed them.
constexpr const char* kNoTacticTiming =
    "It picks kernels when the engine first runs, so the option would change nothing. Leave it out";

constexpr const char* kNoDla =
    "Without `dla` nothing is built for DLA. Give `dla`, or leave it out";

constexpr const char* kTypesOfTheModel =
    "It has no precision flags: the model's own types rule. Give it an ONNX file with these types "
    "(for int8 and fp8: with QuantizeLinear and DequantizeLinear nodes), or build with TensorRT 10";

constexpr const char* kNeedsGpu =
    "Without a GPU, that is. Build on a machine with the target GPU, or leave it out";
constexpr const char* kOnlyTensorRt = "Build with TensorRT (runtime: 'tensorrt'), or leave it out";
constexpr const char* kOnly10 = "Only TensorRT 10 has it. Leave it out";

constexpr ErrorCode kPrecision = ErrorCode::kPrecisionUnsupported;
constexpr ErrorCode kOption = ErrorCode::kUnsupported;

constexpr Capability kCapabilities[] = {
    {"building without a GPU", [](const BuildSpec& spec) { return !spec.device.has_value(); },
     InRtx, ErrorCode::kNoDriver,
     "TensorRT times kernels on the GPU while it builds. Build on a machine with the target GPU, "
     "or use TensorRT-RTX (runtime: 'tensorrt-rtx') with computeCapabilities"},
    {"computeCapabilities",
     [](const BuildSpec& spec) { return !spec.compute_capabilities.empty(); }, InRtx, kOption,
     "TensorRT's engines run on the compute capability they were built on. Leave the option out, "
     "or build with runtime: 'tensorrt-rtx'"},

    {"precision 'fp16'", Asks<WeakPrecision::kFp16>, In10, kPrecision, kTypesOfTheModel},
    {"precision 'bf16'", Asks<WeakPrecision::kBf16>, In10, kPrecision, kTypesOfTheModel},
    {"precision 'int8'", Asks<WeakPrecision::kInt8>, In10, kPrecision, kTypesOfTheModel},
    {"precision 'fp8'", Asks<WeakPrecision::kFp8>, In10, kPrecision, kTypesOfTheModel},
    {"typing 'weak'", [](const BuildSpec& spec) { return spec.weakly_typed; }, In10, kPrecision,
     kTypesOfTheModel},
    {"calibration", [](const BuildSpec& spec) { return spec.calibration.has_value(); }, In10,
     kPrecision, kTypesOfTheModel},

    {"optimizationLevel", [](const BuildSpec& spec) { return spec.optimization_level.has_value(); },
     InEnterprise, kOption, kNoTacticTiming},
    {"timingCache", [](const BuildSpec& spec) { return spec.timing_cache.has_value(); },
     InEnterprise, kOption, kNoTacticTiming},
    {"avgTimingIterations", AsksTuning<&TuningSpec::avg_timing_iterations>, InEnterprise, kOption,
     kNoTacticTiming},
    {"maxNbTactics", AsksTuning<&TuningSpec::max_nb_tactics>, Since10<4>, kOption,
     "TensorRT has it from 10.4 on. Leave it out"},
    {"tilingOptimizationLevel", AsksTuning<&TuningSpec::tiling_optimization_level>, Since10<8>,
     kOption, "TensorRT has it from 10.8 on. Leave it out"},
    {"l2LimitForTiling", AsksTuning<&TuningSpec::l2_limit_for_tiling>, Since10<8>, kOption,
     "TensorRT has it from 10.8 on. Leave it out"},

    {"memoryPools.tacticDram", Asks<MemoryPool::kTacticDram>, InEnterprise, kOption,
     kNoTacticTiming},
    {"memoryPools.dlaManagedSram", AsksWithoutDla<MemoryPool::kDlaManagedSram>, Never, kOption,
     kNoDla},
    {"memoryPools.dlaLocalDram", AsksWithoutDla<MemoryPool::kDlaLocalDram>, Never, kOption, kNoDla},
    {"memoryPools.dlaGlobalDram", AsksWithoutDla<MemoryPool::kDlaGlobalDram>, Never, kOption,
     kNoDla},
    {"dla", AsksTuning<&TuningSpec::dla>, InEnterprise, kOption, kOnlyTensorRt},

    {"hardwareCompatibilityLevel 'amperePlus'", Asks<HardwareCompatibility::kAmperePlus>,
     InEnterprise, kOption,
     "Its plans run on the compute capabilities that they are built for. Give computeCapabilities"},
    {"hardwareCompatibilityLevel 'sameComputeCapability'",
     Asks<HardwareCompatibility::kSameComputeCapability>, Since10<9>, kOption,
     "TensorRT has it from 10.9 on. Leave it out"},
    {"versionCompatible", AsksTuning<&TuningSpec::version_compatible>, InEnterprise, kOption,
     kOnlyTensorRt},
    {"excludeLeanRuntime", AsksTuning<&TuningSpec::exclude_lean_runtime>, InEnterprise, kOption,
     kOnlyTensorRt},

    {"refit 'individual'", Asks<RefitMode::kIndividual>, Since10<2>, kOption,
     "TensorRT has it from 10.2 on. Use another mode"},
    {"refit", AsksTuning<&TuningSpec::refit>, NeedsGpuInRtx, kOption, kNeedsGpu},
    {"stripPlan", AsksTuning<&TuningSpec::strip_plan>, NeedsGpuInRtx, kOption, kNeedsGpu},
    {"maxAuxStreams", AsksTuning<&TuningSpec::max_aux_streams>, NeedsGpuInRtx, kOption, kNeedsGpu},
    {"sparseWeights", AsksTuning<&TuningSpec::sparse_weights>, InEnterprise, kOption,
     kNoTacticTiming},

    {"tacticSources", AsksTuning<&TuningSpec::tactic_sources>, InEnterprise, kOption,
     kNoTacticTiming},
    {"tacticSources: cublas", Asks<TacticSource::kCublas>, In10, kOption, kOnly10},
    {"tacticSources: cublasLt", Asks<TacticSource::kCublasLt>, In10, kOption, kOnly10},
    {"tacticSources: cudnn", Asks<TacticSource::kCudnn>, In10, kOption, kOnly10},
    {"previewFeatures.aliasedPluginIo1003", Asks<PreviewFeature::kAliasedPluginIo1003>, Since10<3>,
     kOption, "TensorRT has it from 10.3 on. Leave it out"},
    {"previewFeatures.runtimeActivationResize1010",
     Asks<PreviewFeature::kRuntimeActivationResize1010>, Since10<10>, kOption,
     "TensorRT has it from 10.10 on. Leave it out"},
    {"previewFeatures.multideviceRuntime1016", Asks<PreviewFeature::kMultideviceRuntime1016>,
     [](const Library& library) { return library.Is10(16); }, kOption,
     "TensorRT has it from 10.16 on, and 11 needs no such flag. Leave it out"},
};

// Options that some GPUs of a library's cannot honour; TensorRT would fall back to wider types in silence.
struct GpuNeed {
  const char* option;
  bool (*asked)(const BuildSpec& spec);
  int major;
  int minor;
  ErrorCode code;
};

constexpr GpuNeed kGpuNeeds[] = {
    {"precision 'tf32'", [](const BuildSpec& spec) { return spec.tf32 == true; }, 8, 0, kPrecision},
    {"precision 'bf16'", Asks<WeakPrecision::kBf16>, 8, 0, kPrecision},
    {"precision 'fp8'", Asks<WeakPrecision::kFp8>, 8, 9, kPrecision},
    {"hardwareCompatibilityLevel 'amperePlus'", Asks<HardwareCompatibility::kAmperePlus>, 8, 0,
     kOption},
    {"hardwareCompatibilityLevel 'sameComputeCapability'",
     Asks<HardwareCompatibility::kSameComputeCapability>, 7, 5, kOption},
};

// Options that exclude each other whatever the library is.
struct Conflict {
  const char* option;
  bool (*asked)(const BuildSpec& spec);
  const char* message;
};

constexpr Conflict kConflicts[] = {
    {"weightStreaming",
     [](const BuildSpec& spec) { return spec.tuning.weight_streaming && spec.weakly_typed; },
     "weightStreaming needs a strongly typed network. Leave the precision out, or weightStreaming"},
    {"hardwareCompatibilityLevel",
     [](const BuildSpec& spec) {
       return Asks<HardwareCompatibility::kAmperePlus>(spec) && Asks<WeakPrecision::kFp8>(spec);
     },
     "fp8 is not of Ampere, so it does not go with hardwareCompatibilityLevel 'amperePlus'. Leave "
     "one of them out"},
    {"excludeLeanRuntime",
     [](const BuildSpec& spec) {
       return spec.tuning.exclude_lean_runtime && !spec.tuning.version_compatible;
     },
     "only a plan with `versionCompatible` has a lean runtime in it. Set that too, or leave "
     "excludeLeanRuntime out"},
};

}  // namespace

void CheckCapabilities(const BuildSpec& spec, Flavour flavour, const LibraryVersion& version,
                       const DeviceInfo* gpu) {
  const Library library{flavour, version, gpu != nullptr};
  const std::string product =
      (library.IsRtx() ? "TensorRT-RTX " : "TensorRT ") + version.ToString();
  for (const Capability& capability : kCapabilities) {
    if (!capability.asked(spec) || capability.honoured(library)) continue;
    throw Error(capability.code,
                product + " does not offer " + capability.option + ". " + capability.remedy)
        .With("option", std::string(capability.option))
        .With("version", version.ToString());
  }
  for (const GpuNeed& need : kGpuNeeds) {
    if (gpu == nullptr || !need.asked(spec)) continue;
    if (gpu->compute_major > need.major ||
        (gpu->compute_major == need.major && gpu->compute_minor >= need.minor)) {
      continue;
    }
    throw Error(need.code, std::string(need.option) + " needs a GPU of compute capability " +
                               std::to_string(need.major) + "." + std::to_string(need.minor) +
                               " or newer, and " + gpu->name + " is " + gpu->ComputeCapability() +
                               ". Leave it out, or build on a newer GPU")
        .With("option", std::string(need.option))
        .With("computeCapability", gpu->ComputeCapability());
  }
  for (const Conflict& conflict : kConflicts) {
    if (!conflict.asked(spec)) continue;
    throw Error(kOption, conflict.message).With("option", std::string(conflict.option));
  }
}

}  // namespace trtnode
