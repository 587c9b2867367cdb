// TEST ONLY. INetworkDefinition with what the stub parser makes of a model: identities and constants.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tensorrt/wrapped.h"
#include "unimplemented.h"

namespace stub {

namespace trt = ::nvinfer1;

class LayerStub;

class TensorStub final : public trt::apiv::UnimplementedVTensor {
 public:
  TensorStub(std::string name, trt::DataType type, const trt::Dims& dims)
      : name_(std::move(name)), type_(type), dims_(dims) {}

  void setName(const char* name) noexcept override { name_ = name; }
  const char* getName() const noexcept override { return name_.c_str(); }
  trt::Dims getDimensions() const noexcept override { return dims_; }
  trt::DataType getType() const noexcept override { return type_; }
  bool isNetworkInput() const noexcept override { return source == nullptr; }
  bool isNetworkOutput() const noexcept override { return is_output; }
  bool isShapeTensor() const noexcept override { return false; }

  bool is_output = false;
  // The layer that makes it; null for an input of the network.
  const LayerStub* source = nullptr;

 private:
  std::string name_;
  const trt::DataType type_;
  const trt::Dims dims_;
};

using TensorApi = Wrapped<trt::ITensor, TensorStub>;

class LayerStub final : public trt::apiv::UnimplementedVLayer {
 public:
  LayerStub(trt::LayerType type, TensorApi* input, TensorApi* output)
      : type_(type), input_(input), output_(output) {}

  trt::LayerType getType() const noexcept override { return type_; }
  void setName(const char* name) noexcept override { name_ = name; }
  const char* getName() const noexcept override { return name_.c_str(); }
  int32_t getNbInputs() const noexcept override { return input_ == nullptr ? 0 : 1; }
  trt::ITensor* getInput(int32_t) const noexcept override { return input_; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  trt::ITensor* getOutput(int32_t) const noexcept override { return output_; }
  trt::DataType getOutputType(int32_t) const noexcept override { return output_->getType(); }

  const TensorApi* input() const { return input_; }

  // Of a constant alone. The caller's, and to be there until the build ends.
  trt::Weights weights{};
  std::string weights_name;

 private:
  const trt::LayerType type_;
  TensorApi* const input_;
  TensorApi* const output_;
  std::string name_;
};

template <typename Api, typename Virtual>
class LayerApi final : public Api {
 public:
  LayerApi(trt::LayerType type, TensorApi* input, TensorApi* output)
      : implementation_(type, input, output) {
    this->mLayer = &implementation_;
    this->mImpl = &virtual_;
    output->implementation().source = &implementation_;
  }
  LayerStub& implementation() { return implementation_; }

 private:
  LayerStub implementation_;
  Virtual virtual_;
};

using IdentityApi = LayerApi<trt::IIdentityLayer, trt::apiv::VIdentityLayer>;
using ConstantApi = LayerApi<trt::IConstantLayer, trt::apiv::UnimplementedVConstantLayer>;

class NetworkStub final : public trt::apiv::UnimplementedVNetworkDefinition {
 public:
  explicit NetworkStub(trt::NetworkDefinitionCreationFlags flags) : flags_(flags) {}

  trt::ITensor* addInput(const char* name, trt::DataType type,
                         const trt::Dims& dims) noexcept override;
  trt::IIdentityLayer* addIdentity(trt::ITensor& input) noexcept override;
  trt::IConstantLayer* addConstant(const trt::Dims& dims, trt::Weights weights) noexcept override;
  bool setWeightsName(trt::Weights weights, const char* name) noexcept override;
  void markOutput(trt::ITensor& tensor) noexcept override;
  bool markDebug(trt::ITensor& tensor) noexcept override;
  bool isDebugTensor(const trt::ITensor& tensor) const noexcept override;
  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(layers_.size()); }
  trt::ILayer* getLayer(int32_t index) const noexcept override { return layers_.at(At(index)); }
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs_.size()); }
  trt::ITensor* getInput(int32_t index) const noexcept override { return inputs_.at(At(index)); }
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs_.size()); }
  trt::ITensor* getOutput(int32_t index) const noexcept override { return outputs_.at(At(index)); }
  trt::NetworkDefinitionCreationFlags getFlags() const noexcept override { return flags_; }
  bool getFlag(trt::NetworkDefinitionCreationFlag flag) const noexcept override {
    return (flags_ >> static_cast<uint32_t>(flag) & 1U) != 0;
  }

  const std::vector<TensorApi*>& inputs() const { return inputs_; }
  const std::vector<TensorApi*>& outputs() const { return outputs_; }
  const std::vector<const TensorApi*>& debug_tensors() const { return debug_tensors_; }
  std::vector<const LayerStub*> layers() const;

 private:
  static size_t At(int32_t index) { return static_cast<size_t>(index); }

  const trt::NetworkDefinitionCreationFlags flags_;
  // Deques do not move what is in them.
  std::deque<TensorApi> tensors_;
  std::deque<IdentityApi> identities_;
  std::deque<ConstantApi> constants_;
  std::vector<trt::ILayer*> layers_;
  std::vector<const LayerStub*> stubs_;
  std::vector<TensorApi*> inputs_;
  std::vector<TensorApi*> outputs_;
  std::vector<const TensorApi*> debug_tensors_;
};

using NetworkApi = Wrapped<trt::INetworkDefinition, NetworkStub>;

}  // namespace stub
