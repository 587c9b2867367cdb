// TEST ONLY. IRuntime, ICudaEngine, IEngineInspector and IExecutionContext of an identity engine. They derive from what
// scripts/build-stubs.mjs makes of the headers' own interfaces: every method is there, and dies unless it is written here.
#pragma once

#include <NvInferRuntime.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "driver/api.h"
#include "exit/inside.h"
#include "tensorrt/library.h"
#include "tensorrt/plan.h"
#include "tensorrt/registry.h"
#include "tensorrt/wrapped.h"
#include "unimplemented.h"

namespace stub {

// What an engine and its contexts share.
class EngineState {
 public:
  EngineState(EnginePlan described, trt::ILogger* used_logger, DriverApi* used_driver,
              trt::IGpuAllocator* used_allocator, int used_device)
      : plan(std::move(described)),
        logger(used_logger),
        driver(used_driver),
        allocator(used_allocator),
        device(used_device),
        weights_(plan.weights) {}

  const EnginePlan plan;
  trt::ILogger* const logger;
  DriverApi* const driver;
  trt::IGpuAllocator* const allocator;  // null: the driver
  const int device;
  std::atomic<int> contexts = 0;
  // Of all contexts together: what was enqueued, and what the GPU has come to. Replays of a graph are not enqueued.
  std::atomic<int> enqueued = 0;
  std::atomic<int> runs = 0;

  // Null where there is no more, and the log says what it was for.
  void* Allocate(size_t size, const std::string& purpose) const;
  void Free(void* memory) const;

  void Error(const std::string& text) const {
    logger->log(trt::ILogger::Severity::kERROR, text.c_str());
  }
  // Counts the call of a step, writes its log lines, and says whether it goes on: false where the plan wants it to fail.
  bool Enter(const std::string& step);
  // Dies unless the engine's device is current, as TensorRT uses whichever is.
  void RequireDevice(const char* step) const;
  // Where the bytes of a tensor really are. Dies unless so many lie at its address, on the side that they belong to.
  unsigned char* Bytes(const TensorPlan& tensor, void* address, size_t size) const;

  // The engine's weights as they are now: those of the plan, or what a refit set.
  std::vector<WeightPlan> Weights() const;
  void SetWeights(std::vector<WeightPlan> weights);
  // How often they were set.
  int generation() const { return generation_; }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> calls_;
  std::vector<WeightPlan> weights_;
  std::atomic<int> generation_ = 0;
};

class RuntimeStub final : public trt::apiv::UnimplementedVRuntime {
 public:
  explicit RuntimeStub(trt::ILogger* logger, DriverApi* driver)
      : logger_(logger), driver_(driver) {}
  ~RuntimeStub() override;

  trt::ICudaEngine* deserializeCudaEngine(const void* blob, std::size_t size) noexcept override;
  trt::ILogger* getLogger() const noexcept override { return logger_; }
  trt::IPluginRegistry& getPluginRegistry() noexcept override { return PluginRegistryStub::Get(); }
  void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code_allowed_ = allowed; }
  bool getEngineHostCodeAllowed() const noexcept override { return host_code_allowed_; }
  void setGpuAllocator(trt::IGpuAllocator* allocator) noexcept override { allocator_ = allocator; }

 private:
  bool host_code_allowed_ = false;
  trt::IGpuAllocator* allocator_ = nullptr;
  trt::ILogger* const logger_;
  DriverApi* const driver_;
  std::atomic<int> engines_ = 0;
};

class EngineStub final : public trt::apiv::UnimplementedVCudaEngine {
 public:
  EngineStub(std::shared_ptr<EngineState> state, void* weights, std::atomic<int>* engines);
  ~EngineStub() override;

  int32_t getNbIOTensors() const noexcept override;
  const char* getIOTensorName(int32_t index) const noexcept override;
  trt::DataType getTensorDataType(const char* name) const noexcept override;
  trt::Dims getTensorShape(const char* name) const noexcept override;
  trt::TensorLocation getTensorLocation(const char* name) const noexcept override;
  trt::TensorIOMode getTensorIOMode(const char* name) const noexcept override;
  bool isShapeInferenceIO(const char* name) const noexcept override;
  trt::TensorFormat getTensorFormat(const char* name) const noexcept override;
  trt::TensorFormat getTensorFormatV2(const char* name, int32_t profile) const noexcept override;
  int32_t getNbOptimizationProfiles() const noexcept override;
  trt::Dims getProfileShape(const char* name, int32_t profile,
                            trt::OptProfileSelector which) const noexcept override;
#if defined(TRT_NODE_STUB_V10)
  const int32_t* getProfileTensorValues(const char* name, int32_t profile,
                                        trt::OptProfileSelector which) const noexcept override;
  size_t getDeviceMemorySize() const noexcept override;
  size_t getDeviceMemorySizeForProfile(int32_t profile) const noexcept override;
#endif
  // No `override`: headers of before 10.11 and 10.15 do not declare them.
  const int64_t* getProfileTensorValuesV2(const char* name, int32_t profile,
                                          trt::OptProfileSelector which) const noexcept;
  const char* getAliasedInputTensor(const char* name) const noexcept;
  int64_t getDeviceMemorySizeV2() const noexcept override;
  int64_t getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept override;
#if defined(TRT_NODE_STUB_RTX)
  trt::IRuntimeConfig* createRuntimeConfig() noexcept override;
  trt::IExecutionContext* createExecutionContextWithRuntimeConfig(
      trt::IRuntimeConfig* config) noexcept override;
#endif
  trt::IExecutionContext* createExecutionContext(
      trt::ExecutionContextAllocationStrategy strategy) noexcept override;
  trt::IEngineInspector* createEngineInspector() const noexcept override;

  // Not of kREFIT_IDENTICAL, as TensorRT 10.6 has it.
  bool isRefittable() const noexcept override {
    const std::string& mode = state_->plan.refit;
    return !mode.empty() && mode != "identical";
  }
  trt::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return trt::HardwareCompatibilityLevel::kNONE;
  }
  int32_t getNbAuxStreams() const noexcept override { return 0; }
  bool isDebugTensor(const char* name) const noexcept override {
    return state_->plan.FindDebug(name) != nullptr;
  }
  trt::ISerializationConfig* createSerializationConfig() noexcept override;
  trt::IHostMemory* serializeWithConfig(trt::ISerializationConfig& config) const noexcept override;
  int64_t getStreamableWeightsSize() const noexcept override;
  bool setWeightStreamingBudgetV2(int64_t budget) noexcept override;
  int64_t getWeightStreamingBudgetV2() const noexcept override;
  int64_t getWeightStreamingAutomaticBudget() const noexcept override;

  const std::shared_ptr<EngineState>& state() const { return state_; }

 private:
  const TensorPlan& Tensor(const char* name) const;
  const RangePlan* Range(const char* name, int32_t profile) const;
  int64_t ActivationBytes(int32_t profile) const;

  const std::shared_ptr<EngineState> state_;
  // Device memory of the weights that are not streamed.
  void* weights_;
  std::optional<int64_t> budget_;
  std::atomic<int>* const engines_;
  // getProfileTensorValues gives 32 bits.
  mutable std::mutex narrowed_mutex_;
  mutable std::map<const int64_t*, std::vector<int32_t>> narrowed_;
};

using EngineApi = Wrapped<trt::ICudaEngine, EngineStub>;

class InspectorStub final : public trt::apiv::UnimplementedVEngineInspector {
 public:
  explicit InspectorStub(std::shared_ptr<EngineState> state) : state_(std::move(state)) {}
  bool setExecutionContext(const trt::IExecutionContext* /*context*/) noexcept override {
    return true;
  }
  const char* getEngineInformation(trt::LayerInformationFormat format) const noexcept override;

 private:
  const std::shared_ptr<EngineState> state_;
};

class ContextStub final : public trt::apiv::UnimplementedVExecutionContext {
 public:
  // `owned` activations are freed with the context; others are those that it is given.
  ContextStub(std::shared_ptr<EngineState> state, void* activations, bool owned);
  ~ContextStub() override;

  bool setOptimizationProfileAsync(int32_t index, cudaStream_t stream) noexcept override;
  int32_t getOptimizationProfile() const noexcept override;
  bool setInputShape(const char* name, const trt::Dims& dims) noexcept override;
  trt::Dims getTensorShape(const char* name) const noexcept override;
  bool allInputDimensionsSpecified() const noexcept override;
  int32_t inferShapes(int32_t count, const char** names) noexcept override;
  bool setTensorAddress(const char* name, void* address) noexcept override;
  const void* getTensorAddress(const char* name) const noexcept override;
  bool setInputTensorAddress(const char* name, const void* address) noexcept override;
  bool setOutputTensorAddress(const char* name, void* address) noexcept override;
  bool setOutputAllocator(const char* name, trt::IOutputAllocator* allocator) noexcept override;
  trt::IOutputAllocator* getOutputAllocator(const char* name) noexcept override;
  int64_t getMaxOutputSize(const char* name) const noexcept override;
#if defined(TRT_NODE_STUB_V10)
  void setDeviceMemory(void* memory) noexcept override;
#endif
  void setDeviceMemoryV2(void* memory, int64_t size) noexcept override;
  bool setNvtxVerbosity(trt::ProfilingVerbosity verbosity) noexcept override;
  void setProfiler(trt::IProfiler* profiler) noexcept override;
  void setEnqueueEmitsProfile(bool emits) noexcept override;
  bool reportToProfiler() const noexcept override;
  bool setDebugListener(trt::IDebugListener* listener) noexcept override;
  bool setTensorDebugState(const char* name, bool on) noexcept override;
  bool enqueueV3(cudaStream_t stream) noexcept override;

 private:
  // Dies when two threads are in one context.
  class Use {
   public:
    explicit Use(const ContextStub* context, const char* function = __builtin_FUNCTION())
        : inside_(function), context_(context) {
      if (context->in_use_.exchange(true)) Die("two threads used one execution context at a time");
    }
    ~Use() { context_->in_use_ = false; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    const Inside inside_;
    const ContextStub* const context_;
  };
  struct Binding {
    std::optional<trt::Dims> dims;  // an input's
    void* address = nullptr;
    trt::IOutputAllocator* allocator = nullptr;
  };
  struct ReadyOutput {
    const TensorPlan* tensor;
    trt::Dims dims;
    void* address;
  };

  void ResetShapes();
  const RangePlan* Range(const std::string& input) const;
  Binding& At(const std::string& name) { return bindings_.at(name); }
  const Binding& At(const std::string& name) const { return bindings_.at(name); }
  // An element of a shape tensor; none while its address is not known.
  std::optional<int64_t> ValueOf(const std::string& input, size_t index) const;
  // Why the values of a shape tensor do not fit the profile; empty when they do.
  std::string WrongValues() const;
  bool InputsReady(cudaStream_t stream);
  // With what the data decides when `data_known`; -1 there otherwise.
  trt::Dims DimsOf(const TensorPlan& output, bool data_known) const;
  bool DependsOnData(const TensorPlan& output) const;
  int64_t CountNonZeros(const std::string& input) const;
  bool PrepareOutput(const TensorPlan& output, cudaStream_t stream,
                     std::vector<ReadyOutput>* ready);
  bool Launch(cudaStream_t stream, std::vector<ReadyOutput> outputs);
  // Gives their values to the listener, in memory that holds them no longer than that.
  bool HandOutDebugTensors(cudaStream_t stream);
  bool HandOut(const TensorPlan& tensor, cudaStream_t stream);
  // Of the inference that is enqueued now.
  std::chrono::microseconds Duration();
  static void Write(const EngineState& state, const ReadyOutput& output,
                    const std::map<std::string, Binding>& bindings);
  bool HasMemory() const;

  const std::shared_ptr<EngineState> state_;
  void* activations_;
  const bool owns_activations_;
  trt::IProfiler* profiler_ = nullptr;
  bool emits_profile_ = true;
  trt::IDebugListener* debug_listener_ = nullptr;
  std::set<std::string> debugged_;
  int32_t profile_ = 0;
  // Told new dims since the last enqueue.
  bool unflushed_ = true;
  // Graphs that were captured of it may outlive it, but not run any more.
  const std::shared_ptr<std::atomic<bool>> alive_ = std::make_shared<std::atomic<bool>>(true);
  // How often it was told another profile, other dims, or where values of shape tensors are: what TensorRT keeps of these, graphs
  // rest on.
  const std::shared_ptr<std::atomic<int>> told_ = std::make_shared<std::atomic<int>>(0);
  std::map<std::string, Binding> bindings_;
  // Two threads in one context at a time are undefined behaviour.
  mutable std::atomic<bool> in_use_ = false;
};

}  // namespace stub
