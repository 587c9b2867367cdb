// The memory of an output whose dims depend on the data (NonZero's, say): TensorRT asks for it while it runs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/error.h"
#include "cuda/memory.h"
#include "trt/backend.h"

namespace trtnode {

class Device;

class DataDependentOutput final : public OutputMemory {
 public:
  // `memory` grows to what is asked for.
  DataDependentOutput(const Device& device, DeviceBuffer* memory)
      : device_(device), memory_(memory) {}

  void* Reserve(size_t size_bytes, size_t alignment) noexcept override;
  void SetDims(const int64_t* dims, size_t rank) noexcept override;

  // Where TensorRT was told to write.
  CUdeviceptr pointer() const { return pointer_; }
  // Of the inference that has been enqueued; none before TensorRT told them.
  std::optional<Dims> dims() const;
  // Why there was no memory: TensorRT itself only learns that there is none.
  const std::optional<Error>& failure() const { return failure_; }
  void Forget();

 private:
  static constexpr size_t kMaxRank = 8;

  const Device& device_;
  DeviceBuffer* const memory_;
  // Plain, as TensorRT's callback must not allocate: it cannot throw.
  std::array<int64_t, kMaxRank> dims_ = {};
  std::optional<size_t> rank_;
  CUdeviceptr pointer_ = 0;
  std::optional<Error> failure_;
};

}  // namespace trtnode
