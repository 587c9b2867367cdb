// The JS handle of a CUDA event.
#pragma once

#include "cuda/device.h"
#include "cuda/stream.h"
#include "napi/addon_data.h"

namespace trtnode {

class EventObject : public Napi::ObjectWrap<EventObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x2f84b9d60c7e4a13, 0xb15d07e8934a62cf};

  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, const Device& device, EventKind kind);
  // Throws Error(kInvalidArg) for anything else, and for one that was closed. Leaves the current context alone.
  static std::shared_ptr<const Event> EventOf(const Napi::Value& value, const char* name);

  explicit EventObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value Query(const Napi::CallbackInfo& info);
  Napi::Value Synchronize(const Napi::CallbackInfo& info);
  Napi::Value ElapsedSince(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  const std::shared_ptr<const Event>& Open() const;

  const Device* device_ = nullptr;
  std::shared_ptr<const Event> event_;  // null once it was closed
};

}  // namespace trtnode
