// The values of debug tensors of one inference, fetched to the host while the network runs.
#pragma once

#include <string>
#include <vector>

#include "exec/pinned_pool.h"
#include "trt/backend.h"

namespace trtnode {

class Device;

struct DebugValue {
  std::string name;
  DataType type = DataType::kFloat32;
  Dims dims;
  size_t size_bytes = 0;
  PinnedLease memory;
};

class DebugValues final : public DebugSink {
 public:
  DebugValues(const Device& device, PinnedPool* pool) : device_(device), pool_(pool) {}

  // Waits until the GPU has computed the value: TensorRT reuses its memory for the next layers.
  void Take(const DebugTensor& tensor) override;

  // In the order of `names`. Throws Error(kInferFailed) where TensorRT gave none for one of them.
  std::vector<DebugValue> Collect(const std::vector<std::string>& names);

 private:
  const Device& device_;
  PinnedPool* const pool_;
  std::vector<DebugValue> values_;
};

}  // namespace trtnode
