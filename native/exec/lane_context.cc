#include "exec/lane_context.h"

#include <algorithm>
#include <utility>

namespace trtnode {

LaneContext::LaneContext(LoadedEngine* engine, std::shared_ptr<PinnedPool> pool, bool nvtx,
                         void* memory, size_t size)
    : inputs_(engine->inputs()),
      outputs_(engine->outputs()),
      pool_(std::move(pool)),
      memory_(memory),
      memory_size_(size),
      host_inputs_(inputs_.size()),
      host_outputs_(outputs_.size()),
      output_dims_(outputs_.size()),
      output_bytes_(outputs_.size()),
      input_addresses_(inputs_.size()),
      output_addresses_(outputs_.size()),
      output_memory_(outputs_.size()),
      execution_(engine->CreateExecution({.own_memory = false, .nvtx = nvtx})) {
  execution_->SetDeviceMemory(memory_, memory_size_);
}

void LaneContext::TellShape(const CallPlan& call, const std::vector<unsigned char>& host_values,
                            CUstream stream) {
  if (told_call_ == call.id && told_values_ == host_values) return;
  // Should TensorRT refuse one of them, the next inference tells it everything again.
  told_call_ = 0;
  if (call.profile != profile_) {
    execution_->SetProfile(call.profile, stream);
    profile_ = call.profile;
    execution_->SetDeviceMemory(memory_, memory_size_);
  }
  size_t offset = 0;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].on_host) {
      const size_t size = call.input_bytes[i];
      if (!host_inputs_[i] || host_inputs_[i].size() < size) host_inputs_[i] = pool_->Take(size);
      std::copy_n(host_values.begin() + static_cast<std::ptrdiff_t>(offset), size,
                  host_inputs_[i].data());
      offset += size;
      // Told anew each time: TensorRT may keep what followed from the values before.
      execution_->SetAddress(inputs_[i], host_inputs_[i].data());
    }
    execution_->SetInputDims(inputs_[i], call.input_dims[i]);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    output_dims_[i] = execution_->OutputDims(outputs_[i]);
    const bool is_open = IsDynamic(output_dims_[i]);
    output_bytes_[i] = is_open ? 0 : ByteCount(outputs_[i].type, output_dims_[i]);
  }
  told_values_ = host_values;
  told_call_ = call.id;
}

void LaneContext::TellInput(size_t input, void* address) {
  SetAddress(inputs_[input], address, &input_addresses_[input]);
}

void LaneContext::TellOutput(size_t output, void* address) {
  SetAddress(outputs_[output], address, &output_addresses_[output]);
}

void LaneContext::TellOutputMemory(size_t output, OutputMemory* memory) {
  if (output_memory_[output] == memory) return;
  execution_->SetOutputMemory(outputs_[output], memory);
  output_memory_[output] = memory;
}

void LaneContext::TellHostOutput(size_t output) {
  PinnedLease& memory = host_outputs_[output];
  const size_t size = output_bytes_[output];
  if (!memory || memory.size() < size) memory = pool_->Take(size);
  TellOutput(output, memory.data());
}

void LaneContext::SetAddress(const TensorInfo& tensor, void* address, void** known) {
  if (*known == address) return;
  *known = nullptr;
  execution_->SetAddress(tensor, address);
  *known = address;
}

}  // namespace trtnode
