// The memory of an output whose dims depend on the data (NonZero's, say): TensorRT asks for it while it runs.
#pragma once

#include <optional>
#include <utility>

#include "core/error.h"
#include "cuda/memory.h"
#include "trt/backend.h"

namespace trtnode {

class DataDependentOutput final : public OutputMemory {
 public:
  // `memory` grows to what is asked for.
  explicit DataDependentOutput(DeviceBuffer* memory) : memory_(memory) {}

  void* Reserve(size_t size_bytes) noexcept override;
  void SetDims(Dims dims) noexcept override { dims_ = std::move(dims); }

  // Of the inference that has been enqueued; none before TensorRT told them.
  const std::optional<Dims>& dims() const { return dims_; }
  // Why there was no memory: TensorRT itself only learns that there is none.
  const std::optional<Error>& failure() const { return failure_; }
  void Forget() {
    dims_.reset();
    failure_.reset();
  }

 private:
  DeviceBuffer* const memory_;
  std::optional<Dims> dims_;
  std::optional<Error> failure_;
};

}  // namespace trtnode
