// What a build is asked for, and what came of it. No TensorRT header is seen here.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "trt/types.h"

namespace trtnode {

// TensorRT's enums in our own terms: their values differ between the ABIs, so each ABI translates by name.
enum class MemoryPool {
  kWorkspace,
  kDlaManagedSram,
  kDlaLocalDram,
  kDlaGlobalDram,
  kTacticDram,
  kTacticSharedMemory,
};
inline constexpr MemoryPool kLastMemoryPool = MemoryPool::kTacticSharedMemory;
const char* NameOf(MemoryPool pool);

// Types that a weakly typed network may use below the model's own.
enum class WeakPrecision { kFp16, kBf16, kInt8, kFp8 };
inline constexpr WeakPrecision kLastWeakPrecision = WeakPrecision::kFp8;
const char* NameOf(WeakPrecision precision);

enum class CalibrationAlgorithm { kEntropy2, kEntropy, kMinMax, kPercentile };
inline constexpr CalibrationAlgorithm kLastCalibrationAlgorithm = CalibrationAlgorithm::kPercentile;
const char* NameOf(CalibrationAlgorithm algorithm);

enum class HardwareCompatibility { kNone, kAmperePlus, kSameComputeCapability };
inline constexpr HardwareCompatibility kLastHardwareCompatibility =
    HardwareCompatibility::kSameComputeCapability;
const char* NameOf(HardwareCompatibility level);

enum class RefitMode { kAll, kIdentical, kIndividual };
inline constexpr RefitMode kLastRefitMode = RefitMode::kIndividual;
const char* NameOf(RefitMode mode);

enum class TacticSource { kCublas, kCublasLt, kCudnn, kEdgeMaskConvolutions, kJitConvolutions };
inline constexpr TacticSource kLastTacticSource = TacticSource::kJitConvolutions;
const char* NameOf(TacticSource source);

enum class PreviewFeature {
  kAliasedPluginIo1003,
  kRuntimeActivationResize1010,
  kMultideviceRuntime1016,
};
inline constexpr PreviewFeature kLastPreviewFeature = PreviewFeature::kMultideviceRuntime1016;
const char* NameOf(PreviewFeature feature);

enum class TilingOptimizationLevel { kNone, kFast, kModerate, kFull };
inline constexpr TilingOptimizationLevel kLastTilingOptimizationLevel =
    TilingOptimizationLevel::kFull;
const char* NameOf(TilingOptimizationLevel level);

// Every name of such an enum, in order.
template <typename Enum>
std::vector<std::string> NamesUpTo(Enum last) {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    names.emplace_back(NameOf(static_cast<Enum>(i)));
  }
  return names;
}

// Where an input's bytes lie in the file of a batch.
struct CalibrationInput {
  std::string name;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
};

// Batch i is the file <folder>/<i>.
struct CalibrationBatches {
  std::string folder;
  int count = 0;
  std::vector<CalibrationInput> inputs;
};

struct CalibrationSpec {
  CalibrationAlgorithm algorithm = CalibrationAlgorithm::kEntropy2;
  double quantile = 0;           // kPercentile alone
  double regression_cutoff = 0;  // kPercentile alone
  // None: the cache must have all that TensorRT needs.
  std::optional<CalibrationBatches> batches;
  Profile profile;        // dims of every batch
  std::string cache_in;   // empty: none
  std::string cache_out;  // a file that must not exist yet; empty: none
};

struct TimingCacheSpec {
  std::string path;
  // Nothing is timed and nothing written back: what is not in the cache is an error.
  bool reproducible = false;
};

struct DlaSpec {
  int core = 0;
  bool gpu_fallback = false;
};

// The rest of IBuilderConfig. None and false leave TensorRT's default.
struct TuningSpec {
  std::optional<int> max_aux_streams;
  std::optional<int> avg_timing_iterations;
  std::optional<int> max_nb_tactics;
  std::optional<HardwareCompatibility> hardware_compatibility_level;
  std::optional<RefitMode> refit;
  bool strip_plan = false;
  bool weight_streaming = false;
  bool version_compatible = false;
  bool exclude_lean_runtime = false;
  bool sparse_weights = false;
  std::optional<std::set<TacticSource>> tactic_sources;
  std::map<PreviewFeature, bool> preview_features;
  std::optional<TilingOptimizationLevel> tiling_optimization_level;
  std::optional<int64_t> l2_limit_for_tiling;
  std::optional<DlaSpec> dla;
  // Tensors of the network whose values an inference may ask for (INetworkDefinition::markDebug).
  std::vector<std::string> debug_tensors;
};

struct PluginSpec {
  std::vector<std::string> libraries;  // absolute paths, in order
  bool standard = false;               // TensorRT's own
};

struct BuildSpec {
  ModelFile model;
  std::string plan_path;
  std::optional<int> device;  // none: without a GPU
  std::optional<bool> tf32;   // none: TensorRT's default
  bool weakly_typed = false;
  std::set<WeakPrecision> precisions;
  std::optional<CalibrationSpec> calibration;
  std::vector<Profile> profiles;
  std::vector<std::string> compute_capabilities;  // "8.6"; empty: the GPU's own
  std::optional<int> optimization_level;
  std::map<MemoryPool, uint64_t> memory_pools;
  std::optional<TimingCacheSpec> timing_cache;
  PluginSpec plugins;
  TuningSpec tuning;
  // Set from any thread: the build fails at TensorRT's next step. Null: it cannot be cancelled.
  const std::atomic<bool>* cancelled = nullptr;
};

struct TimingCacheUse {
  uint64_t loaded_bytes = 0;  // 0: there was none, or none that fits
  uint64_t saved_bytes = 0;   // of the file after the build; 0: not written
  std::string warning;        // empty: none
  std::string sha256;         // of what was loaded; empty: nothing was
};

// Bytes at the largest dims of one optimization profile.
struct ProfileMemory {
  uint64_t context = 0;  // activation memory, as TensorRT reports it
  uint64_t inputs = 0;
  // None where dims of an output depend on the data.
  std::optional<uint64_t> outputs;
};

// Device memory that an engine takes, as it was measured behind its build.
struct PlanMemory {
  uint64_t weights = 0;
  uint64_t context = 0;  // that one context takes for itself, whichever profile it uses
  std::vector<ProfileMemory> profiles;
};

struct BuildOutcome {
  std::string sha256;
  std::string chunks_sha256;
  uint64_t size_bytes = 0;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::vector<LayerInfo> network_layers;
  // The engine inspector's JSON; empty where the plan could not be opened, and the reason says why.
  std::string engine_information;
  std::string engine_information_reason;
  // None where the plan could not be opened, and for a plan without weights.
  std::optional<PlanMemory> memory;
  double build_seconds = 0;
  // Of build_seconds, what passed inside of the calibrator. None without one.
  std::optional<double> calibration_seconds;
  std::optional<TimingCacheUse> timing_cache;
};

}  // namespace trtnode
