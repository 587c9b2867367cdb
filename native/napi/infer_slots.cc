#include "napi/infer_slots.h"

namespace trtnode {

uint32_t InferSlots::Take(std::shared_ptr<RegisteredCall> call) {
  if (free_.empty()) {
    const auto index = static_cast<uint32_t>(slots_.size());
    auto job = std::make_shared<InferJob>();
    job->done = [completions = completions_, index] { completions->Push(index); };
    slots_.push_back({std::move(job), nullptr});
    free_.push_back(index);
  }
  // The one that was used last: its memory is warm.
  const uint32_t index = free_.back();
  free_.pop_back();
  slots_[index].call = std::move(call);
  return index;
}

InferSlot& InferSlots::At(uint32_t index) {
  if (index < slots_.size() && slots_[index].call) return slots_[index];
  throw Error(ErrorCode::kInvalidArg, "no request is in this slot");
}

void InferSlots::Free(uint32_t index) {
  slots_[index].call.reset();
  free_.push_back(index);
}

}  // namespace trtnode
