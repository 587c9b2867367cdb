// A deserialized plan and its execution contexts.
#include <algorithm>
#include <filesystem>

#include "core/activity.h"
#include "trt/abi/adapters.h"
#include "trt/abi/context_maker.h"
#include "trt/abi/execution.h"
#include "trt/abi/gpu_allocator.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

class AbiEngine final : public LoadedEngine {
 public:
  AbiEngine(const EntryPoints& entry, const LibraryVersion& version, bool awaits_weights,
            std::unique_ptr<GpuAllocator> allocator, std::unique_ptr<trt::IRuntime> runtime,
            std::unique_ptr<trt::ICudaEngine> engine, const std::string& runtime_cache)
      : entry_(entry),
        version_(version),
        awaits_weights_(awaits_weights),
        allocator_(std::move(allocator)),
        runtime_(std::move(runtime)),
        engine_(std::move(engine)),
        contexts_(engine_.get(), runtime_cache),
        weights_memory_bytes_(allocator_->allocated_bytes()) {
    for (int i = 0; i < engine_->getNbIOTensors(); ++i) DescribeTensor(engine_->getIOTensorName(i));
    for (int i = 0; i < engine_->getNbOptimizationProfiles(); ++i) DescribeProfile(i);
  }

  // What was compiled since the load is kept, however the engine's end comes.
  ~AbiEngine() override { contexts_.SaveCache(); }
  AbiEngine(const AbiEngine&) = delete;
  AbiEngine& operator=(const AbiEngine&) = delete;

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

  uint64_t AllocatedBytes() const override { return allocator_->allocated_bytes(); }
  uint64_t WeightsMemoryBytes() const override { return weights_memory_bytes_; }

  uint64_t ContextMemoryBytes(int profile) const override {
#if defined(TRT_NODE_ABI_V10)
    // Its second version came with 10.1.
    if (!version_.AtLeast(10, 1)) return engine_->getDeviceMemorySizeForProfile(profile);
#endif
    return static_cast<uint64_t>(
        std::max(int64_t{0}, engine_->getDeviceMemorySizeForProfileV2(profile)));
  }

  std::unique_ptr<Execution> CreateExecution(const ExecutionOptions& options) override {
    allocator_->ForgetRefusal();
    std::unique_ptr<Execution> execution = MakeExecution(version_, &contexts_, options);
    if (!execution) {
      const std::string needs =
          "An execution context needs " +
          std::to_string(options.own_memory ? DeviceMemoryBytes() : 0) +
          " bytes. Free GPU memory, use smaller profiles or fewer lanes, share the contexts' "
          "memory (contextMemory: 'shared'), or stream weights (weightStreaming at build, "
          "weightStreamingBudget at load)";
      allocator_->ThrowRefusal(needs);
      throw Error(ErrorCode::kOutOfMemory,
                  "TensorRT could not make an execution context, most often for want of device "
                  "memory. " +
                      needs);
    }
    return execution;
  }

  void SaveRuntimeCache() noexcept override { contexts_.SaveCache(); }

  std::string Inspect() override {
    OperationLog log;
    const LogScope scope(&log);
    // Without dims for its dynamic inputs the inspector tells neither dims nor types of tensors.
    std::string text = InspectWith(CreateTypicalContext().get());
    // Of some engines with several profiles 10.6 gives nothing at all with a context.
    if (text.empty()) text = InspectWith(nullptr);
    if (!text.empty()) return text;
    const std::string words = log.ErrorText();
    throw Error(ErrorCode::kUnsupported, "TensorRT gives no layer information for this engine" +
                                             (words.empty() ? std::string() : ": " + words))
        .WithLog(log.Lines());
  }

  uint64_t StreamableWeightsBytes() const override {
    return static_cast<uint64_t>(std::max(int64_t{0}, engine_->getStreamableWeightsSize()));
  }

  uint64_t WeightStreamingBudgetBytes() const override {
    const uint64_t streamable = StreamableWeightsBytes();
    // Asked of an engine without streamable weights, TensorRT logs an error.
    if (streamable == 0) return 0;
#if defined(TRT_NODE_ABI_V10)
    if (!HasStreamingV2()) {
      const int64_t budget = engine_->getWeightStreamingBudget();
      return budget <= 0 ? streamable : static_cast<uint64_t>(budget);
    }
#endif
    return static_cast<uint64_t>(std::max(int64_t{0}, engine_->getWeightStreamingBudgetV2()));
  }

  // Only before the first execution context.
  void SetWeightStreamingBudget(const WeightStreamingBudget& budget, OperationLog* log) {
    const uint64_t streamable = StreamableWeightsBytes();
    if (streamable == 0) {
      if (budget.automatic) return;
      throw Error(ErrorCode::kUnsupported,
                  "expected a plan with streamable weights for `weightStreamingBudget`, but this "
                  "one has none. Build it with weightStreaming: true, or leave the option out")
          .With("option", std::string("weightStreamingBudget"));
    }
    if (SetBudget(budget, streamable)) {
      weights_memory_bytes_ = allocator_->allocated_bytes();
      return;
    }
    const std::string words = log->ErrorText();
    const bool no_memory = words.find("OutOfMemory") != std::string::npos ||
                           words.find("out of memory") != std::string::npos;
    throw Error(no_memory ? ErrorCode::kOutOfMemory : ErrorCode::kUnsupported,
                "TensorRT " + version_.ToString() + " could not set the weight streaming budget: " +
                    words + ". Of this plan's weights, " + std::to_string(streamable) +
                    " bytes can be streamed; try a smaller weightStreamingBudget, or 'auto'")
        .With("option", std::string("weightStreamingBudget"))
        .WithLog(log->Lines());
  }

  HardwareCompatibility HardwareCompatibilityLevel() const override {
    switch (engine_->getHardwareCompatibilityLevel()) {
      case trt::HardwareCompatibilityLevel::kNONE:
        return HardwareCompatibility::kNone;
      case trt::HardwareCompatibilityLevel::kAMPERE_PLUS:
        return HardwareCompatibility::kAmperePlus;
      case trt::HardwareCompatibilityLevel::kSAME_COMPUTE_CAPABILITY:
        return HardwareCompatibility::kSameComputeCapability;
    }
    return HardwareCompatibility::kNone;
  }

  int AuxStreams() const override { return engine_->getNbAuxStreams(); }

  bool IsDebugTensor(const std::string& name) const override {
    // Of a name with a zero in it TensorRT would see the beginning alone.
    return name.find('\0') == std::string::npos && engine_->isDebugTensor(name.c_str());
  }

  bool IsRefittable() const override { return engine_->isRefittable(); }

  std::unique_ptr<Refitter> CreateRefitter(OperationLog* log) override {
    return MakeRefitter(entry_, engine_.get(), log);
  }

  FileDigest Serialize(const std::string& plan_path, OperationLog* log) override {
    const std::unique_ptr<trt::ISerializationConfig> config(engine_->createSerializationConfig());
    if (config) {
      // Set by default for an engine whose plan was stripped.
      config->clearFlag(trt::SerializationFlag::kEXCLUDE_WEIGHTS);
#if !defined(TRT_NODE_ABI_RTX)
      // It came with 10.14; before, what was stripped cannot be refitted once more after it was serialized with its weights.
      if (MayLackWeights() && version_.AtLeast(10, 14)) {
        config->setFlag(trt::SerializationFlag::kINCLUDE_REFIT);
      }
#endif
    }
    const std::unique_ptr<trt::IHostMemory> plan(config ? engine_->serializeWithConfig(*config)
                                                        : nullptr);
    if (!plan || plan->size() == 0) {
      throw Error(ErrorCode::kUnsupported,
                  "TensorRT " + version_.ToString() +
                      " could not serialize the engine: " + log->ErrorText())
          .WithLog(log->Lines());
    }
    return WriteNewPlan(plan_path, plan->data(), plan->size());
  }

 private:
#if defined(TRT_NODE_ABI_V10)
  // The second version of the calls came with 10.1; the two must not be mixed.
  bool HasStreamingV2() const { return version_.AtLeast(10, 1); }
#endif

  bool SetBudget(const WeightStreamingBudget& budget, uint64_t streamable) {
    const auto bytes = static_cast<int64_t>(std::min(budget.bytes, streamable));
#if defined(TRT_NODE_ABI_V10)
    if (!HasStreamingV2()) {
      // 0 switches streaming off here, -1 leaves the choice to TensorRT, and there is a minimum.
      if (!budget.automatic && budget.bytes >= streamable) {
        return engine_->setWeightStreamingBudget(0);
      }
      return engine_->setWeightStreamingBudget(
          budget.automatic ? -1 : std::max(bytes, engine_->getMinimumWeightStreamingBudget()));
    }
#endif
    return engine_->setWeightStreamingBudgetV2(
        budget.automatic ? engine_->getWeightStreamingAutomaticBudget() : bytes);
  }

  // In the first profile, with its opt dims and without device memory. null where no input is
  // dynamic, where values of shape tensors would be needed too, and where weights may be missing.
  // Empty where it tells nothing. `context` may be null.
  std::string InspectWith(const trt::IExecutionContext* context) {
    const std::unique_ptr<trt::IEngineInspector> inspector(engine_->createEngineInspector());
    if (!inspector) {
      throw Error(ErrorCode::kUnsupported, "TensorRT gives no layer information for this engine");
    }
    if (context != nullptr) inspector->setExecutionContext(context);
    const char* const text = inspector->getEngineInformation(trt::LayerInformationFormat::kJSON);
    return text == nullptr ? "" : text;
  }

  std::unique_ptr<trt::IExecutionContext> CreateTypicalContext() {
    const auto is_dynamic = [](const TensorInfo& input) { return IsDynamic(input.dims); };
    const auto is_shape = [](const TensorInfo& input) { return input.is_shape_tensor; };
    if (profiles_.empty() || MayLackWeights() || std::ranges::none_of(inputs_, is_dynamic) ||
        std::ranges::any_of(inputs_, is_shape)) {
      return nullptr;
    }
    std::unique_ptr<trt::IExecutionContext> context =
        contexts_.Make(trt::ExecutionContextAllocationStrategy::kUSER_MANAGED);
    if (!context) return nullptr;
    for (const TensorInfo& input : inputs_) {
      const Dims& opt = profiles_.front().at(input.name).dims.opt;
      if (!context->setInputShape(input.name.c_str(), ToTrt(opt))) return nullptr;
    }
    return context;
  }

  void DescribeTensor(const char* name) {
    TensorInfo info;
    info.name = name;
    info.type = FromTrt(engine_->getTensorDataType(name));
    info.dims = FromTrt(engine_->getTensorShape(name));
    info.is_shape_tensor = engine_->isShapeInferenceIO(name);
    info.on_host = engine_->getTensorLocation(name) == trt::TensorLocation::kHOST;
    const bool is_input = engine_->getTensorIOMode(name) == trt::TensorIOMode::kINPUT;
    RequireLinear(info.name);
    if (!is_input) info.aliased_input = AliasedInput(name);
    (is_input ? inputs_ : outputs_).push_back(std::move(info));
  }

  std::string AliasedInput(const char* output) const {
#if defined(TRT_NODE_ABI_V10)
    if (!version_.AtLeast(10, 15)) return "";
#elif defined(TRT_NODE_ABI_RTX)
    if (!version_.AtLeast(1, 7)) return "";
#endif
    const char* const input = engine_->getAliasedInputTensor(output);
    return input == nullptr ? "" : input;
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

  // TensorRT 10.6 says of a plan that was stripped with kREFIT_IDENTICAL that it cannot be refitted.
  bool MayLackWeights() const { return awaits_weights_ || engine_->isRefittable(); }

  const EntryPoints entry_;
  const LibraryVersion version_;
  const bool awaits_weights_;
  // Destroyed in reverse: the engine before its runtime, and that before the memory of both.
  const std::unique_ptr<GpuAllocator> allocator_;
  const std::unique_ptr<trt::IRuntime> runtime_;
  const std::unique_ptr<trt::ICudaEngine> engine_;
  ContextMaker contexts_;
  uint64_t weights_memory_bytes_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  std::vector<Profile> profiles_;
};

bool StandardPluginsAreThere(const EntryPoints& entry) {
  std::error_code ignored;
  return !entry.plugins_path.empty() && std::filesystem::exists(entry.plugins_path, ignored);
}

// TensorRT's words tell what a plan wants that it was not given.
Error DeserializeFailure(const EntryPoints& entry, const LibraryVersion& version,
                         const LoadSpec& spec, const OperationLog& log) {
  const std::string words = log.ErrorText();
  const auto says = [&](const char* text) { return words.find(text) != std::string::npos; };
  if (says("OutOfMemory")) {
    return Error(ErrorCode::kOutOfMemory,
                 "the GPU has not enough free memory for the engine's weights: " + words +
                     ". Free GPU memory, or close engines that are not needed");
  }
  const std::string refusal =
      "TensorRT " + version.ToString() + " could not open the plan: " + words;
  if (!spec.host_code && says("HostCodeAllowed")) {
    return Error(ErrorCode::kDeserialize,
                 refusal +
                     ". The plan has code for the host in it, as version-compatible plans do, "
                     "which runs with all rights of this process. If you trust whoever built "
                     "it, load it with `hostCode: true`")
        .With("reason", std::string("host-code"))
        .With("option", std::string("hostCode"));
  }
  if (says("lugin")) {
    const bool standard = !spec.plugins.standard && StandardPluginsAreThere(entry);
    return Error(ErrorCode::kDeserialize,
                 refusal + ". The plan needs a plugin that is not registered: " +
                     (standard ? "load it with `standardPlugins: true` if it is one of TensorRT's "
                                 "own, or give"
                               : "give") +
                     " the library that has it in `plugins`")
        .With("reason", std::string("plugin"))
        .With("option", std::string(standard ? "standardPlugins" : "plugins"));
  }
  return Error(ErrorCode::kDeserialize, refusal);
}

}  // namespace

std::unique_ptr<LoadedEngine> DeserializeEngine(const EntryPoints& entry,
                                                const LibraryVersion& version, const LoadSpec& spec,
                                                const void* plan, size_t size, OperationLog* log) {
  // The registry outlives every runtime, and what is registered stays.
  LoadPlugins(entry, spec.plugins, log);
  auto allocator = std::make_unique<GpuAllocator>();
  std::unique_ptr<trt::IRuntime> runtime = CreateRuntime(entry, log);
  runtime->setGpuAllocator(allocator.get());
  runtime->setEngineHostCodeAllowed(spec.host_code);
  // Again: by now TensorRT's CUDA runtime has started, which has handlers of its own.
  WaitForActivitiesAtExit(&entry);
  std::unique_ptr<trt::ICudaEngine> engine(runtime->deserializeCudaEngine(plan, size));
  if (!engine) {
    allocator->ThrowRefusal("Free GPU memory, or close engines that are not needed");
    throw DeserializeFailure(entry, version, spec, *log).WithLog(log->Lines());
  }
  auto loaded =
      std::make_unique<AbiEngine>(entry, version, spec.await_refit, std::move(allocator),
                                  std::move(runtime), std::move(engine), spec.runtime_cache);
  if (spec.weight_streaming_budget) {
    loaded->SetWeightStreamingBudget(*spec.weight_streaming_budget, log);
  }
  return loaded;
}

}  // namespace trtnode::TRT_NODE_ABI
