// What becomes of an engine's weights: streamed, set anew, written out.
#include "enum_names.h"
#include "tensorrt/engine.h"
#include "tensorrt/host_memory.h"

namespace stub {
namespace {

class SerializationConfigStub final : public trt::apiv::UnimplementedVSerializationConfig {
 public:
  bool setFlag(trt::SerializationFlag flag) noexcept override {
    const bool known = flag == trt::SerializationFlag::kEXCLUDE_WEIGHTS ||
                       flag == trt::SerializationFlag::kEXCLUDE_LEAN_RUNTIME;
#if defined(TRT_NODE_STUB_V10)
    if (!known) Since(10, 14, NameOf(flag));
#else
    static_cast<void>(known);
#endif
    flags_ |= 1U << static_cast<uint32_t>(flag);
    return true;
  }
  bool clearFlag(trt::SerializationFlag flag) noexcept override {
    flags_ &= ~(1U << static_cast<uint32_t>(flag));
    return true;
  }
  bool getFlag(trt::SerializationFlag flag) const noexcept override {
    return (flags_ >> static_cast<uint32_t>(flag) & 1U) != 0;
  }

 private:
  uint32_t flags_ = 0;
};

using SerializationConfigApi = Wrapped<trt::ISerializationConfig, SerializationConfigStub>;

int64_t SizeOf(const std::vector<WeightPlan>& all) {
  size_t size = 0;
  for (const WeightPlan& weights : all) size += BytesOf(weights.type, weights.count);
  return static_cast<int64_t>(size);
}

}  // namespace

std::vector<WeightPlan> EngineState::Weights() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return weights_;
}

void EngineState::SetWeights(std::vector<WeightPlan> weights) {
  const std::lock_guard<std::mutex> lock(mutex_);
  weights_ = std::move(weights);
  ++generation_;
}

trt::ISerializationConfig* EngineStub::createSerializationConfig() noexcept {
  const Inside inside;
  auto* const config = new SerializationConfigApi;
  // TensorRT's default for an engine whose plan was stripped.
  for (const WeightPlan& weights : state_->plan.weights) {
    if (!weights.bytes) config->setFlag(trt::SerializationFlag::kEXCLUDE_WEIGHTS);
  }
  return config;
}

trt::IHostMemory* EngineStub::serializeWithConfig(
    trt::ISerializationConfig& config) const noexcept {
  const Inside inside;
  EnginePlan plan = state_->plan;
  plan.weights = state_->Weights();
  if (config.getFlag(trt::SerializationFlag::kEXCLUDE_WEIGHTS)) {
    for (WeightPlan& weights : plan.weights) weights.bytes.reset();
  }
  return NewHostMemory(WritePlan(plan));
}

int64_t EngineStub::getStreamableWeightsSize() const noexcept {
  const Inside inside;
  return state_->plan.streamable ? SizeOf(state_->plan.weights) : 0;
}

bool EngineStub::setWeightStreamingBudgetV2(int64_t budget) noexcept {
  const Inside inside;
#if defined(TRT_NODE_STUB_V10)
  Since(10, 1, "setWeightStreamingBudgetV2");
#endif
  state_->RequireDevice("setWeightStreamingBudgetV2");
  if (state_->contexts > 0 || !state_->plan.streamable || budget < 0) {
    state_->Error("ICudaEngine::setWeightStreamingBudgetV2: Error Code 3: API Usage Error");
    return false;
  }
  if (weights_ != nullptr) state_->driver->Free(weights_);
  weights_ = nullptr;
  if (budget > 0) {
    weights_ = state_->driver->Allocate(state_->device, static_cast<size_t>(budget));
    if (weights_ == nullptr) {
      state_->Error("[weightStreaming] Error Code 2: OutOfMemory (Requested size was " +
                    std::to_string(budget) + " bytes.)");
      return false;
    }
  }
  budget_ = budget;
  return true;
}

int64_t EngineStub::getWeightStreamingBudgetV2() const noexcept {
  const Inside inside;
  return budget_.value_or(state_->plan.streamable ? SizeOf(state_->plan.weights) : 0);
}

int64_t EngineStub::getWeightStreamingAutomaticBudget() const noexcept {
  const Inside inside;
  return state_->plan.streamable ? SizeOf(state_->plan.weights) / 2 : 0;
}

}  // namespace stub
