#include "tensorrt/registry.h"

#include <dlfcn.h>

#include <cstdio>

namespace stub {

PluginRegistryStub& PluginRegistryStub::Get() {
  static PluginRegistryStub& registry = *new PluginRegistryStub;  // outlives every runtime
  return registry;
}

nvinfer1::IPluginRegistry::PluginLibraryHandle PluginRegistryStub::loadLibrary(
    const nvinfer1::AsciiChar* path) noexcept {
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr || dlsym(library, "getCreators") == nullptr) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  libraries_.push_back(path);
  registered_ = true;
  return library;
}

std::vector<std::string> PluginRegistryStub::libraries() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return libraries_;
}

}  // namespace stub

extern "C" __attribute__((visibility("default"))) nvinfer1::IPluginRegistry*
getPluginRegistry() noexcept {
  return &stub::PluginRegistryStub::Get();
}

// For the library of standard plugins, which has no other way to its core.
extern "C" __attribute__((visibility("default"))) void trtNodeStubRegisterPlugins() {
  stub::PluginRegistryStub::Get().Register();
}
