// The JS handle of one inference in preparation.
#pragma once

#include "napi/addon_data.h"

namespace trtnode {

class RequestObject : public Napi::ObjectWrap<RequestObject> {
 public:
  static void Define(Napi::Env env, AddonData* data);
  // Lays the inputs out in pinned staging, which it takes at once up to 1 MiB. Throws Error(kEngineClosed | kOutOfMemory …).
  static Napi::Object Create(Napi::Env env, std::shared_ptr<EngineSession> session,
                             std::shared_ptr<InferJob> job);

  explicit RequestObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value Prepare(const Napi::CallbackInfo& info);
  void Write(const Napi::CallbackInfo& info);
  Napi::Value Run(const Napi::CallbackInfo& info);
  Napi::Value RunSync(const Napi::CallbackInfo& info);
  void Release(const Napi::CallbackInfo& info);
  // The job, which the request then no longer has. Throws Error(kInvalidArg) when it was run or released.
  std::shared_ptr<InferJob> TakeJob(const Napi::CallbackInfo& info);

  std::shared_ptr<EngineSession> session_;
  std::shared_ptr<InferJob> job_;
};

}  // namespace trtnode
