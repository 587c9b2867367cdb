// LaneOptions as lib/binding.ts names them.
#pragma once

#include "exec/lane_options.h"
#include "napi/napi_include.h"

namespace trtnode {

// Throws Error(kInvalidArg) for a name that is none of ours.
LaneOptions ReadLaneOptions(const Napi::Object& request);

const char* NameOf(Waiting waiting);
const char* NameOf(GraphMode mode);
const char* NameOf(ContextMemory memory);

}  // namespace trtnode
