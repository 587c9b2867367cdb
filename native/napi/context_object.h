// The JS handles of an execution context that is driven by hand, and of the graphs captured from it.
#pragma once

#include "exec/manual_context.h"
#include "napi/addon_data.h"

namespace trtnode {

class ContextObject : public Napi::ObjectWrap<ContextObject> {
 public:
  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, std::shared_ptr<ManualContext> context);
  // The body of NativeEngine.createContext.
  static Napi::Value CreateFor(Napi::Env env, std::shared_ptr<EngineSession> session, int profile);

  explicit ContextObject(const Napi::CallbackInfo& info);
  // The backstop: a context that nobody closed.
  void Finalize(Napi::BasicEnv env) override;

 private:
  void SetInputDims(const Napi::CallbackInfo& info);
  void SetInputValues(const Napi::CallbackInfo& info);
  Napi::Value OutputDims(const Napi::CallbackInfo& info);
  void Bind(const Napi::CallbackInfo& info);
  void Enqueue(const Napi::CallbackInfo& info);
  Napi::Value Capture(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  const std::shared_ptr<DeviceWork> work_;
  std::shared_ptr<ManualContext> context_;
};

class GraphObject : public Napi::ObjectWrap<GraphObject> {
 public:
  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, std::shared_ptr<ManualContext> context,
                             std::shared_ptr<ContextGraph> graph);

  explicit GraphObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  void Launch(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  void LetGo();

  const std::shared_ptr<DeviceWork> work_;
  std::shared_ptr<ManualContext> context_;
  std::shared_ptr<ContextGraph> graph_;  // null once it was closed
};

}  // namespace trtnode
