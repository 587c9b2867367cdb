// What a loaded engine takes of the GPU's memory, measured and not guessed.
#pragma once

#include "cuda/device.h"
#include "trt/backend.h"
#include "trt/build_spec.h"

namespace trtnode {

// Makes contexts for a moment, so the engine's device must be current and have room for them. None of the engine's may be there
// yet. Throws Error.
PlanMemory MeasureMemory(const Device& device, LoadedEngine* engine);

}  // namespace trtnode
