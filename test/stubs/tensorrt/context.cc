#include <cstring>

#include "tensorrt/engine.h"

namespace stub {
namespace {

bool IsStatic(const trt::Dims& dims) {
  for (int i = 0; i < dims.nbDims; ++i) {
    if (dims.d[i] < 0) return false;
  }
  return true;
}

int64_t ElementAt(trt::DataType type, const unsigned char* bytes, size_t index) {
  if (type == trt::DataType::kINT64) {
    int64_t value = 0;
    std::memcpy(&value, bytes + index * sizeof(value), sizeof(value));
    return value;
  }
  if (type != trt::DataType::kINT32) Die("a shape tensor is neither int32 nor int64");
  int32_t value = 0;
  std::memcpy(&value, bytes + index * sizeof(value), sizeof(value));
  return value;
}

}  // namespace

ContextStub::ContextStub(std::shared_ptr<EngineState> state, void* activations, bool owned)
    : state_(std::move(state)), activations_(activations), owns_activations_(owned) {
  ++state_->contexts;
  for (const TensorPlan& tensor : state_->plan.tensors) bindings_[tensor.name];
  ResetShapes();
}

ContextStub::~ContextStub() {
  const Use use(this);
  state_->RequireDevice("the destructor of a context");
  *alive_ = false;
  if (owns_activations_ && activations_ != nullptr) state_->Free(activations_);
  --state_->contexts;
}

void ContextStub::ResetShapes() {
  for (const TensorPlan& tensor : state_->plan.tensors) {
    if (!tensor.is_input) continue;
    At(tensor.name).dims = IsStatic(tensor.dims) ? std::optional(tensor.dims) : std::nullopt;
  }
}

const RangePlan* ContextStub::Range(const std::string& input) const {
  if (state_->plan.profiles.empty()) return nullptr;
  for (const RangePlan& range : state_->plan.profiles.at(static_cast<size_t>(profile_))) {
    if (range.input == input) return &range;
  }
  return nullptr;
}

bool ContextStub::setOptimizationProfileAsync(int32_t index, cudaStream_t stream) noexcept {
  const Use use(this);
  if (!state_->Enter("setOptimizationProfileAsync")) return false;
  if (state_->driver->DeviceOf(stream) != state_->device) {
    Die("setOptimizationProfileAsync with a stream of another device");
  }
  if (index < 0 || index >= static_cast<int32_t>(state_->plan.profiles.size())) {
    state_->Error("setOptimizationProfileAsync: there is no profile " + std::to_string(index));
    return false;
  }
  profile_ = index;
  ++*told_;
  unflushed_ = true;
  ResetShapes();
  return true;
}

#if defined(TRT_NODE_STUB_V10)
void ContextStub::setDeviceMemory(void* memory) noexcept {
  const Use use(this);
  if (owns_activations_) Die("setDeviceMemory of a context that has memory of its own");
  activations_ = memory;
}
#endif

void ContextStub::setDeviceMemoryV2(void* memory, int64_t size) noexcept {
  const Use use(this);
#if defined(TRT_NODE_STUB_V10)
  Since(10, 1, "setDeviceMemoryV2");
#endif
  if (owns_activations_) Die("setDeviceMemoryV2 of a context that has memory of its own");
  if (size < static_cast<int64_t>(state_->plan.activation_bytes)) {
    Die("setDeviceMemoryV2 with less memory than the context needs");
  }
  activations_ = memory;
}

bool ContextStub::setNvtxVerbosity(trt::ProfilingVerbosity) noexcept {
  const Use use(this);
  return true;
}

void ContextStub::setProfiler(trt::IProfiler* profiler) noexcept {
  const Use use(this);
  profiler_ = profiler;
}

void ContextStub::setEnqueueEmitsProfile(bool emits) noexcept {
  const Use use(this);
  emits_profile_ = emits;
}

bool ContextStub::setDebugListener(trt::IDebugListener* listener) noexcept {
  const Use use(this);
  if (!state_->Enter("setDebugListener")) return false;
  debug_listener_ = listener;
  return true;
}

bool ContextStub::setTensorDebugState(const char* name, bool on) noexcept {
  const Use use(this);
  if (!state_->Enter("setTensorDebugState")) return false;
  if (state_->plan.FindDebug(name) == nullptr) {
    state_->Error("setTensorDebugState: " + std::string(name) +
                  " was not marked as a debug tensor");
    return false;
  }
  if (on) {
    debugged_.insert(name);
  } else {
    debugged_.erase(name);
  }
  return true;
}

// One layer for each output, named and timed by its number.
bool ContextStub::reportToProfiler() const noexcept {
  const Use use(this);
  if (profiler_ == nullptr || emits_profile_) return false;
  float milliseconds = 0;
  for (const TensorPlan& tensor : state_->plan.tensors) {
    if (tensor.is_input) continue;
    milliseconds += 0.25F;
    profiler_->reportLayerTime(("layer of " + tensor.name).c_str(), milliseconds);
  }
  return true;
}

int32_t ContextStub::getOptimizationProfile() const noexcept {
  const Use use(this);
  return profile_;
}

bool ContextStub::setInputShape(const char* name, const trt::Dims& dims) noexcept {
  const Use use(this);
  if (!state_->Enter("setInputShape")) return false;
  const TensorPlan* const input = state_->plan.Find(name);
  const auto refuse = [&](const std::string& why) {
    state_->Error("IExecutionContext::setInputShape: " + std::string(name) + " " + DimsText(dims) +
                  ": " + why);
    return false;
  };
  if (input == nullptr || !input->is_input) return refuse("there is no such input");
  if (dims.nbDims != input->dims.nbDims) return refuse("wrong rank");
  const RangePlan* const range = Range(input->name);
  for (int i = 0; i < dims.nbDims; ++i) {
    if (input->dims.d[i] >= 0 && dims.d[i] != input->dims.d[i]) return refuse("static dimension");
    if (dims.d[i] < 0) return refuse("negative dimension");
    if (range != nullptr && (dims.d[i] < range->min.d[i] || dims.d[i] > range->max.d[i])) {
      return refuse("Supplied shape is not within the profile " + std::to_string(profile_));
    }
  }
  std::optional<trt::Dims>& known = At(input->name).dims;
  if (!known || DimsText(*known) != DimsText(dims)) ++*told_;
  known = dims;
  unflushed_ = true;
  return true;
}

std::optional<int64_t> ContextStub::ValueOf(const std::string& input, size_t index) const {
  const TensorPlan& tensor = *state_->plan.Find(input);
  if (!tensor.on_host) Die("the values of " + input + " are not on the host");
  const Binding& binding = At(input);
  if (binding.address == nullptr || !binding.dims) return std::nullopt;
  if (state_->driver->IsDeviceMemory(binding.address)) {
    Die("the address of host tensor " + input + " is device memory");
  }
  return ElementAt(tensor.type, static_cast<const unsigned char*>(binding.address), index);
}

std::string ContextStub::WrongValues() const {
  for (const TensorPlan& tensor : state_->plan.tensors) {
    const RangePlan* const range = tensor.is_input ? Range(tensor.name) : nullptr;
    if (range == nullptr || range->values.empty()) continue;
    for (size_t i = 0; i < range->values[0].size(); ++i) {
      const std::optional<int64_t> value = ValueOf(tensor.name, i);
      if (value && (*value < range->values[0][i] || *value > range->values[2][i])) {
        return "the values of shape tensor " + tensor.name + " are not within the profile";
      }
    }
  }
  return "";
}

trt::Dims ContextStub::DimsOf(const TensorPlan& output, bool data_known) const {
  trt::Dims dims{};
  dims.nbDims = static_cast<int32_t>(output.axes.size());
  for (size_t i = 0; i < output.axes.size(); ++i) {
    const AxisRule& axis = output.axes[i];
    dims.d[i] = -1;
    switch (axis.kind) {
      case AxisRule::Kind::kConstant:
        dims.d[i] = axis.constant;
        break;
      case AxisRule::Kind::kDimOf:
        if (At(axis.input).dims) dims.d[i] = At(axis.input).dims->d[axis.index];
        break;
      case AxisRule::Kind::kValueOf:
        dims.d[i] = ValueOf(axis.input, axis.index).value_or(-1);
        break;
      case AxisRule::Kind::kNonZeroOf:
        if (data_known) dims.d[i] = CountNonZeros(axis.input);
        break;
    }
  }
  return dims;
}

trt::Dims ContextStub::getTensorShape(const char* name) const noexcept {
  const Use use(this);
  const TensorPlan* const tensor = state_->plan.Find(name);
  const std::string wrong = WrongValues();
  if (!state_->Enter("getTensorShape") || tensor == nullptr || !wrong.empty()) {
    if (!wrong.empty()) state_->Error(wrong);
    return trt::Dims{-1, {}};
  }
  return tensor->is_input ? At(name).dims.value_or(tensor->dims) : DimsOf(*tensor, false);
}

bool ContextStub::allInputDimensionsSpecified() const noexcept {
  const Use use(this);
  for (const TensorPlan& tensor : state_->plan.tensors) {
    if (tensor.is_input && !At(tensor.name).dims) return false;
  }
  return true;
}

int32_t ContextStub::inferShapes(int32_t, const char**) noexcept {
  const Use use(this);
  if (!state_->Enter("inferShapes")) return -1;
  int32_t missing = 0;
  for (const TensorPlan& tensor : state_->plan.tensors) {
    if (!tensor.is_input) continue;
    const Binding& binding = At(tensor.name);
    if (!binding.dims || (tensor.on_host && binding.address == nullptr)) ++missing;
  }
  if (missing > 0) return missing;
  const std::string wrong = WrongValues();
  if (wrong.empty()) return 0;
  state_->Error(wrong);
  return -1;
}

bool ContextStub::setTensorAddress(const char* name, void* address) noexcept {
  const Use use(this);
  if (!state_->Enter("setTensorAddress")) return false;
  if (state_->plan.Find(name) == nullptr) {
    state_->Error("setTensorAddress: there is no tensor " + std::string(name));
    return false;
  }
  At(name).address = address;
  if (state_->plan.Find(name)->on_host) ++*told_;
  return true;
}

const void* ContextStub::getTensorAddress(const char* name) const noexcept {
  const Use use(this);
  return state_->plan.Find(name) == nullptr ? nullptr : At(name).address;
}

bool ContextStub::setInputTensorAddress(const char* name, const void* address) noexcept {
  return setTensorAddress(name, const_cast<void*>(address));
}

bool ContextStub::setOutputTensorAddress(const char* name, void* address) noexcept {
  return setTensorAddress(name, address);
}

bool ContextStub::setOutputAllocator(const char* name, trt::IOutputAllocator* allocator) noexcept {
  const Use use(this);
  if (!state_->Enter("setOutputAllocator")) return false;
  const TensorPlan* const tensor = state_->plan.Find(name);
  if (tensor == nullptr || tensor->is_input) return false;
  At(name).allocator = allocator;
  return true;
}

trt::IOutputAllocator* ContextStub::getOutputAllocator(const char* name) noexcept {
  const Use use(this);
  return state_->plan.Find(name) == nullptr ? nullptr : At(name).allocator;
}

int64_t ContextStub::getMaxOutputSize(const char* name) const noexcept {
  const Use use(this);
  const TensorPlan* const output = state_->plan.Find(name);
  if (output == nullptr || output->is_input) return -1;
  trt::Dims dims = DimsOf(*output, false);
  for (size_t i = 0; i < output->axes.size(); ++i) {
    if (output->axes[i].kind != AxisRule::Kind::kNonZeroOf) continue;
    const std::optional<trt::Dims>& counted = At(output->axes[i].input).dims;
    dims.d[i] = counted ? CountOf(*counted) : -1;
  }
  return IsStatic(dims) ? static_cast<int64_t>(BytesOf(output->type, CountOf(dims))) : -1;
}

}  // namespace stub
