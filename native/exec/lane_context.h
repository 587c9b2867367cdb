// An execution context of a lane and what it was told. All contexts of a lane use one block of activation memory: one of them
// runs at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exec/call_plan.h"
#include "exec/pinned_pool.h"
#include "trt/backend.h"

namespace trtnode {

class LaneContext {
 public:
  // `memory` of `size` bytes must outlive this. The device's context must be current. Throws Error(kOutOfMemory …).
  LaneContext(LoadedEngine* engine, std::shared_ptr<PinnedPool> pool, bool nvtx, void* memory,
              size_t size);
  LaneContext(const LaneContext&) = delete;
  LaneContext& operator=(const LaneContext&) = delete;

  // Tells TensorRT the profile, dims and values of shape tensors where they differ from those before: each of these calls costs
  // it microseconds. Nothing of this context may be running.
  void TellShape(const CallPlan& call, const std::vector<unsigned char>& host_values,
                 CUstream stream);
  // What it was told counts no more.
  void Forget() { told_call_ = 0; }

  // Of the shape that it was told last. -1 and 0 bytes where the data decides.
  const std::vector<Dims>& output_dims() const { return output_dims_; }
  const std::vector<size_t>& output_bytes() const { return output_bytes_; }

  void TellInput(size_t input, void* address);
  void TellOutput(size_t output, void* address);
  // Instead of an address; `memory` must outlive this.
  void TellOutputMemory(size_t output, OutputMemory* memory);
  // Of an output that TensorRT writes on the host: memory of the context's own.
  void TellHostOutput(size_t output);
  const unsigned char* host_output(size_t output) const { return host_outputs_[output].data(); }

  // As Execution::SetDebug.
  void SetDebug(const std::vector<std::string>& names, DebugSink* sink) {
    execution_->SetDebug(names, sink);
  }
  void Enqueue(CUstream stream) { execution_->Enqueue(stream); }

 private:
  void SetAddress(const TensorInfo& tensor, void* address, void** known);

  const std::vector<TensorInfo>& inputs_;   // the engine's
  const std::vector<TensorInfo>& outputs_;  // the engine's
  const std::shared_ptr<PinnedPool> pool_;
  void* const memory_;
  const size_t memory_size_;
  // Tensors that TensorRT reads and writes on the host. It keeps their addresses.
  std::vector<PinnedLease> host_inputs_;
  std::vector<PinnedLease> host_outputs_;

  int profile_ = 0;
  uint64_t told_call_ = 0;
  std::vector<unsigned char> told_values_;
  std::vector<Dims> output_dims_;
  std::vector<size_t> output_bytes_;
  std::vector<void*> input_addresses_;
  std::vector<void*> output_addresses_;
  std::vector<const OutputMemory*> output_memory_;

  const std::unique_ptr<Execution> execution_;
};

}  // namespace trtnode
