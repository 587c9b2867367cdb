#include "napi/build_request.h"

#include "napi/convert.h"

namespace trtnode {
namespace {

std::optional<int> OptionalInt(const Napi::Value& value) {
  if (!value.IsNumber()) return std::nullopt;
  return value.As<Napi::Number>().Int32Value();
}

uint64_t ReadBytesCount(const Napi::Value& value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

// Throws for a name that TypeScript does not let through.
template <typename Enum>
Enum ReadEnum(const Napi::Value& value, Enum last) {
  const std::string name = value.ToString();
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name == NameOf(static_cast<Enum>(i))) return static_cast<Enum>(i);
  }
  throw Error(ErrorCode::kInvalidArg, "\"" + name + "\" is no value that native code knows");
}

template <typename Enum>
std::optional<Enum> OptionalEnum(const Napi::Value& value, Enum last) {
  if (!value.IsString()) return std::nullopt;
  return ReadEnum(value, last);
}

template <typename Enum>
std::set<Enum> ReadEnums(const Napi::Value& value, Enum last) {
  std::set<Enum> set;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) set.insert(ReadEnum(array.Get(i), last));
  return set;
}

// Calls `take` with each enumerator that the object has a value for.
template <typename Enum, typename Take>
void ForEachNamed(const Napi::Object& object, Enum last, Take take) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    const auto key = static_cast<Enum>(i);
    const Napi::Value value = object.Get(NameOf(key));
    if (!value.IsUndefined()) take(key, value);
  }
}

CalibrationBatches ReadBatches(const Napi::Object& object) {
  CalibrationBatches batches;
  batches.folder = object.Get("folder").ToString();
  batches.count = object.Get("count").As<Napi::Number>().Int32Value();
  const auto inputs = object.Get("inputs").As<Napi::Array>();
  for (uint32_t i = 0; i < inputs.Length(); ++i) {
    const auto input = inputs.Get(i).As<Napi::Object>();
    batches.inputs.push_back({input.Get("name").ToString(),
                              ReadBytesCount(input.Get("offsetBytes")),
                              ReadBytesCount(input.Get("sizeBytes"))});
  }
  return batches;
}

CalibrationSpec ReadCalibration(const Napi::Object& object) {
  CalibrationSpec calibration;
  calibration.algorithm = ReadEnum(object.Get("algorithm"), kLastCalibrationAlgorithm);
  calibration.quantile = object.Get("quantile").ToNumber();
  calibration.regression_cutoff = object.Get("regressionCutoff").ToNumber();
  const Napi::Value batches = object.Get("batches");
  if (batches.IsObject()) calibration.batches = ReadBatches(batches.As<Napi::Object>());
  calibration.profile = ReadProfile(object.Get("profile").As<Napi::Object>());
  const Napi::Value cache_in = object.Get("cacheIn");
  if (cache_in.IsString()) calibration.cache_in = cache_in.ToString();
  const Napi::Value cache_out = object.Get("cacheOut");
  if (cache_out.IsString()) calibration.cache_out = cache_out.ToString();
  return calibration;
}

TuningSpec ReadTuning(const Napi::Object& object) {
  const auto flag = [&](const char* name) { return object.Get(name).ToBoolean().Value(); };
  TuningSpec tuning;
  tuning.max_aux_streams = OptionalInt(object.Get("maxAuxStreams"));
  tuning.avg_timing_iterations = OptionalInt(object.Get("avgTimingIterations"));
  tuning.max_nb_tactics = OptionalInt(object.Get("maxNbTactics"));
  tuning.hardware_compatibility_level =
      OptionalEnum(object.Get("hardwareCompatibilityLevel"), kLastHardwareCompatibility);
  tuning.refit = OptionalEnum(object.Get("refit"), kLastRefitMode);
  tuning.strip_plan = flag("stripPlan");
  tuning.weight_streaming = flag("weightStreaming");
  tuning.version_compatible = flag("versionCompatible");
  tuning.exclude_lean_runtime = flag("excludeLeanRuntime");
  tuning.sparse_weights = flag("sparseWeights");
  const Napi::Value sources = object.Get("tacticSources");
  if (sources.IsArray()) tuning.tactic_sources = ReadEnums(sources, kLastTacticSource);
  ForEachNamed(object.Get("previewFeatures").As<Napi::Object>(), kLastPreviewFeature,
               [&](PreviewFeature feature, const Napi::Value& on) {
                 tuning.preview_features[feature] = on.ToBoolean();
               });
  tuning.tiling_optimization_level =
      OptionalEnum(object.Get("tilingOptimizationLevel"), kLastTilingOptimizationLevel);
  const Napi::Value l2_limit = object.Get("l2LimitForTiling");
  if (l2_limit.IsNumber()) tuning.l2_limit_for_tiling = l2_limit.As<Napi::Number>().Int64Value();
  const Napi::Value dla = object.Get("dla");
  if (dla.IsObject()) {
    const auto given = dla.As<Napi::Object>();
    tuning.dla = DlaSpec{given.Get("core").ToNumber(), given.Get("gpuFallback").ToBoolean()};
  }
  tuning.debug_tensors = ReadStrings(object.Get("debugTensors"));
  return tuning;
}

}  // namespace

BuildSpec ReadBuildSpec(const Napi::Object& request) {
  BuildSpec spec;
  spec.model = ReadModelFile(request);
  spec.plan_path = request.Get("planPath").ToString();
  spec.device = OptionalInt(request.Get("device"));
  const Napi::Value tf32 = request.Get("tf32");
  if (tf32.IsBoolean()) spec.tf32 = tf32.As<Napi::Boolean>().Value();
  spec.weakly_typed = request.Get("typing").ToString().Utf8Value() == "weak";
  spec.precisions = ReadEnums(request.Get("precisions"), kLastWeakPrecision);
  const Napi::Value calibration = request.Get("calibration");
  if (calibration.IsObject()) spec.calibration = ReadCalibration(calibration.As<Napi::Object>());
  const auto profiles = request.Get("profiles").As<Napi::Array>();
  for (uint32_t i = 0; i < profiles.Length(); ++i) {
    spec.profiles.push_back(ReadProfile(profiles.Get(i).As<Napi::Object>()));
  }
  spec.compute_capabilities = ReadStrings(request.Get("computeCapabilities"));
  spec.optimization_level = OptionalInt(request.Get("optimizationLevel"));
  ForEachNamed(request.Get("memoryPools").As<Napi::Object>(), kLastMemoryPool,
               [&](MemoryPool pool, const Napi::Value& bytes) {
                 spec.memory_pools[pool] = ReadBytesCount(bytes);
               });
  const Napi::Value timing_cache = request.Get("timingCache");
  if (timing_cache.IsObject()) {
    const auto given = timing_cache.As<Napi::Object>();
    spec.timing_cache =
        TimingCacheSpec{given.Get("path").ToString(), given.Get("reproducible").ToBoolean()};
  }
  spec.plugins = ReadPlugins(request);
  spec.tuning = ReadTuning(request.Get("tuning").As<Napi::Object>());
  return spec;
}

}  // namespace trtnode
