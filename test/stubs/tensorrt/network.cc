#include "tensorrt/network.h"

#include <algorithm>

namespace stub {

trt::ITensor* NetworkStub::addInput(const char* name, trt::DataType type,
                                    const trt::Dims& dims) noexcept {
  inputs_.push_back(&tensors_.emplace_back(name, type, dims));
  return inputs_.back();
}

trt::IIdentityLayer* NetworkStub::addIdentity(trt::ITensor& input) noexcept {
  auto& from = static_cast<TensorApi&>(input);
  TensorApi& output = tensors_.emplace_back("", from.getType(), from.getDimensions());
  IdentityApi& layer = identities_.emplace_back(trt::LayerType::kIDENTITY, &from, &output);
  layers_.push_back(&layer);
  stubs_.push_back(&layer.implementation());
  return &layer;
}

trt::IConstantLayer* NetworkStub::addConstant(const trt::Dims& dims,
                                              trt::Weights weights) noexcept {
  TensorApi& output = tensors_.emplace_back("", weights.type, dims);
  ConstantApi& layer = constants_.emplace_back(trt::LayerType::kCONSTANT, nullptr, &output);
  layer.implementation().weights = weights;
  layers_.push_back(&layer);
  stubs_.push_back(&layer.implementation());
  return &layer;
}

bool NetworkStub::setWeightsName(trt::Weights weights, const char* name) noexcept {
  bool found = false;
  for (ConstantApi& constant : constants_) {
    if (constant.implementation().weights.values != weights.values) continue;
    constant.implementation().weights_name = name;
    found = true;
  }
  return found;
}

void NetworkStub::markOutput(trt::ITensor& tensor) noexcept {
  auto& output = static_cast<TensorApi&>(tensor);
  output.implementation().is_output = true;
  outputs_.push_back(&output);
}

// TensorRT may refuse a tensor: here it is the one of this name.
bool NetworkStub::markDebug(trt::ITensor& tensor) noexcept {
  if (std::string(tensor.getName()) == "unmarkable") return false;
  if (!isDebugTensor(tensor)) debug_tensors_.push_back(static_cast<const TensorApi*>(&tensor));
  return true;
}

bool NetworkStub::isDebugTensor(const trt::ITensor& tensor) const noexcept {
  return std::find(debug_tensors_.begin(), debug_tensors_.end(), &tensor) != debug_tensors_.end();
}

std::vector<const LayerStub*> NetworkStub::layers() const { return stubs_; }

}  // namespace stub
