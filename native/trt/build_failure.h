// Why a build failed, as far as TensorRT's log tells: its return value is null whatever happened.
#pragma once

#include "core/error.h"
#include "trt/build_spec.h"
#include "trt/log.h"

namespace trtnode {

// kTimingCache, kOutOfMemory, kCalibrationRequired or kBuildFailed, with the log attached.
Error BuildFailure(const BuildSpec& spec, const OperationLog& log);

}  // namespace trtnode
