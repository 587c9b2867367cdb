#include "tensorrt/engine.h"

#include <dlfcn.h>

#include <cstring>
#include <thread>

#include "exit/phase.h"

namespace stub {
namespace {

void StartChatter(trt::ILogger* logger, int microseconds) {
  static std::once_flag once;
  std::call_once(once, [=] {
    std::thread([=] {
      for (;;) {
        logger->log(trt::ILogger::Severity::kWARNING, "stub: a thread of the library's own");
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
      }
    }).detach();
  });
}

}  // namespace

DriverApi* FindDriver() {
  // NVIDIA's libraries open the driver by its name too.
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  const auto entry = reinterpret_cast<DriverApi* (*)()>(dlsym(library, "trtNodeStubDriver"));
  if (entry == nullptr) Die("the stub TensorRT met a libcuda that is not the stub's");
  return entry();
}

bool EngineState::Enter(const std::string& step) {
  int call = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    call = ++calls_[step];
  }
  for (const LogPlan& line : plan.log) {
    if (line.step == step) logger->log(line.severity, line.text.c_str());
  }
  for (const PausePlan& pause : plan.pauses) {
    if (pause.step == step) {
      std::this_thread::sleep_for(std::chrono::microseconds(pause.microseconds));
    }
  }
  for (const Moment& moment : plan.failures) {
    if (moment.step != step) continue;
    if (call != moment.call && !(moment.and_later && call > moment.call)) continue;
    Error("stub: told to fail at " + step);
    return false;
  }
  return true;
}

void EngineState::RequireDevice(const char* step) const {
  if (driver->CurrentDevice() == device) return;
  Die(std::string(step) + " of an engine on device " + std::to_string(device) + " while device " +
      std::to_string(driver->CurrentDevice()) + " is current");
}

void* EngineState::Allocate(size_t size, const std::string& purpose) const {
  void* const memory = allocator == nullptr
                           ? driver->Allocate(device, size)
                           : allocator->allocateAsync(size, 256, trt::AllocatorFlags{0}, nullptr);
  if (memory == nullptr) {
    Error("[defaultAllocator] CUDA error 2 for " + std::to_string(size) + "-byte allocation (" +
          purpose + ")");
  }
  return memory;
}

void EngineState::Free(void* memory) const {
  if (allocator == nullptr) {
    driver->Free(memory);
  } else {
    allocator->deallocateAsync(memory, nullptr);
  }
}

RuntimeStub::~RuntimeStub() {
  const Inside inside("the destructor of a runtime");
  if (engines_ > 0) Die("a runtime was destroyed before its engine");
}

trt::ICudaEngine* RuntimeStub::deserializeCudaEngine(const void* blob, std::size_t size) noexcept {
  const Inside inside;
  Inside::OpenAnotherLibrary();
  ReachPhase();
  const int device = driver_->CurrentDevice();
  if (device < 0) Die("deserializeCudaEngine without a current CUDA context");
  ParsedPlan parsed = ParsePlan(blob, size);
  if (!parsed.refusal.empty()) {
    logger_->log(trt::ILogger::Severity::kERROR, parsed.refusal.c_str());
    return nullptr;
  }
  if (!parsed.engine.plugin.empty() && !PluginRegistryStub::Get().HasPlugins()) {
    logger_->log(
        trt::ILogger::Severity::kERROR,
        ("IPluginRegistry::getCreator: Error Code 4: API Usage Error (Cannot find plugin: " +
         parsed.engine.plugin + ", version: 1, namespace: .)")
            .c_str());
    return nullptr;
  }
  if (parsed.engine.has_host_code && !host_code_allowed_) {
    logger_->log(
        trt::ILogger::Severity::kERROR,
        "IRuntime::deserializeCudaEngine: Error Code 3: API Usage Error (the plan has host "
        "code, and getEngineHostCodeAllowed() is false)");
    return nullptr;
  }
  auto state =
      std::make_shared<EngineState>(std::move(parsed.engine), logger_, driver_, allocator_, device);
  if (!state->Enter("deserializeCudaEngine")) return nullptr;
  if (driver_->LostCode(device) != CUDA_SUCCESS) {
    state->Error("[runtime] CUDA lazy initialization failed: the context is lost");
    return nullptr;
  }
  void* weights = nullptr;
  if (state->plan.weight_bytes > 0) {
    weights = state->Allocate(state->plan.weight_bytes, "weights");
    if (weights == nullptr) return nullptr;
  }
  if (state->plan.chatter_microseconds > 0) {
    StartChatter(logger_, state->plan.chatter_microseconds);
  }
  return new EngineApi(std::move(state), weights, &engines_);
}

EngineStub::EngineStub(std::shared_ptr<EngineState> state, void* weights, std::atomic<int>* engines)
    : state_(std::move(state)), weights_(weights), engines_(engines) {
  ++*engines_;
}

EngineStub::~EngineStub() {
  const Inside inside("the destructor of an engine");
  if (state_->contexts > 0) Die("an engine was destroyed before its context");
  state_->RequireDevice("the destructor");
  if (weights_ != nullptr) state_->Free(weights_);
  --*engines_;
}

const TensorPlan& EngineStub::Tensor(const char* name) const {
  const TensorPlan* const found = state_->plan.Find(name);
  if (found == nullptr) Die(std::string("the engine was asked for a tensor it has not: ") + name);
  return *found;
}

const RangePlan* EngineStub::Range(const char* name, int32_t profile) const {
  for (const RangePlan& range : state_->plan.profiles.at(static_cast<size_t>(profile))) {
    if (range.input == name) return &range;
  }
  return nullptr;
}

int32_t EngineStub::getNbIOTensors() const noexcept {
  const Inside inside;
  return static_cast<int32_t>(state_->plan.tensors.size());
}

const char* EngineStub::getIOTensorName(int32_t index) const noexcept {
  const Inside inside;
  return state_->plan.tensors.at(static_cast<size_t>(index)).name.c_str();
}

trt::DataType EngineStub::getTensorDataType(const char* name) const noexcept {
  const Inside inside;
  return Tensor(name).type;
}

trt::Dims EngineStub::getTensorShape(const char* name) const noexcept {
  const Inside inside;
  return Tensor(name).dims;
}

trt::TensorLocation EngineStub::getTensorLocation(const char* name) const noexcept {
  const Inside inside;
  return Tensor(name).on_host ? trt::TensorLocation::kHOST : trt::TensorLocation::kDEVICE;
}

trt::TensorIOMode EngineStub::getTensorIOMode(const char* name) const noexcept {
  const Inside inside;
  return Tensor(name).is_input ? trt::TensorIOMode::kINPUT : trt::TensorIOMode::kOUTPUT;
}

bool EngineStub::isShapeInferenceIO(const char* name) const noexcept {
  const Inside inside;
  return Tensor(name).is_shape;
}

trt::TensorFormat EngineStub::getTensorFormat(const char* name) const noexcept {
  const Inside inside;
  return Tensor(name).is_vectorized ? trt::TensorFormat::kCHW32 : trt::TensorFormat::kLINEAR;
}

trt::TensorFormat EngineStub::getTensorFormatV2(const char* name, int32_t) const noexcept {
  return getTensorFormat(name);
}

int32_t EngineStub::getNbOptimizationProfiles() const noexcept {
  const Inside inside;
  return static_cast<int32_t>(state_->plan.profiles.size());
}

trt::Dims EngineStub::getProfileShape(const char* name, int32_t profile,
                                      trt::OptProfileSelector which) const noexcept {
  const Inside inside;
  const RangePlan* const range = Range(name, profile);
  if (range == nullptr) {
    if (!Tensor(name).is_input) return trt::Dims{-1, {}};
    return Tensor(name).dims;  // all of them are static
  }
  switch (which) {
    case trt::OptProfileSelector::kMIN:
      return range->min;
    case trt::OptProfileSelector::kOPT:
      return range->opt;
    case trt::OptProfileSelector::kMAX:
      return range->max;
  }
  return trt::Dims{-1, {}};
}

const int64_t* EngineStub::getProfileTensorValuesV2(const char* name, int32_t profile,
                                                    trt::OptProfileSelector which) const noexcept {
  const Inside inside;
#if defined(TRT_NODE_STUB_V10)
  Since(10, 11, "getProfileTensorValuesV2");
#endif
  const RangePlan* const range = Range(name, profile);
  if (range == nullptr || range->values.empty()) return nullptr;
  return range->values.at(static_cast<size_t>(which)).data();
}

#if defined(TRT_NODE_STUB_V10)
const int32_t* EngineStub::getProfileTensorValues(const char* name, int32_t profile,
                                                  trt::OptProfileSelector which) const noexcept {
  const Inside inside;
  const RangePlan* const range = Range(name, profile);
  if (range == nullptr || range->values.empty()) return nullptr;
  const std::vector<int64_t>& wide = range->values.at(static_cast<size_t>(which));
  const std::lock_guard<std::mutex> lock(narrowed_mutex_);
  std::vector<int32_t>& narrow = narrowed_[wide.data()];
  narrow.assign(wide.begin(), wide.end());
  return narrow.data();
}

size_t EngineStub::getDeviceMemorySize() const noexcept {
  const Inside inside;
  return state_->plan.activation_bytes;
}

size_t EngineStub::getDeviceMemorySizeForProfile(int32_t profile) const noexcept {
  const Inside inside;
  return static_cast<size_t>(ActivationBytes(profile));
}
#endif

// All but the last profile need half of what that does, so that a mix-up shows.
int64_t EngineStub::ActivationBytes(int32_t profile) const {
  const auto count = static_cast<int32_t>(state_->plan.profiles.size());
  if (profile < 0 || profile >= count) Die("the memory of a profile that is not there");
  const auto bytes = static_cast<int64_t>(state_->plan.activation_bytes);
  return profile + 1 == count ? bytes : bytes / 2;
}

int64_t EngineStub::getDeviceMemorySizeV2() const noexcept {
  const Inside inside;
#if defined(TRT_NODE_STUB_V10)
  Since(10, 1, "getDeviceMemorySizeV2");
#endif
  return static_cast<int64_t>(state_->plan.activation_bytes);
}

int64_t EngineStub::getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept {
  const Inside inside;
#if defined(TRT_NODE_STUB_V10)
  Since(10, 1, "getDeviceMemorySizeForProfileV2");
#endif
  return ActivationBytes(profile);
}

const char* EngineStub::getAliasedInputTensor(const char* name) const noexcept {
  const Inside inside;
#if defined(TRT_NODE_STUB_V10)
  Since(10, 15, "getAliasedInputTensor");
#endif
  const std::string& alias = Tensor(name).alias;
  return alias.empty() ? nullptr : alias.c_str();
}

trt::IExecutionContext* EngineStub::createExecutionContext(
    trt::ExecutionContextAllocationStrategy strategy) noexcept {
  const Inside inside;
  Inside::OpenAnotherLibrary();
  ReachPhase();
  state_->RequireDevice("createExecutionContext");
  if (!state_->Enter("createExecutionContext")) return nullptr;
  if (state_->driver->LostCode(state_->device) != CUDA_SUCCESS) {
    state_->Error("[executionContext] the CUDA context is lost");
    return nullptr;
  }
  const bool owned = strategy != trt::ExecutionContextAllocationStrategy::kUSER_MANAGED;
  void* activations = nullptr;
  if (const size_t size = state_->plan.activation_bytes; size > 0 && owned) {
    activations = state_->Allocate(size, "execution context");
    if (activations == nullptr) return nullptr;
  }
  return new Wrapped<trt::IExecutionContext, ContextStub>(state_, activations, owned);
}

trt::IEngineInspector* EngineStub::createEngineInspector() const noexcept {
  const Inside inside;
  if (!state_->Enter("createEngineInspector")) return nullptr;
  return new Wrapped<trt::IEngineInspector, InspectorStub>(state_);
}

const char* InspectorStub::getEngineInformation(trt::LayerInformationFormat format) const noexcept {
  const Inside inside;
  if (format != trt::LayerInformationFormat::kJSON) NotImplemented("getEngineInformation as text");
  return state_->plan.inspection.c_str();
}

void* CreateRuntime(void* logger) {
  DriverApi* const driver = FindDriver();
  auto* const typed = static_cast<trt::ILogger*>(logger);
  if (driver == nullptr) {
    // What the real one gives: no null, and no runtime either.
    typed->log(trt::ILogger::Severity::kERROR, "CUDA initialization failure with error: 35");
    return reinterpret_cast<void*>(0x200);
  }
  return static_cast<trt::IRuntime*>(new Wrapped<trt::IRuntime, RuntimeStub>(typed, driver));
}

}  // namespace stub
