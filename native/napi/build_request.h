// NativeBuildRequest → BuildSpec.
#pragma once

#include "napi/napi_include.h"
#include "trt/build_spec.h"

namespace trtnode {

BuildSpec ReadBuildSpec(const Napi::Object& request);

}  // namespace trtnode
