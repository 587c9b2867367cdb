#include "trt/abi/execution.h"

#include <utility>

#include "trt/abi/debug_tensors.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

class OutputAllocator final : public trt::IOutputAllocator {
 public:
  explicit OutputAllocator(OutputMemory* memory) : memory_(memory) {}

  void* reallocateOutputAsync(const char*, void*, uint64_t size, uint64_t alignment,
                              cudaStream_t) noexcept override {
    return memory_->Reserve(size, alignment);
  }

#if !defined(TRT_NODE_ABI_RTX)
  // Its predecessor, which TensorRT may still call.
  void* reallocateOutput(const char*, void*, uint64_t size, uint64_t alignment) noexcept override {
    return memory_->Reserve(size, alignment);
  }
#endif

  void notifyShape(const char*, const trt::Dims& dims) noexcept override {
    if (dims.nbDims >= 0) memory_->SetDims(dims.d, static_cast<size_t>(dims.nbDims));
  }

 private:
  OutputMemory* const memory_;
};

// Passes on what TensorRT measures of its layers.
class Profiler final : public trt::IProfiler {
 public:
  explicit Profiler(LayerTimes* times) : times_(times) {}
  void reportLayerTime(const char* layer, float milliseconds) noexcept override {
    times_->Add(layer, milliseconds);
  }

 private:
  LayerTimes* const times_;
};

class AbiExecution final : public Execution {
 public:
  AbiExecution(const LibraryVersion& version, std::unique_ptr<trt::IExecutionContext> context)
      : version_(version), context_(std::move(context)) {}

  void SetProfile(int index, CUstream stream) override {
    Require(context_->setOptimizationProfileAsync(index, stream),
            "select the optimization profile");
  }

  void SetInputDims(const TensorInfo& input, const Dims& dims) override {
    Require(context_->setInputShape(input.name.c_str(), ToTrt(dims)), "set the dims of an input");
  }

  void SetAddress(const TensorInfo& tensor, void* address) override {
    Require(context_->setTensorAddress(tensor.name.c_str(), address), "set a tensor's address");
  }

  void SetOutputMemory(const TensorInfo& output, OutputMemory* memory) override {
    const auto& allocator = allocators_.emplace_back(std::make_unique<OutputAllocator>(memory));
    if (context_->setOutputAllocator(output.name.c_str(), allocator.get())) return;
    allocators_.pop_back();
    Require(false, "set the allocator of an output");
  }

  Dims OutputDims(const TensorInfo& output) override {
    const trt::Dims dims = context_->getTensorShape(output.name.c_str());
    Require(dims.nbDims >= 0, "tell the dims of an output");
    return FromTrt(dims);
  }

  void SetDeviceMemory(void* memory, size_t size) override {
#if defined(TRT_NODE_ABI_V10)
    // setDeviceMemoryV2 came with 10.1.
    if (!version_.AtLeast(10, 1)) {
      context_->setDeviceMemory(memory);
      return;
    }
#endif
    context_->setDeviceMemoryV2(memory, static_cast<int64_t>(size));
  }

  void SetLayerTimes(LayerTimes* times) override {
    profiler_ = std::make_unique<Profiler>(times);
    // Otherwise Enqueue would wait for the GPU, which a graph's capture does not allow.
    context_->setEnqueueEmitsProfile(false);
    context_->setProfiler(profiler_.get());
  }

  bool ReportLayerTimes() override { return context_->reportToProfiler(); }

  void SetDebug(const std::vector<std::string>& names, DebugSink* sink) override {
    if (debug_) debug_->SetSink(nullptr);
    SetDebugStates(std::exchange(debugged_, {}), false);
    if (names.empty()) return;
    if (!debug_) {
      debug_ = std::make_unique<DebugListener>();
      if (!context_->setDebugListener(debug_.get())) {
        debug_.reset();
        Require(false, "take a listener for debug tensors");
      }
    }
    // Also those that come after one that is refused: the next call switches them off.
    debugged_ = names;
    SetDebugStates(names, true);
    debug_->SetSink(sink);
  }

  void Enqueue(CUstream stream) override {
    const bool done = context_->enqueueV3(stream);
    if (debug_) debug_->RethrowFailure();
    Require(done, "enqueue the inference");
  }

 private:
  // The caller attaches the log.
  static void Require(bool done, const char* step) {
    if (!done) throw Error(ErrorCode::kInferFailed, std::string("TensorRT could not ") + step);
  }

  void SetDebugStates(const std::vector<std::string>& names, bool on) {
    bool done = true;
    for (const std::string& name : names) {
      if (!context_->setTensorDebugState(name.c_str(), on)) done = false;
    }
    Require(done, on ? "switch debug tensors on" : "switch debug tensors off");
  }

  const LibraryVersion& version_;
  std::vector<std::unique_ptr<OutputAllocator>> allocators_;
  std::unique_ptr<Profiler> profiler_;
  std::unique_ptr<DebugListener> debug_;  // null before the first use
  std::vector<std::string> debugged_;     // whose state is on
  const std::unique_ptr<trt::IExecutionContext> context_;
};

}  // namespace

std::unique_ptr<Execution> MakeExecution(const LibraryVersion& version, ContextMaker* maker,
                                         const ExecutionOptions& options) {
  std::unique_ptr<trt::IExecutionContext> context =
      maker->Make(options.own_memory ? trt::ExecutionContextAllocationStrategy::kSTATIC
                                     : trt::ExecutionContextAllocationStrategy::kUSER_MANAGED);
  if (!context) return nullptr;
  // The default is what the engine was built with: detailed ranges, which make Enqueue slower.
  if (!options.nvtx) context->setNvtxVerbosity(trt::ProfilingVerbosity::kNONE);
  return std::make_unique<AbiExecution>(version, std::move(context));
}

}  // namespace trtnode::TRT_NODE_ABI
