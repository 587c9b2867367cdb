// Which build option which TensorRT honours. TensorRT's return values are no evidence that an option had an effect, so
// what is not in this table is refused.
#pragma once

#include "trt/types.h"

namespace trtnode {

// Throws Error(kUnsupported | kPrecisionUnsupported | kNoDriver) for the first option of `spec` that this library, on a
// machine with or without a GPU, cannot honour.
void CheckCapabilities(const BuildSpec& spec, Flavour flavour, const LibraryVersion& version);

}  // namespace trtnode
