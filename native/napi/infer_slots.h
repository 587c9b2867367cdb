// The requests that JavaScript has submitted to one engine, each with a number that is given again.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "exec/infer_job.h"
#include "napi/completions.h"
#include "napi/registered_call.h"

namespace trtnode {

struct InferSlot {
  std::shared_ptr<InferJob> job;
  std::shared_ptr<RegisteredCall> call;  // null while the slot is free
};

class InferSlots {
 public:
  explicit InferSlots(std::shared_ptr<Completions> completions)
      : completions_(std::move(completions)) {}

  // A slot whose job tells the completions when it is done.
  uint32_t Take(std::shared_ptr<RegisteredCall> call);
  // Throws Error(kInvalidArg) for a number that is none in use.
  InferSlot& At(uint32_t index);
  void Free(uint32_t index);

 private:
  const std::shared_ptr<Completions> completions_;
  std::vector<InferSlot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace trtnode
