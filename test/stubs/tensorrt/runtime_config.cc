#include "tensorrt/runtime_config.h"

#if defined(TRT_NODE_STUB_RTX)

#include <sstream>

#include "tensorrt/engine.h"
#include "tensorrt/host_memory.h"

namespace stub {
namespace {

std::string CacheHeader() { return "stub runtime cache of " + LibraryVersion().Text(); }

}  // namespace

trt::IHostMemory* RuntimeCacheStub::serialize() const noexcept {
  const Inside inside;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text = CacheHeader() + "\n";
  for (const std::string& kernel : kernels_) text += kernel + "\n";
  return NewHostMemory(text);
}

bool RuntimeCacheStub::deserialize(const void* blob, size_t size) noexcept {
  const Inside inside;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::istringstream lines(std::string(static_cast<const char*>(blob), size));
  std::string line;
  if (!std::getline(lines, line) || line != CacheHeader()) return false;
  while (std::getline(lines, line)) kernels_.insert(line);
  return true;
}

void RuntimeCacheStub::Add(const std::string& kernel) {
  const std::lock_guard<std::mutex> lock(mutex_);
  kernels_.insert(kernel);
}

trt::IRuntimeConfig* EngineStub::createRuntimeConfig() noexcept {
  const Inside inside;
  return new RuntimeConfigApi();
}

trt::IExecutionContext* EngineStub::createExecutionContextWithRuntimeConfig(
    trt::IRuntimeConfig* config) noexcept {
  const RuntimeConfigStub& asked = static_cast<RuntimeConfigApi*>(config)->implementation();
  // A graph would keep the kernels of before.
  if (asked.getDynamicShapesKernelSpecializationStrategy() !=
      trt::DynamicShapesKernelSpecializationStrategy::kEAGER) {
    Die("a context whose kernels are not specialized eagerly");
  }
  trt::IExecutionContext* const context =
      createExecutionContext(asked.getExecutionContextAllocationStrategy());
  if (context != nullptr && asked.cache() != nullptr) {
    asked.cache()->implementation().Add("kernels for " + state_->plan.tensors.front().name);
  }
  return context;
}

}  // namespace stub

#endif
