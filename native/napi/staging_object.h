// The JS handle of pinned memory that large inputs are copied into before their request is submitted.
#pragma once

#include <memory>

#include "exec/call_plan.h"
#include "exec/engine_session.h"
#include "napi/addon_data.h"

namespace trtnode {

class StagingObject : public Napi::ObjectWrap<StagingObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x4f1b8a6c2e9d7035, 0xb3e05c4d817f92a6};

  static void Define(Napi::Env env, AddonData* data);
  // Takes the memory at once up to 1 MiB. Throws Error(kEngineClosed | kOutOfMemory …).
  static Napi::Object Create(Napi::Env env, std::shared_ptr<EngineSession> session,
                             std::shared_ptr<const CallPlan> plan);

  explicit StagingObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

  // The memory, which the handle then no longer has. Throws Error(kInvalidArg) when it is another call's, or gone.
  PinnedLease Take(const CallPlan& plan);

 private:
  // Shared with the thread that takes it: the handle may be released meanwhile.
  struct Memory {
    PinnedLease lease;
  };
  class PrepareOperation;

  Napi::Value Prepare(const Napi::CallbackInfo& info);
  void Write(const Napi::CallbackInfo& info);
  void Release(const Napi::CallbackInfo& info);

  std::shared_ptr<EngineSession> session_;
  std::shared_ptr<const CallPlan> plan_;
  std::shared_ptr<Memory> memory_;  // null once it was taken or released
};

}  // namespace trtnode
