// Which build option which TensorRT honours, and on which GPU. TensorRT's return values are no evidence that an option had an
// effect, so what is not in this table is refused.
#pragma once

#include "cuda/device.h"
#include "trt/build_spec.h"

namespace trtnode {

// Throws Error(kUnsupported | kPrecisionUnsupported | kNoDriver) for the first option of `spec` that this library cannot
// honour on this GPU. `gpu` is null where the build goes without one.
void CheckCapabilities(const BuildSpec& spec, Flavour flavour, const LibraryVersion& version,
                       const DeviceInfo* gpu);

}  // namespace trtnode
