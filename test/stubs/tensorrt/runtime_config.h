// TEST ONLY. TensorRT-RTX's IRuntimeConfig, and its IRuntimeCache: a text with a line for each engine whose contexts were made
// with it.
#pragma once

#if defined(TRT_NODE_STUB_RTX)

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "tensorrt/library.h"
#include "tensorrt/wrapped.h"
#include "unimplemented.h"

namespace stub {

namespace trt = ::nvinfer1;

class RuntimeCacheStub final : public trt::apiv::UnimplementedVRuntimeCache {
 public:
  trt::IHostMemory* serialize() const noexcept override;
  bool deserialize(const void* blob, size_t size) noexcept override;
  void Add(const std::string& kernel);

 private:
  mutable std::mutex mutex_;
  std::set<std::string> kernels_;
};

using RuntimeCacheApi = Wrapped<trt::IRuntimeCache, RuntimeCacheStub>;

class RuntimeConfigStub final : public trt::apiv::UnimplementedVRuntimeConfig {
 public:
  void setExecutionContextAllocationStrategy(
      trt::ExecutionContextAllocationStrategy strategy) noexcept override {
    strategy_ = strategy;
  }
  trt::ExecutionContextAllocationStrategy getExecutionContextAllocationStrategy()
      const noexcept override {
    return strategy_;
  }
  trt::IRuntimeCache* createRuntimeCache() const noexcept override { return new RuntimeCacheApi(); }
  bool setRuntimeCache(const trt::IRuntimeCache& cache) noexcept override {
    cache_ = static_cast<RuntimeCacheApi*>(const_cast<trt::IRuntimeCache*>(&cache));
    return true;
  }
  trt::IRuntimeCache* getRuntimeCache() const noexcept override { return cache_; }
  void setDynamicShapesKernelSpecializationStrategy(
      trt::DynamicShapesKernelSpecializationStrategy strategy) noexcept override {
    specialization_ = strategy;
  }
  trt::DynamicShapesKernelSpecializationStrategy getDynamicShapesKernelSpecializationStrategy()
      const noexcept override {
    return specialization_;
  }

  // Null: none was set.
  RuntimeCacheApi* cache() const { return cache_; }

 private:
  trt::ExecutionContextAllocationStrategy strategy_ =
      trt::ExecutionContextAllocationStrategy::kSTATIC;
  trt::DynamicShapesKernelSpecializationStrategy specialization_ =
      trt::DynamicShapesKernelSpecializationStrategy::kLAZY;
  RuntimeCacheApi* cache_ = nullptr;
};

using RuntimeConfigApi = Wrapped<trt::IRuntimeConfig, RuntimeConfigStub>;

}  // namespace stub

#endif
