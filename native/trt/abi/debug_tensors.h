// Tensors inside of a network whose values TensorRT hands out while it runs.
#pragma once

#include <exception>

#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

// Throws Error(kInvalidArg) for a name that no tensor of the network has, and for an input; Error(kUnsupported) for a tensor that
// TensorRT does not take.
void MarkDebugTensors(const std::vector<std::string>& names, trt::INetworkDefinition* network,
                      OperationLog* log);

// Passes values on. TensorRT keeps calling it, so it lives as long as its context.
class DebugListener final : public trt::IDebugListener {
 public:
  // Null: values are dropped. Forgets what the sink before failed with.
  void SetSink(DebugSink* sink);
  // Throws what the sink threw: TensorRT itself only learns that something failed.
  void RethrowFailure() const;

  bool processDebugTensor(const void* data, trt::TensorLocation location, trt::DataType type,
                          const trt::Dims& dims, const char* name,
                          cudaStream_t stream) noexcept override;

 private:
  DebugSink* sink_ = nullptr;
  std::exception_ptr failure_;
};

}  // namespace trtnode::TRT_NODE_ABI
