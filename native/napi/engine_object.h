// The JS handle of a loaded engine.
#pragma once

#include <memory>

#include "napi/addon_data.h"
#include "napi/infer_desk.h"

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
  // Those of inferences are the desk's.
  template <Napi::Value (InferDesk::*Method)(const Napi::CallbackInfo&)>
  Napi::Value Desk(const Napi::CallbackInfo& info) {
    return (desk_.get()->*Method)(info);
  }
  template <void (InferDesk::*Method)(const Napi::CallbackInfo&)>
  void Desk(const Napi::CallbackInfo& info) {
    (desk_.get()->*Method)(info);
  }
  void SetOnComplete(const Napi::CallbackInfo& info);
  Napi::Value IsPinned(const Napi::CallbackInfo& info);
  Napi::Value IsDebugTensor(const Napi::CallbackInfo& info);
  Napi::Value Allocate(const Napi::CallbackInfo& info);
  Napi::Value GraphState(const Napi::CallbackInfo& info);
  Napi::Value Memory(const Napi::CallbackInfo& info);
  Napi::Value ProfileLayers(const Napi::CallbackInfo& info);
  Napi::Value CreateContext(const Napi::CallbackInfo& info);
  Napi::Value Inspect(const Napi::CallbackInfo& info);
  Napi::Value Refit(const Napi::CallbackInfo& info);
  Napi::Value RefittableWeights(const Napi::CallbackInfo& info);
  Napi::Value Serialize(const Napi::CallbackInfo& info);
  void DiscardQueued(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void TellBytes(Napi::BasicEnv env, int64_t bytes);

  const std::shared_ptr<EnvState> state_;
  std::shared_ptr<EngineSession> session_;
  std::unique_ptr<InferDesk> desk_;
  // Of the device memory that V8 was told of: an engine that nobody closes shall be found by its weight.
  int64_t told_bytes_ = 0;
};

}  // namespace trtnode
