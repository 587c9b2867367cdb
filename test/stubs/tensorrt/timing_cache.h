// TEST ONLY. ITimingCache: the kernels that a builder has timed, in a format of the stub's own.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tensorrt/wrapped.h"
#include "unimplemented.h"

namespace stub {

namespace trt = ::nvinfer1;

// What was timed where: caches of other versions or GPUs say nothing about this one.
struct Timings {
  std::string owner;
  std::map<std::string, std::string> kernels;

  std::string Serialize() const;
  static std::optional<Timings> Parse(const std::string& bytes);
};

class TimingCacheStub final : public trt::apiv::UnimplementedVTimingCache {
 public:
  explicit TimingCacheStub(Timings timings) : timings(std::move(timings)) {}

  trt::IHostMemory* serialize() const noexcept override;
  bool combine(const trt::ITimingCache& other, bool ignore_mismatch) noexcept override;
  bool reset() noexcept override {
    timings.kernels.clear();
    return true;
  }

  // A builder adds to the cache that it was given.
  mutable Timings timings;
};

using TimingCacheApi = Wrapped<trt::ITimingCache, TimingCacheStub>;

}  // namespace stub
