// What all inferences of one profile and one set of dims have in common, worked out once.
#pragma once

#include <cstdint>
#include <vector>

#include "trt/types.h"

namespace trtnode {

struct CallPlan {
  CallPlan(int profile, std::vector<Dims> input_dims, const std::vector<TensorInfo>& inputs);

  // Of each input where all of them lie in one block of staging memory.
  static constexpr size_t kAlignment = 256;

  // Different for every plan of this process, so that comparing ids compares profile and dims.
  const uint64_t id;
  const int profile;
  const std::vector<Dims> input_dims;  // one per input
  std::vector<size_t> input_bytes;
  std::vector<size_t> staging_offsets;
  size_t staging_bytes = 0;
};

}  // namespace trtnode
