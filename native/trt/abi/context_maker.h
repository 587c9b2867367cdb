// Makes execution contexts. TensorRT-RTX compiles kernels while it runs: its contexts share one cache of them, which a file
// may keep. TensorRT has its kernels in the plan.
#pragma once

#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

class ContextMaker {
 public:
  // Reads the cache, where the path is not empty and there is a file. One that does not fit is a warning, and is replaced
  // by the first Save.
  ContextMaker(trt::ICudaEngine* engine, const std::string& cache_path);

  // Thread-safe. Null where TensorRT could not make one. No context may outlive this.
  std::unique_ptr<trt::IExecutionContext> Make(trt::ExecutionContextAllocationStrategy strategy);

  // Thread-safe. A failure is a warning.
  void SaveCache() noexcept;

 private:
  trt::ICudaEngine* const engine_;
  // TensorRT says of no call of an engine that two threads may be in it at a time. Guards what follows too.
  std::mutex mutex_;
#if defined(TRT_NODE_ABI_RTX)
  trt::IRuntimeConfig* ConfigFor(trt::ExecutionContextAllocationStrategy strategy);
  void ReadCache(const trt::IRuntimeConfig& config);
  void WriteCache();

  const std::string cache_path_;
  std::string known_sha256_;  // of what the file holds as far as this process knows
  // Destroyed in reverse: the configs before the cache that they were given.
  std::unique_ptr<trt::IRuntimeCache> cache_;
  std::map<trt::ExecutionContextAllocationStrategy, std::unique_ptr<trt::IRuntimeConfig>> configs_;
#endif
};

}  // namespace trtnode::TRT_NODE_ABI
