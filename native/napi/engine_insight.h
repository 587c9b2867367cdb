// Methods of the native engine that look inside of it.
#pragma once

#include <memory>

#include "exec/engine_session.h"
#include "napi/env_state.h"
#include "napi/napi_include.h"

namespace trtnode {

// profileLayers(profile, dims, values, warmup, iterations)
Napi::Value StartLayerProfile(const Napi::CallbackInfo& info, EnvState* state,
                              std::shared_ptr<EngineSession> session);

// memory()
Napi::Value EngineMemoryToJs(const Napi::CallbackInfo& info, EngineSession* session);

}  // namespace trtnode
