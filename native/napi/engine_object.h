// The JS handle of a loaded engine.
#pragma once

#include "napi/addon_data.h"

namespace trtnode {

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x3c5d9e1f7a2b4860, 0x91b7e4d2c6a80f35};

  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, std::shared_ptr<EngineSession> session);

  explicit EngineObject(const Napi::CallbackInfo& info)
      : ObjectWrap(info), state_(DataOf(info.Env()).state) {}

  // The backstop: an engine that nobody closed.
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value CreateRequest(const Napi::CallbackInfo& info);
  Napi::Value Inspect(const Napi::CallbackInfo& info);
  Napi::Value Refit(const Napi::CallbackInfo& info);
  Napi::Value RefittableWeights(const Napi::CallbackInfo& info);
  Napi::Value Serialize(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  const std::shared_ptr<EnvState> state_;
  std::shared_ptr<EngineSession> session_;
};

}  // namespace trtnode
