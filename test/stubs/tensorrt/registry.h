// TEST ONLY. The registry of plugins: one for the library.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "unimplemented.h"

namespace stub {

class PluginRegistryStub final : public nvinfer1::UnimplementedIPluginRegistry {
 public:
  static PluginRegistryStub& Get();

  PluginLibraryHandle loadLibrary(const nvinfer1::AsciiChar* path) noexcept override;
  nvinfer1::IPluginCreatorInterface* const* getAllCreators(int32_t* count) const noexcept override {
    *count = 0;
    return nullptr;
  }

  // TensorRT's standard plugins, or any library's.
  void Register() { registered_ = true; }
  bool HasPlugins() const { return registered_; }
  std::vector<std::string> libraries() const;

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> registered_ = false;
  std::vector<std::string> libraries_;
};

}  // namespace stub
