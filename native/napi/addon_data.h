// What the addon keeps for each environment: its state and the constructors of its handles.
#pragma once

#include <memory>

#include "napi/env_state.h"

namespace trtnode {

struct AddonData {
  std::shared_ptr<EnvState> state;
  Napi::FunctionReference plan_constructor;
  Napi::FunctionReference plan_writer_constructor;
  Napi::FunctionReference engine_constructor;
  Napi::FunctionReference request_constructor;
  Napi::FunctionReference lock_constructor;
};

// The environment's data; set when the addon was loaded into it.
AddonData& DataOf(Napi::Env env);

}  // namespace trtnode
