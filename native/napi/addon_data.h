// What the addon keeps for each environment: its state and the constructors of its handles.
#pragma once

#include <memory>

#include "napi/env_state.h"

namespace trtnode {

class DeviceWork;

struct AddonData {
  std::shared_ptr<EnvState> state;
  std::shared_ptr<DeviceWork> device_work;
  Napi::FunctionReference plan_constructor;
  Napi::FunctionReference plan_writer_constructor;
  Napi::FunctionReference engine_constructor;
  Napi::FunctionReference staging_constructor;
  Napi::FunctionReference lock_constructor;
  Napi::FunctionReference device_constructor;
  Napi::FunctionReference stream_constructor;
  Napi::FunctionReference event_constructor;
  Napi::FunctionReference context_constructor;
  Napi::FunctionReference graph_constructor;
};

// The environment's data; set when the addon was loaded into it.
AddonData& DataOf(Napi::Env env);

}  // namespace trtnode
