// TEST ONLY. IBuilderConfig: it does as it is told, and writes down what that was, by the names that this ABI's own headers
// give to its numbers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "enum_names.h"
#include "tensorrt/json.h"
#include "tensorrt/library.h"
#include "tensorrt/optimization_profile.h"
#include "tensorrt/timing_cache.h"

namespace stub {

class BuilderConfigStub final : public trt::apiv::UnimplementedVBuilderConfig {
 public:
  explicit BuilderConfigStub(trt::ILogger* logger, std::string owner)
      : logger_(logger), owner_(std::move(owner)) {}

  void setFlag(trt::BuilderFlag flag) noexcept override { flags_ |= Bit(flag); }
  void clearFlag(trt::BuilderFlag flag) noexcept override { flags_ &= ~Bit(flag); }
  bool getFlag(trt::BuilderFlag flag) const noexcept override { return (flags_ & Bit(flag)) != 0; }
  void setFlags(trt::BuilderFlags flags) noexcept override { flags_ = flags; }
  trt::BuilderFlags getFlags() const noexcept override { return flags_; }

  void setBuilderOptimizationLevel(int32_t level) noexcept override {
    Set("builderOptimizationLevel", level);
  }
  int32_t getBuilderOptimizationLevel() const noexcept override {
    return static_cast<int32_t>(Get("builderOptimizationLevel", 3));
  }
  void setAvgTimingIterations(int32_t count) noexcept override {
    Set("avgTimingIterations", count);
  }
  int32_t getAvgTimingIterations() const noexcept override {
    return static_cast<int32_t>(Get("avgTimingIterations", 1));
  }
  // It returns nothing before 11.
  auto setMaxAuxStreams(int32_t count) noexcept
      -> decltype(std::declval<trt::IBuilderConfig&>().setMaxAuxStreams(0)) override {
    Set("maxAuxStreams", count);
    return decltype(std::declval<trt::IBuilderConfig&>().setMaxAuxStreams(0))(true);
  }
  int32_t getMaxAuxStreams() const noexcept override {
    return static_cast<int32_t>(Get("maxAuxStreams", -1));
  }
  void setMaxNbTactics(int32_t count) noexcept override {
#if defined(TRT_NODE_STUB_V10)
    Since(10, 4, "setMaxNbTactics");
#endif
    Set("maxNbTactics", count);
  }
  int32_t getMaxNbTactics() const noexcept override {
    return static_cast<int32_t>(Get("maxNbTactics", -1));
  }
  bool setTilingOptimizationLevel(trt::TilingOptimizationLevel level) noexcept override {
#if defined(TRT_NODE_STUB_V10)
    Since(10, 8, "setTilingOptimizationLevel");
#endif
    names_["tilingOptimizationLevel"] = NameOf(level);
    tiling_ = level;
    return true;
  }
  trt::TilingOptimizationLevel getTilingOptimizationLevel() const noexcept override {
    return tiling_;
  }
  bool setL2LimitForTiling(int64_t size) noexcept override {
#if defined(TRT_NODE_STUB_V10)
    Since(10, 8, "setL2LimitForTiling");
#endif
    Set("l2LimitForTiling", size);
    return true;
  }
  int64_t getL2LimitForTiling() const noexcept override { return Get("l2LimitForTiling", 0); }
  void setHardwareCompatibilityLevel(trt::HardwareCompatibilityLevel level) noexcept override {
    names_["hardwareCompatibilityLevel"] = NameOf(level);
    compatibility_ = level;
  }
  trt::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return compatibility_;
  }
  void setProfilingVerbosity(trt::ProfilingVerbosity verbosity) noexcept override {
    names_["profilingVerbosity"] = NameOf(verbosity);
    verbosity_ = verbosity;
  }
  trt::ProfilingVerbosity getProfilingVerbosity() const noexcept override { return verbosity_; }
  void setDefaultDeviceType(trt::DeviceType type) noexcept override {
    names_["defaultDeviceType"] = NameOf(type);
    device_type_ = type;
  }
  trt::DeviceType getDefaultDeviceType() const noexcept override { return device_type_; }
  void setDLACore(int32_t core) noexcept override { Set("DLACore", core); }
  int32_t getDLACore() const noexcept override { return static_cast<int32_t>(Get("DLACore", -1)); }

  void setMemoryPoolLimit(trt::MemoryPoolType pool, std::size_t size) noexcept override {
    pools_[pool] = size;
  }
  std::size_t getMemoryPoolLimit(trt::MemoryPoolType pool) const noexcept override {
    const auto found = pools_.find(pool);
    return found == pools_.end() ? size_t{1} << 32 : found->second;
  }
  bool setTacticSources(trt::TacticSources sources) noexcept override {
    sources_ = sources;
    Set("tacticSourceBits", sources);
    return true;
  }
  trt::TacticSources getTacticSources() const noexcept override { return sources_; }
  void setPreviewFeature(trt::PreviewFeature feature, bool enable) noexcept override {
    features_[feature] = enable;
  }
  bool getPreviewFeature(trt::PreviewFeature feature) const noexcept override {
    const auto found = features_.find(feature);
    return found != features_.end() && found->second;
  }
  void setPluginsToSerialize(const char* const* paths, int32_t count) noexcept override {
    serialized_plugins_.assign(paths, paths + count);
  }
  int32_t getNbPluginsToSerialize() const noexcept override {
    return static_cast<int32_t>(serialized_plugins_.size());
  }

  int32_t addOptimizationProfile(const trt::IOptimizationProfile* profile) noexcept override {
    profiles_.push_back(static_cast<const ProfileApi*>(profile)->implementation().plan());
    return static_cast<int32_t>(profiles_.size()) - 1;
  }
  int32_t getNbOptimizationProfiles() const noexcept override {
    return static_cast<int32_t>(profiles_.size());
  }

  trt::ITimingCache* createTimingCache(const void* blob, std::size_t size) const noexcept override;
  bool setTimingCache(const trt::ITimingCache& cache, bool ignore_mismatch) noexcept override;
  const trt::ITimingCache* getTimingCache() const noexcept override { return timing_cache_; }

  void setProgressMonitor(trt::IProgressMonitor* monitor) noexcept override { monitor_ = monitor; }
  trt::IProgressMonitor* getProgressMonitor() const noexcept override { return monitor_; }

#if defined(TRT_NODE_STUB_V10)
  void setInt8Calibrator(trt::IInt8Calibrator* calibrator) noexcept override {
    calibrator_ = calibrator;
  }
  trt::IInt8Calibrator* getInt8Calibrator() const noexcept override { return calibrator_; }
  bool setCalibrationProfile(const trt::IOptimizationProfile* profile) noexcept override {
    calibration_profile_ = static_cast<const ProfileApi*>(profile)->implementation().plan();
    return true;
  }
#endif
#if defined(TRT_NODE_STUB_RTX)
  bool setNbComputeCapabilities(int32_t count) noexcept override {
    compute_capabilities_.assign(static_cast<size_t>(count), 0);
    return true;
  }
  bool setComputeCapability(trt::ComputeCapability capability, int32_t index) noexcept override {
    compute_capabilities_.at(static_cast<size_t>(index)) = static_cast<int>(capability);
    return true;
  }
#endif

  const std::vector<ProfilePlan>& profiles() const { return profiles_; }
  const ProfilePlan& calibration_profile() const { return calibration_profile_; }
  // Null where the builder is to keep what it times to itself.
  const TimingCacheApi* timing_cache() const { return timing_cache_; }
  const std::string& owner() const { return owner_; }

  // What it was told, as JSON values.
  std::map<std::string, std::string> Record() const;

 private:
  static uint32_t Bit(trt::BuilderFlag flag) { return 1U << static_cast<uint32_t>(flag); }
  void Set(const std::string& name, int64_t value) { numbers_[name] = value; }
  int64_t Get(const std::string& name, int64_t otherwise) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? otherwise : found->second;
  }

  trt::ILogger* const logger_;
  const std::string owner_;
  // TensorRT's own default.
  uint32_t flags_ = Bit(trt::BuilderFlag::kTF32);
  uint32_t sources_ = ~0U;
  std::map<std::string, int64_t> numbers_;
  std::map<std::string, std::string> names_;
  std::map<trt::MemoryPoolType, size_t> pools_;
  std::map<trt::PreviewFeature, bool> features_;
  std::vector<std::string> serialized_plugins_;
  std::vector<ProfilePlan> profiles_;
  ProfilePlan calibration_profile_;
  std::vector<int> compute_capabilities_;
  trt::TilingOptimizationLevel tiling_ = trt::TilingOptimizationLevel::kNONE;
  trt::HardwareCompatibilityLevel compatibility_ = trt::HardwareCompatibilityLevel::kNONE;
  trt::ProfilingVerbosity verbosity_ = trt::ProfilingVerbosity::kLAYER_NAMES_ONLY;
  trt::DeviceType device_type_ = trt::DeviceType::kGPU;
  const TimingCacheApi* timing_cache_ = nullptr;
  trt::IProgressMonitor* monitor_ = nullptr;
#if defined(TRT_NODE_STUB_V10)
  trt::IInt8Calibrator* calibrator_ = nullptr;
#endif
};

using BuilderConfigApi = Wrapped<trt::IBuilderConfig, BuilderConfigStub>;

}  // namespace stub
