#include "exec/debug_values.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "cuda/device.h"
#include "cuda/stream.h"

namespace trtnode {

void DebugValues::Take(const DebugTensor& tensor) {
  if (IsDynamic(tensor.dims)) {
    throw Error(ErrorCode::kInferFailed, "TensorRT gave debug tensor " + tensor.name +
                                             " with open dims " + DimsToString(tensor.dims));
  }
  DebugValue value{tensor.name, tensor.type, tensor.dims, ByteCount(tensor.type, tensor.dims), {}};
  value.memory = pool_->Take(value.size_bytes);
  if (tensor.on_host) {
    if (value.size_bytes > 0) std::memcpy(value.memory.data(), tensor.data, value.size_bytes);
  } else {
    // TensorRT may call from a thread of its own, and with one of its auxiliary streams.
    device_.MakeCurrent();
    const Stream stream = Stream::Borrow(device_, tensor.stream);
    stream.CopyToHost(value.memory.data(), reinterpret_cast<CUdeviceptr>(tensor.data),
                      value.size_bytes);
    stream.Synchronize();
  }
  // In a loop the last round's stands.
  const auto known = std::ranges::find(values_, value.name, &DebugValue::name);
  if (known == values_.end()) {
    values_.push_back(std::move(value));
  } else {
    *known = std::move(value);
  }
}

std::vector<DebugValue> DebugValues::Collect(const std::vector<std::string>& names) {
  std::vector<DebugValue> collected;
  for (const std::string& name : names) {
    const auto value = std::ranges::find(values_, name, &DebugValue::name);
    if (value == values_.end()) {
      throw Error(ErrorCode::kInferFailed,
                  "TensorRT gave no value of debug tensor " + name +
                      ". It may lie in a branch that this inference did not take, or have been "
                      "folded into a constant. Ask without it")
          .With("tensor", name);
    }
    collected.push_back(std::move(*value));
  }
  return collected;
}

}  // namespace trtnode
