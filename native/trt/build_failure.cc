#include "trt/build_failure.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

namespace trtnode {
namespace {

bool Says(const std::vector<LogLine>& log, std::initializer_list<const char*> words) {
  return std::any_of(log.begin(), log.end(), [&](const LogLine& line) {
    return std::any_of(words.begin(), words.end(), [&](const char* word) {
      return line.message.find(word) != std::string::npos;
    });
  });
}

std::vector<LogLine> Errors(const std::vector<LogLine>& log) {
  std::vector<LogLine> errors;
  for (const LogLine& line : log) {
    if (line.severity <= LogSeverity::kError) errors.push_back(line);
  }
  return errors;
}

// The layer that TensorRT found no kernel for: "Could not find any implementation for node NAME due to insufficient workspace.
// See …" or "… for node NAME.)".
std::optional<std::string> LayerWithoutKernel(const std::vector<LogLine>& log) {
  constexpr const char* kWords = "Could not find any implementation for node ";
  for (const LogLine& line : log) {
    const size_t found = line.message.find(kWords);
    if (found == std::string::npos) continue;
    std::string name = line.message.substr(found + std::char_traits<char>::length(kWords));
    for (const char* end : {" due to insufficient", ". ", "\n"}) {
      name.resize(std::min(name.size(), name.find(end)));
    }
    const auto closes = [&](char c) { return !name.empty() && name.back() == c; };
    const auto count = [&](char c) { return std::count(name.begin(), name.end(), c); };
    while (closes('.') || closes(' ') || (closes(')') && count(')') > count('('))) {
      name.pop_back();
    }
    return name;
  }
  return std::nullopt;
}

// The limits that were asked for and that keep kernels from being used.
std::string LimitsOf(const BuildSpec& spec) {
  std::string text;
  for (const auto& [pool, bytes] : spec.memory_pools) {
    text += (text.empty() ? "" : ", ") + std::string("memoryPools.") + NameOf(pool) + " (" +
            std::to_string(bytes) + " bytes)";
  }
  return text;
}

Error NoKernel(const BuildSpec& spec, const std::optional<std::string>& layer,
               const std::string& words) {
  const auto workspace = spec.memory_pools.find(MemoryPool::kWorkspace);
  const bool limited = workspace != spec.memory_pools.end();
  const std::string limits = LimitsOf(spec);
  Error error(ErrorCode::kBuildFailed,
              "TensorRT found no kernel for " +
                  (layer ? "layer " + *layer : std::string("a part of the network")) +
                  (limits.empty() ? std::string()
                                  : " within " + limits +
                                        ". Raise the limit, or leave the option out (default: all "
                                        "of the GPU's memory)") +
                  ": " + words);
  error.With("reason", std::string(limited ? "workspace" : "no-implementation"));
  if (layer) error.With("layer", *layer);
  if (limited) error.With("limitBytes", static_cast<double>(workspace->second));
  return error;
}

std::string MiB(size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Error Classify(const BuildSpec& spec, const std::vector<LogLine>& log, const std::string& words,
               const std::optional<BuildRoom>& room) {
  const std::vector<LogLine> errors = Errors(log);
  // Of kERROR_ON_TIMING_CACHE_MISS: "Assertion !errorOnMiss failed". What follows from it comes after it.
  if (spec.timing_cache && spec.timing_cache->reproducible &&
      Says(log, {"errorOnMiss", "TIMING_CACHE_MISS"})) {
    return Error(ErrorCode::kTimingCache,
                 "the timing cache " + spec.timing_cache->path +
                     " lacks kernels that this build needs. Build once without `reproducible` to "
                     "complete it: " +
                     words)
        .With("path", spec.timing_cache->path)
        .With("reason", std::string("miss"));
  }
  const std::optional<std::string> layer = LayerWithoutKernel(errors);
  const bool allocation_failed = Says(errors, {"out of memory", "Out of memory", "OutOfMemory",
                                               "could not be allocated", "bad_alloc"});
  const bool short_of_workspace = Says(errors, {"within workspace limit", "nsufficient workspace"});
  if ((layer || short_of_workspace) && !spec.memory_pools.empty() && !allocation_failed) {
    return NoKernel(spec, layer, words);
  }
  const bool starved =
      layer && Says(log, {"insufficient memory", "insuficient memory", "nsufficient workspace",
                          "Device memory is insufficient"});
  if (allocation_failed || starved) {
    return Error(ErrorCode::kOutOfMemory,
                 "the GPU (or this machine) has not enough free memory for the build: " + words +
                     ". Free memory, close engines that are not needed, use smaller profiles, or "
                     "lower memoryPools.workspace");
  }
  if (room && room->largest_tensor_bytes > room->free_bytes) {
    return Error(ErrorCode::kOutOfMemory,
                 "the GPU had " + MiB(room->free_bytes) +
                     " of free memory when the build began, and one tensor of the network takes " +
                     MiB(room->largest_tensor_bytes) + ": " + words +
                     ". Free memory, close engines that are not needed, or use smaller profiles")
        .With("freeBytes", static_cast<double>(room->free_bytes))
        .With("tensorBytes", static_cast<double>(room->largest_tensor_bytes));
  }
  if (layer) return NoKernel(spec, layer, words);
  const bool no_scales = Says(errors, {"o scaling factors detected", "Calibration failure"});
  if (no_scales && spec.calibration) {
    return Error(
               ErrorCode::kCalibrationData,
               "TensorRT found no scales in the calibration data. Check that no input or layer is "
               "zero for all of it: " +
                   words)
        .With("reason", std::string("no-scales"));
  }
  if (no_scales) {
    return Error(ErrorCode::kCalibrationRequired,
                 "TensorRT found no scales for int8. Give `calibration`, or a model with "
                 "QuantizeLinear and DequantizeLinear nodes: " +
                     words);
  }
  return Error(ErrorCode::kBuildFailed, "TensorRT could not build the engine: " + words);
}

}  // namespace

Error BuildFailure(const BuildSpec& spec, const OperationLog& log,
                   const std::optional<BuildRoom>& room) {
  std::vector<LogLine> lines = log.Lines();
  std::string words = log.ErrorText();
  if (words.empty()) words = "it gave no reason";
  Error error = Classify(spec, lines, words, room);
  error.WithLog(std::move(lines));
  return error;
}

}  // namespace trtnode
