// A deserialized plan and its execution contexts.
#include <algorithm>

#include "core/activity.h"
#include "trt/abi/adapters.h"

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

class AbiExecution final : public Execution {
 public:
  explicit AbiExecution(std::unique_ptr<trt::IExecutionContext> context)
      : context_(std::move(context)) {}

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

  void Enqueue(CUstream stream) override {
    Require(context_->enqueueV3(stream), "enqueue the inference");
  }

 private:
  // The caller attaches the log.
  static void Require(bool done, const char* step) {
    if (!done) throw Error(ErrorCode::kInferFailed, std::string("TensorRT could not ") + step);
  }

  std::vector<std::unique_ptr<OutputAllocator>> allocators_;
  const std::unique_ptr<trt::IExecutionContext> context_;
};

class AbiEngine final : public LoadedEngine {
 public:
  AbiEngine(std::unique_ptr<trt::IRuntime> runtime, std::unique_ptr<trt::ICudaEngine> engine,
            const LibraryVersion& version)
      : runtime_(std::move(runtime)), engine_(std::move(engine)), version_(version) {
    for (int i = 0; i < engine_->getNbIOTensors(); ++i) DescribeTensor(engine_->getIOTensorName(i));
    for (int i = 0; i < engine_->getNbOptimizationProfiles(); ++i) DescribeProfile(i);
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  const std::vector<Profile>& profiles() const override { return profiles_; }

  uint64_t DeviceMemoryBytes() const override {
#if defined(TRT_NODE_ABI_V10)
    // getDeviceMemorySizeV2 came with 10.1.
    if (!version_.AtLeast(10, 1)) return engine_->getDeviceMemorySize();
#endif
    return static_cast<uint64_t>(engine_->getDeviceMemorySizeV2());
  }

  std::unique_ptr<Execution> CreateExecution() override {
    std::unique_ptr<trt::IExecutionContext> context(engine_->createExecutionContext());
    if (!context) {
      throw Error(ErrorCode::kOutOfMemory,
                  "TensorRT could not make an execution context, most often for want of device "
                  "memory: it needs " +
                      std::to_string(DeviceMemoryBytes()) +
                      " bytes. Free GPU memory or use smaller profiles");
    }
    return std::make_unique<AbiExecution>(std::move(context));
  }

  std::string Inspect() override {
    const std::unique_ptr<trt::IEngineInspector> inspector(engine_->createEngineInspector());
    const char* text =
        inspector ? inspector->getEngineInformation(trt::LayerInformationFormat::kJSON) : nullptr;
    if (text == nullptr) {
      throw Error(ErrorCode::kUnsupported, "TensorRT gives no layer information for this engine");
    }
    return text;
  }

 private:
  void DescribeTensor(const char* name) {
    TensorInfo info;
    info.name = name;
    info.type = FromTrt(engine_->getTensorDataType(name));
    info.dims = FromTrt(engine_->getTensorShape(name));
    info.is_shape_tensor = engine_->isShapeInferenceIO(name);
    info.on_host = engine_->getTensorLocation(name) == trt::TensorLocation::kHOST;
    const bool is_input = engine_->getTensorIOMode(name) == trt::TensorIOMode::kINPUT;
    RequireLinear(info.name);
    (is_input ? inputs_ : outputs_).push_back(std::move(info));
  }

  // Other formats pad the channels: their tensors are larger than their dims say.
  void RequireLinear(const std::string& name) const {
    const int profiles = std::max(1, engine_->getNbOptimizationProfiles());
    for (int profile = 0; profile < profiles; ++profile) {
      if (engine_->getTensorFormat(name.c_str(), profile) == trt::TensorFormat::kLINEAR) continue;
      throw Error(ErrorCode::kUnsupported,
                  "tensor " + name +
                      " is not laid out linearly, which this version of trt-node cannot move. "
                      "Build without trtexec's --inputIOFormats and --outputIOFormats")
          .With("tensor", name);
    }
  }

  void DescribeProfile(int index) {
    Profile profile;
    for (const TensorInfo& input : inputs_) {
      const auto dims = [&](trt::OptProfileSelector selector) {
        return FromTrt(engine_->getProfileShape(input.name.c_str(), index, selector));
      };
      InputRange& range = profile[input.name];
      range.dims = {dims(trt::OptProfileSelector::kMIN), dims(trt::OptProfileSelector::kOPT),
                    dims(trt::OptProfileSelector::kMAX)};
      if (input.is_shape_tensor) range.values = ProfileValues(input, index, range.dims);
    }
    profiles_.push_back(std::move(profile));
  }

  // None where the values of this input set no dims after all.
  std::optional<DimsRange> ProfileValues(const TensorInfo& input, int index,
                                         const DimsRange& dims) const {
    const auto values = [&](trt::OptProfileSelector selector,
                            const Dims& shape) -> std::optional<Dims> {
      // TensorRT's own limit for shape tensors; beyond it, or open, there is no telling how many values there are.
      constexpr int64_t kMaxValues = 64;
      const int64_t count = IsDynamic(shape) ? -1 : ElementCount(shape);
      if (count < 0 || count > kMaxValues) return std::nullopt;
      return ProfileValues(input.name.c_str(), index, selector, static_cast<size_t>(count));
    };
    std::optional<Dims> min = values(trt::OptProfileSelector::kMIN, dims.min);
    std::optional<Dims> opt = values(trt::OptProfileSelector::kOPT, dims.opt);
    std::optional<Dims> max = values(trt::OptProfileSelector::kMAX, dims.max);
    if (!min || !opt || !max) return std::nullopt;
    return DimsRange{std::move(*min), std::move(*opt), std::move(*max)};
  }

  std::optional<Dims> ProfileValues(const char* name, int index, trt::OptProfileSelector selector,
                                    size_t count) const {
#if defined(TRT_NODE_ABI_V10)
    // 64-bit values came with 10.11; later versions still open plans that were built with 32-bit ones.
    if (version_.AtLeast(10, 11)) {
      const int64_t* wide = engine_->getProfileTensorValuesV2(name, index, selector);
      if (wide != nullptr) return Dims(wide, wide + count);
    }
    const int32_t* values = engine_->getProfileTensorValues(name, index, selector);
#else
    const int64_t* values = engine_->getProfileTensorValuesV2(name, index, selector);
#endif
    if (values == nullptr) return std::nullopt;
    return Dims(values, values + count);
  }

  // Destroyed in reverse: the engine before its runtime.
  const std::unique_ptr<trt::IRuntime> runtime_;
  const std::unique_ptr<trt::ICudaEngine> engine_;
  const LibraryVersion version_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  std::vector<Profile> profiles_;
};

}  // namespace

std::unique_ptr<LoadedEngine> DeserializeEngine(const EntryPoints& entry,
                                                const LibraryVersion& version, const void* plan,
                                                size_t size, OperationLog* log) {
  std::unique_ptr<trt::IRuntime> runtime = CreateRuntime(entry, log);
  // Again: by now TensorRT's CUDA runtime has started, which has handlers of its own.
  WaitForActivitiesAtExit(&entry);
  std::unique_ptr<trt::ICudaEngine> engine(runtime->deserializeCudaEngine(plan, size));
  // The library of plugins is large, so it is opened for the plans that ask for one.
  if (!engine && log->ErrorText().find("lugin") != std::string::npos && RegisterPlugins(entry)) {
    engine.reset(runtime->deserializeCudaEngine(plan, size));
  }
  if (!engine && log->ErrorText().find("OutOfMemory") != std::string::npos) {
    throw Error(ErrorCode::kOutOfMemory,
                "the GPU has not enough free memory for the engine's weights: " + log->ErrorText() +
                    ". Free GPU memory, or close engines that are not needed")
        .WithLog(log->Lines());
  }
  if (!engine) {
    throw Error(ErrorCode::kDeserialize,
                "TensorRT " + version.ToString() + " could not open the plan: " + log->ErrorText())
        .WithLog(log->Lines());
  }
  return std::make_unique<AbiEngine>(std::move(runtime), std::move(engine), version);
}

}  // namespace trtnode::TRT_NODE_ABI
