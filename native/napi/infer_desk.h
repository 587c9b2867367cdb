// Where JavaScript hands in the inferences of one engine, and is told that they are done.
#pragma once

#include <memory>
#include <vector>

#include "exec/engine_session.h"
#include "exec/poll_pace.h"
#include "napi/addon_data.h"
#include "napi/infer_slots.h"

namespace trtnode {

// Lives on the JS thread. Its methods are those of NativeEngine in lib/binding.ts with the same names.
class InferDesk final : public WakeListener {
 public:
  // `owner`: the engine's handle. While a request is under way, it lives.
  InferDesk(const AddonData& data, std::shared_ptr<EngineSession> session,
            Napi::Reference<Napi::Object>* owner);
  ~InferDesk() override;
  InferDesk(const InferDesk&) = delete;
  InferDesk& operator=(const InferDesk&) = delete;

  Napi::Value RegisterCall(const Napi::CallbackInfo& info);
  void ReleaseCall(const Napi::CallbackInfo& info);
  Napi::Value RunSync(const Napi::CallbackInfo& info);
  Napi::Value RunAgain(const Napi::CallbackInfo& info);
  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Cancel(const Napi::CallbackInfo& info);
  Napi::Value Collect(const Napi::CallbackInfo& info);
  void Discard(const Napi::CallbackInfo& info);
  Napi::Value Completed(const Napi::CallbackInfo& info);
  Napi::Value Poll(const Napi::CallbackInfo& info);
  Napi::Value Stage(const Napi::CallbackInfo& info);
  Napi::Value Warm(const Napi::CallbackInfo& info);

  // The engine closes: what RunAgain would use goes.
  void Forget();

  // Calls the handle's `onComplete`.
  void OnWake(Napi::Env env) override;

 private:
  // Throws Error(kInvalidArg) for a number that is none.
  const std::shared_ptr<RegisteredCall>& CallOf(const Napi::Value& number) const;
  // Lets go of what a slot's job holds, and of the slot.
  void Leave(uint32_t slot);
  // Null when there are none.
  Napi::Value TakeCompleted(Napi::Env env);
  void Begin();
  void End(size_t count);

  const std::shared_ptr<EnvState> state_;
  const std::shared_ptr<DeviceWork> work_;
  const std::shared_ptr<EngineSession> session_;
  Napi::Reference<Napi::Object>* const owner_;
  const std::shared_ptr<Completions> completions_;
  PollPace pace_;
  InferSlots slots_;
  InferJob sync_job_;
  // What sync_job_ names can be run again as it is; null: nothing.
  std::shared_ptr<RegisteredCall> repeatable_;
  size_t under_way_ = 0;  // slots that JavaScript has not been told of
  std::vector<std::shared_ptr<RegisteredCall>> calls_;
  std::vector<uint32_t> free_calls_;
};

}  // namespace trtnode
