#include "tensorrt/builder_config.h"

namespace stub {

trt::ITimingCache* BuilderConfigStub::createTimingCache(const void* blob,
                                                        std::size_t size) const noexcept {
#if defined(TRT_NODE_STUB_RTX)
  Die("a timing cache was made with TensorRT-RTX, which has none");
#endif
  if (size == 0) return new TimingCacheApi(Timings{owner_, {}});
  const std::optional<Timings> timings =
      Timings::Parse(std::string(static_cast<const char*>(blob), size));
  if (timings) return new TimingCacheApi(*timings);
  // As TensorRT has it: its log alone tells.
  logger_->log(trt::ILogger::Severity::kERROR,
               "createTimingCache: Error Code 3: API Usage Error (the blob is no timing cache)");
  return new TimingCacheApi(Timings{owner_, {}});
}

bool BuilderConfigStub::setTimingCache(const trt::ITimingCache& cache,
                                       bool ignore_mismatch) noexcept {
  const auto& given = static_cast<const TimingCacheApi&>(cache);
  if (given.implementation().timings.owner != owner_ && !ignore_mismatch) {
    logger_->log(trt::ILogger::Severity::kWARNING,
                 "The timing cache was made by another version or on another GPU");
    return false;
  }
  timing_cache_ = &given;
  return true;
}

std::map<std::string, std::string> BuilderConfigStub::Record() const {
  std::map<std::string, std::string> record;
  std::vector<std::string> flags;
  for (uint32_t bit = 0; bit < 32; ++bit) {
    if ((flags_ >> bit & 1U) != 0) flags.push_back(NameOf(static_cast<trt::BuilderFlag>(bit)));
  }
  record["flags"] = json::Texts(flags);
  record["flagBits"] = std::to_string(flags_);
  for (const auto& [name, value] : numbers_) record[name] = std::to_string(value);
  for (const auto& [name, value] : names_) record[name] = json::Text(value);
  std::map<std::string, std::string> pools;
  for (const auto& [pool, size] : pools_) pools[NameOf(pool)] = std::to_string(size);
  record["memoryPools"] = json::Object(pools);
  if (numbers_.contains("tacticSourceBits")) {
    std::vector<std::string> sources;
    for (uint32_t bit = 0; bit < 32; ++bit) {
      if ((sources_ >> bit & 1U) != 0) {
        sources.push_back(NameOf(static_cast<trt::TacticSource>(bit)));
      }
    }
    record["tacticSources"] = json::Texts(sources);
  }
  std::map<std::string, std::string> features;
  for (const auto& [feature, on] : features_) features[NameOf(feature)] = json::Flag(on);
  record["previewFeatures"] = json::Object(features);
  record["pluginsToSerialize"] = json::Texts(serialized_plugins_);
  std::vector<std::string> capabilities;
  for (const int capability : compute_capabilities_) {
    capabilities.push_back(std::to_string(capability));
  }
  record["computeCapabilities"] = json::List(capabilities);
  return record;
}

}  // namespace stub
