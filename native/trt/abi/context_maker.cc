#include "trt/abi/context_maker.h"

#include <filesystem>

#include "core/file.h"
#include "core/sha256.h"

namespace trtnode::TRT_NODE_ABI {

#if !defined(TRT_NODE_ABI_RTX)

ContextMaker::ContextMaker(trt::ICudaEngine* engine, const std::string& /*cache_path*/)
    : engine_(engine) {}

std::unique_ptr<trt::IExecutionContext> ContextMaker::Make(
    trt::ExecutionContextAllocationStrategy strategy) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::unique_ptr<trt::IExecutionContext>(engine_->createExecutionContext(strategy));
}

void ContextMaker::SaveCache() noexcept {}

#else

namespace {

void Warn(const std::string& text) noexcept { DispatchLog(LogSeverity::kWarning, text.c_str()); }

std::string DigestOf(const void* data, size_t size) {
  Sha256 hash;
  hash.Update(data, size);
  return hash.FinishHex();
}

}  // namespace

ContextMaker::ContextMaker(trt::ICudaEngine* engine, const std::string& cache_path)
    : engine_(engine), cache_path_(cache_path) {}

std::unique_ptr<trt::IExecutionContext> ContextMaker::Make(
    trt::ExecutionContextAllocationStrategy strategy) {
  const std::lock_guard<std::mutex> lock(mutex_);
  trt::IRuntimeConfig* const config = ConfigFor(strategy);
  if (config == nullptr) return nullptr;
  return std::unique_ptr<trt::IExecutionContext>(engine_->createExecutionContext(config));
}

trt::IRuntimeConfig* ContextMaker::ConfigFor(trt::ExecutionContextAllocationStrategy strategy) {
  std::unique_ptr<trt::IRuntimeConfig>& config = configs_[strategy];
  if (config) return config.get();
  config.reset(engine_->createRuntimeConfig());
  if (!config) return nullptr;
  config->setExecutionContextAllocationStrategy(strategy);
  // The default compiles in the background and runs other kernels meanwhile; a graph captured then would keep those for ever.
  config->setDynamicShapesKernelSpecializationStrategy(
      trt::DynamicShapesKernelSpecializationStrategy::kEAGER);
  // Without a file too: a lane makes a context for each shape that it captures, and each would compile anew.
  if (!cache_) ReadCache(*config);
  if (cache_ && !config->setRuntimeCache(*cache_)) {
    Warn(
        "TensorRT-RTX did not take a runtime cache: its kernels are compiled anew for each "
        "execution context" +
        (cache_path_.empty() ? "" : ", and " + cache_path_ + " is not written"));
    cache_.reset();
  }
  return config.get();
}

void ContextMaker::ReadCache(const trt::IRuntimeConfig& config) {
  cache_.reset(config.createRuntimeCache());
  if (!cache_) {
    Warn(
        "TensorRT-RTX could not make a runtime cache: its kernels are compiled anew for each "
        "execution context" +
        (cache_path_.empty() ? "" : ", and " + cache_path_ + " is not used"));
    return;
  }
  std::error_code ignored;
  if (cache_path_.empty() || !std::filesystem::exists(cache_path_, ignored)) return;
  try {
    FileDigest digest;
    const ByteBlock bytes = ReadFile(cache_path_, &digest);
    if (cache_->deserialize(bytes.data(), bytes.size())) {
      known_sha256_ = digest.sha256;
    } else {
      Warn("the runtime cache " + cache_path_ +
           " is damaged, or of another GPU, driver or TensorRT-RTX: kernels are compiled anew, and "
           "replace it");
    }
  } catch (const std::exception& error) {
    Warn(std::string("the runtime cache cannot be used: ") + error.what());
  }
}

void ContextMaker::SaveCache() noexcept {
  if (cache_path_.empty()) return;
  try {
    WriteCache();
  } catch (const std::exception& error) {
    Warn(std::string("the compiled kernels are not kept: ") + error.what());
  }
}

void ContextMaker::WriteCache() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!cache_) return;
  const std::unique_ptr<trt::IHostMemory> bytes(cache_->serialize());
  if (!bytes || bytes->size() == 0) return;
  const std::string sha256 = DigestOf(bytes->data(), bytes->size());
  if (sha256 == known_sha256_) return;
  known_sha256_ = ReplaceFile(cache_path_, bytes->data(), bytes->size()).sha256;
}

#endif

}  // namespace trtnode::TRT_NODE_ABI
