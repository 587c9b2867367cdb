// The timing cache of one build: read from a file, lent to the builder, merged back into the file.
#pragma once

#include "core/file.h"
#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

class TimingCache {
 public:
  // Lends the file's cache, or an empty one, to `config`, which must outlive this. Throws Error(kTimingCache) with `reason`
  // missing or mismatch where a reproducible build needs what is not there.
  TimingCache(const TimingCacheSpec& spec, trt::IBuilderConfig* config);

  // After a build that succeeded. Throws Error(kTimingCache) with `reason` miss when a reproducible one learned something.
  void RequireNothingNew() const;

  // Merges what was learned into the file, as it is by now; waits for other builds that do so, unless `in_haste`. A failure is a
  // warning: the build is worth more than its cache.
  void Save(bool in_haste) noexcept;

  const TimingCacheUse& use() const { return use_; }

 private:
  // Null and `why` set when TensorRT does not take the bytes.
  std::unique_ptr<trt::ITimingCache> Open(const void* data, size_t size, std::string* why) const;
  bool Lend(std::unique_ptr<trt::ITimingCache> cache, std::string* why);
  bool LendFile();
  void LendEmpty();
  void Merge(std::chrono::seconds patience);
  size_t SerializedBytes() const;

  const TimingCacheSpec spec_;
  trt::IBuilderConfig* const config_;
  std::unique_ptr<trt::ITimingCache> cache_;
  size_t bytes_before_ = 0;
  TimingCacheUse use_;
};

}  // namespace trtnode::TRT_NODE_ABI
