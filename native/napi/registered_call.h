// A kind of request that JavaScript names by a number.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "exec/call_plan.h"

namespace trtnode {

enum class CallTarget : uint8_t { kNone, kCpu, kDevice };  // `nativeTargets` in lib/binding.ts

struct RegisteredCall {
  std::shared_ptr<const CallPlan> plan;
  std::vector<CallTarget> targets;  // one per output
  std::vector<Dims> told;           // the outputs' dims that JavaScript was told last
};

}  // namespace trtnode
