#include "trt/abi/timing_cache.h"

#include <filesystem>

#include "core/folder_lock.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

// TensorRT makes an empty cache of bytes that it cannot read, and says so in its log alone.
std::string Complaint(const OperationLog& log) {
  std::string text = log.ErrorText();
  if (!text.empty()) return text;
  for (const LogLine& line : log.Lines()) {
    for (const char* words :
         {"mismatch", "will not be used", "Failed to deserialize", "nvalid timing cache"}) {
      if (line.message.find(words) != std::string::npos) return line.message;
    }
  }
  return "";
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Error CacheError(const TimingCacheSpec& spec, const char* reason, const std::string& message) {
  return Error(ErrorCode::kTimingCache, message)
      .With("path", spec.path)
      .With("reason", std::string(reason));
}

}  // namespace

TimingCache::TimingCache(const TimingCacheSpec& spec, trt::IBuilderConfig* config)
    : spec_(spec), config_(config) {
  if (!LendFile()) {
    if (spec.reproducible) {
      if (use_.warning.empty()) {
        throw CacheError(spec, "missing",
                         "there is no timing cache at " + spec.path +
                             ", and a reproducible build times nothing by itself. Build once "
                             "without `reproducible` and keep the cache that this makes");
      }
      throw CacheError(spec, "mismatch",
                       use_.warning +
                           ". A reproducible build needs a cache of this very TensorRT and kind of "
                           "GPU: build once without `reproducible` and keep the cache that this "
                           "makes");
    }
    LendEmpty();
  }
  if (!spec.reproducible) return;
  config->setFlag(trt::BuilderFlag::kERROR_ON_TIMING_CACHE_MISS);
  bytes_before_ = SerializedBytes();
}

std::unique_ptr<trt::ITimingCache> TimingCache::Open(const void* data, size_t size,
                                                     std::string* why) const {
  OperationLog log;
  const LogScope scope(&log);
  std::unique_ptr<trt::ITimingCache> cache(config_->createTimingCache(data, size));
  *why = Complaint(log);
  if (!cache && why->empty()) *why = "TensorRT does not know it as a timing cache";
  if (!why->empty()) cache.reset();
  return cache;
}

bool TimingCache::Lend(std::unique_ptr<trt::ITimingCache> cache, std::string* why) {
  OperationLog log;
  const LogScope scope(&log);
  const bool taken = config_->setTimingCache(*cache, false);
  *why = Complaint(log);
  if (!taken && why->empty()) *why = "it is of another TensorRT or another kind of GPU";
  // What the config has taken it points to, until it is given another one.
  if (taken) cache_ = std::move(cache);
  return why->empty();
}

bool TimingCache::LendFile() {
  if (!Exists(spec_.path)) return false;
  std::string why;
  try {
    FileDigest digest;
    const ByteBlock bytes = ReadFile(spec_.path, &digest);
    if (bytes.size() == 0) return false;
    auto cache = Open(bytes.data(), bytes.size(), &why);
    if (cache && Lend(std::move(cache), &why)) {
      use_.loaded_bytes = bytes.size();
      use_.sha256 = digest.sha256;
      return true;
    }
  } catch (const Error& error) {
    why = error.message();
  }
  use_.warning = "the timing cache " + spec_.path + " cannot be used: " + why;
  return false;
}

void TimingCache::LendEmpty() {
  std::string why;
  auto cache = Open(nullptr, 0, &why);
  if (cache && Lend(std::move(cache), &why)) return;
  use_.warning +=
      (use_.warning.empty() ? "" : "; ") + std::string("no timing cache is used: ") + why;
}

size_t TimingCache::SerializedBytes() const {
  const trt::ITimingCache* lent = config_->getTimingCache();
  if (lent == nullptr) return 0;
  const std::unique_ptr<trt::IHostMemory> bytes(lent->serialize());
  return bytes ? bytes->size() : 0;
}

void TimingCache::RequireNothingNew() const {
  if (!spec_.reproducible) return;
  // kERROR_ON_TIMING_CACHE_MISS does not stop every miss of every version.
  const size_t after = SerializedBytes();
  if (after <= bytes_before_) return;
  throw CacheError(spec_, "miss",
                   "the timing cache " + spec_.path +
                       " lacks kernels that this build needed: TensorRT timed them, and the cache "
                       "grew from " +
                       std::to_string(bytes_before_) + " to " + std::to_string(after) +
                       " bytes. Build once without `reproducible` to complete it");
}

void TimingCache::Save(bool in_haste) noexcept {
  constexpr std::chrono::seconds kPatience(30);
  if (spec_.reproducible || !cache_) return;
  try {
    Merge(in_haste ? std::chrono::seconds(0) : kPatience);
  } catch (const std::exception& error) {
    try {
      use_.warning += (use_.warning.empty() ? "" : "; ") +
                      std::string("what the build learned is not kept: ") + error.what();
    } catch (...) {  // NOLINT(bugprone-empty-catch)
      // There is no memory for a warning.
    }
  }
}

void TimingCache::Merge(std::chrono::seconds patience) {
  const std::string folder = std::filesystem::path(spec_.path).parent_path();
  const FolderLock lock = FolderLock::Take(folder.empty() ? "." : folder, patience);
  OperationLog log;
  const LogScope scope(&log);
  const trt::ITimingCache* learned = config_->getTimingCache();
  if (learned == nullptr) learned = cache_.get();

  // Other builds may have written to the file meanwhile. Where both know a kernel, the file's time stays.
  std::unique_ptr<trt::ITimingCache> merged;
  if (Exists(spec_.path)) {
    FileDigest digest;
    const ByteBlock bytes = ReadFile(spec_.path, &digest);
    std::string why;
    if (bytes.size() > 0) merged = Open(bytes.data(), bytes.size(), &why);
    if (merged && !merged->combine(*learned, false)) merged.reset();
  }
  const std::unique_ptr<trt::IHostMemory> bytes(merged ? merged->serialize()
                                                       : learned->serialize());
  if (!bytes || bytes->size() == 0) {
    throw Error(ErrorCode::kTimingCache, "TensorRT could not serialize it: " + log.ErrorText());
  }
  use_.saved_bytes = ReplaceFile(spec_.path, bytes->data(), bytes->size()).size_bytes;
}

}  // namespace trtnode::TRT_NODE_ABI
