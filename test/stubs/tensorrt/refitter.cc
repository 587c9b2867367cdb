// TEST ONLY. IRefitter: new weights for an engine, collected until they are applied.
#include <map>

#include "exit/phase.h"
#include "tensorrt/engine.h"

namespace stub {
namespace {

class RefitterStub final : public trt::apiv::UnimplementedVRefitter {
 public:
  RefitterStub(std::shared_ptr<EngineState> state, trt::ILogger* logger)
      : state_(std::move(state)), logger_(logger), weights_(state_->Weights()) {}

  int32_t getAllWeights(int32_t size, const char** names) noexcept override {
    const Inside inside;
    return List(size, names, [](const WeightPlan&) { return true; });
  }

  int32_t getMissingWeights(int32_t size, const char** names) noexcept override {
    const Inside inside;
    return List(size, names, [this](const WeightPlan& weights) {
      return !weights.bytes && !given_.contains(weights.name);
    });
  }

  trt::Weights getWeightsPrototype(const char* name) const noexcept override {
    const Inside inside;
    for (const WeightPlan& weights : weights_) {
      if (weights.name == name) return trt::Weights{weights.type, nullptr, weights.count};
    }
    return trt::Weights{trt::DataType::kFLOAT, nullptr, 0};
  }

  bool setNamedWeights(const char* name, trt::Weights given) noexcept override {
    const Inside inside;
    for (const WeightPlan& weights : weights_) {
      if (weights.name != name) continue;
      if (weights.type != given.type || weights.count != given.count) break;
      given_[name] = given;
      return true;
    }
    Error("IRefitter::setNamedWeights: Error Code 3: API Usage Error (" + std::string(name) + ")");
    return false;
  }

  bool refitCudaEngineAsync(cudaStream_t stream) noexcept override {
    const Inside inside;
    ReachPhase("refitCudaEngineAsync");
    state_->RequireDevice("refitCudaEngineAsync");
    if (state_->driver->DeviceOf(stream) != state_->device) {
      Die("refitCudaEngineAsync with a stream of another device");
    }
    if (!state_->Enter("refitCudaEngineAsync")) return false;
    const int32_t missing = getMissingWeights(0, nullptr);
    if (missing > 0) {
      Error("IRefitter::refitCudaEngine: Error Code 3: API Usage Error (" +
            std::to_string(missing) + " weights are missing)");
      return false;
    }
    // What was given lies in the caller's memory until here.
    for (WeightPlan& weights : weights_) {
      const auto found = given_.find(weights.name);
      if (found == given_.end()) continue;
      weights.bytes = std::string(static_cast<const char*>(found->second.values),
                                  BytesOf(weights.type, weights.count));
    }
    state_->SetWeights(weights_);
    return true;
  }

  trt::ILogger* getLogger() const noexcept override { return logger_; }

 private:
  template <typename Wanted>
  int32_t List(int32_t size, const char** names, Wanted wanted) const {
    int32_t count = 0;
    for (const WeightPlan& weights : weights_) {
      if (!wanted(weights)) continue;
      if (names != nullptr && count < size) names[count] = weights.name.c_str();
      ++count;
    }
    return count;
  }
  void Error(const std::string& text) const {
    logger_->log(trt::ILogger::Severity::kERROR, text.c_str());
  }

  const std::shared_ptr<EngineState> state_;
  trt::ILogger* const logger_;
  std::vector<WeightPlan> weights_;
  std::map<std::string, trt::Weights> given_;
};

}  // namespace

void* CreateRefitter(void* engine, void* logger) {
  auto* const typed = static_cast<trt::ILogger*>(logger);
  const EngineStub& stub =
      static_cast<EngineApi*>(static_cast<trt::ICudaEngine*>(engine))->implementation();
  if (stub.state()->plan.refit.empty()) {
    typed->log(trt::ILogger::Severity::kERROR,
               "createInferRefitter: Error Code 3: API Usage Error (the engine was not built with "
               "kREFIT, kREFIT_IDENTICAL or kREFIT_INDIVIDUAL)");
    return nullptr;
  }
  return static_cast<trt::IRefitter*>(
      new Wrapped<trt::IRefitter, RefitterStub>(stub.state(), typed));
}

}  // namespace stub
