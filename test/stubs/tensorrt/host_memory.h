// TEST ONLY. IHostMemory: bytes that TensorRT hands out.
#pragma once

#include <string>

#include "tensorrt/wrapped.h"
#include "unimplemented.h"

namespace stub {

class HostMemoryStub final : public nvinfer1::apiv::VHostMemory {
 public:
  explicit HostMemoryStub(std::string bytes) : bytes_(std::move(bytes)) {}
  void* data() const noexcept override { return const_cast<char*>(bytes_.data()); }
  std::size_t size() const noexcept override { return bytes_.size(); }
  nvinfer1::DataType type() const noexcept override { return nvinfer1::DataType::kINT8; }

 private:
  const std::string bytes_;
};

inline nvinfer1::IHostMemory* NewHostMemory(std::string bytes) {
  return new Wrapped<nvinfer1::IHostMemory, HostMemoryStub>(std::move(bytes));
}

}  // namespace stub
