// TEST ONLY. IBuilder: a network of identities into a plan that the stub runtime opens, with a record of all that it was told.
//
// Tests steer it by environment variables:
//   TRT_NODE_STUB_BUILD       out-of-memory, no-workspace, no-implementation, crash, killed, exit or hang: what the build
//                             does in the middle of its steps
//   TRT_NODE_STUB_STEPS       how many steps it has (4)
//   TRT_NODE_STUB_STEP_US     how long each of them takes (0)
//   TRT_NODE_STUB_PHASE       stepN: it waits there (exit/phase.h)
//   TRT_NODE_STUB_WORKSPACE   bytes that its kernels need of the workspace (0)
//   TRT_NODE_STUB_PLAN_BYTES  how large the plan is at least (0)
//   TRT_NODE_STUB_DLA_CORES   how many there are (0)
#pragma once

#include "driver/api.h"
#include "tensorrt/builder_config.h"
#include "tensorrt/network.h"

namespace stub {

class BuilderStub final : public trt::apiv::UnimplementedVBuilder {
 public:
  BuilderStub(trt::ILogger* logger, DriverApi* driver) : logger_(logger), driver_(driver) {}

  trt::IBuilderConfig* createBuilderConfig() noexcept override;
  trt::INetworkDefinition* createNetworkV2(
      trt::NetworkDefinitionCreationFlags flags) noexcept override;
  trt::IOptimizationProfile* createOptimizationProfile() noexcept override;
  trt::IHostMemory* buildSerializedNetwork(trt::INetworkDefinition& network,
                                           trt::IBuilderConfig& config) noexcept override;
  trt::IPluginRegistry& getPluginRegistry() noexcept override;
  trt::ILogger* getLogger() const noexcept override { return logger_; }
  int32_t getNbDLACores() const noexcept override;

 private:
  void Error(const std::string& text) const {
    logger_->log(trt::ILogger::Severity::kERROR, text.c_str());
  }
  // The steps of TensorRT's own phases. False where the monitor or a fault ends the build.
  bool TakeSteps(const NetworkStub& network, const BuilderConfigStub& config) const;
  bool Fault() const;
  // Times every layer that no timing cache knows. False where a miss is an error.
  bool TimeKernels(const NetworkStub& network, const BuilderConfigStub& config,
                   std::map<std::string, std::string>* record) const;

  trt::ILogger* const logger_;
  DriverApi* const driver_;
  std::vector<std::unique_ptr<ProfileApi>> profiles_;
};

}  // namespace stub
