#include "tensorrt/timing_cache.h"

#include <sstream>

#include "tensorrt/host_memory.h"

namespace stub {

namespace {
constexpr const char* kFirstLine = "stub timing cache";
}

std::string Timings::Serialize() const {
  std::string text = std::string(kFirstLine) + "\n" + owner + "\n";
  for (const auto& [kernel, time] : kernels) text += kernel + "\t" + time + "\n";
  return text + "end\n";
}

std::optional<Timings> Timings::Parse(const std::string& bytes) {
  std::istringstream lines(bytes);
  std::string line;
  if (!std::getline(lines, line) || line != kFirstLine) return std::nullopt;
  Timings timings;
  if (!std::getline(lines, timings.owner)) return std::nullopt;
  while (std::getline(lines, line)) {
    if (line == "end") return timings;
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) return std::nullopt;
    timings.kernels[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return std::nullopt;
}

trt::IHostMemory* TimingCacheStub::serialize() const noexcept {
  return NewHostMemory(timings.Serialize());
}

bool TimingCacheStub::combine(const trt::ITimingCache& other, bool ignore_mismatch) noexcept {
  const Timings& added = static_cast<const TimingCacheApi&>(other).implementation().timings;
  if (added.owner != timings.owner && !ignore_mismatch) return false;
  timings.kernels.insert(added.kernels.begin(), added.kernels.end());
  return true;
}

}  // namespace stub
