// The JS handle of a CUDA stream.
#pragma once

#include "cuda/stream.h"
#include "napi/addon_data.h"

namespace trtnode {

class StreamObject : public Napi::ObjectWrap<StreamObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x9d3e71c05a8f4b62, 0x84c6f1a72d09b5e3};

  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, std::shared_ptr<const Stream> stream);
  // Throws Error(kInvalidArg) for anything else, and for one that was closed.
  static std::shared_ptr<const Stream> StreamOf(const Napi::Value& value, const char* name);

  explicit StreamObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value Synchronize(const Napi::CallbackInfo& info);
  void Record(const Napi::CallbackInfo& info);
  void Wait(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  const std::shared_ptr<const Stream>& Open() const;

  // Shared with contexts that put work on it last. Null once it was closed.
  std::shared_ptr<const Stream> stream_;
};

}  // namespace trtnode
