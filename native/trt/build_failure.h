// Why a build failed, as far as TensorRT's log tells: its return value is null whatever happened.
#pragma once

#include <cstddef>
#include <optional>

#include "core/error.h"
#include "trt/build_spec.h"
#include "trt/log.h"

namespace trtnode {

// Of the GPU that a build ran on. TensorRT's words after a failed allocation may be about anything that followed from it.
struct BuildRoom {
  size_t free_bytes = 0;            // when the build began
  size_t largest_tensor_bytes = 0;  // of those whose dims are static
};

// kTimingCache, kOutOfMemory, kCalibrationRequired or kBuildFailed, with the log attached.
Error BuildFailure(const BuildSpec& spec, const OperationLog& log,
                   const std::optional<BuildRoom>& room);

}  // namespace trtnode
