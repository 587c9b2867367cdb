// The JS handle of device memory.
#pragma once

#include "exec/copies.h"
#include "exec/device_memory.h"
#include "napi/addon_data.h"

namespace trtnode {

class DeviceObject : public Napi::ObjectWrap<DeviceObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x5b0f6a1d93c84e27, 0xa2d47c19e86b350f};

  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, std::shared_ptr<DeviceMemory> memory);
  // The memory behind a handle. Throws Error(kInvalidArg) for anything else, and for one that was released.
  static std::shared_ptr<DeviceMemory> MemoryOf(const Napi::Value& value, const char* name);

  explicit DeviceObject(const Napi::CallbackInfo& info);

  // The backstop: memory that nobody released.
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value WritePinned(const Napi::CallbackInfo& info);
  Napi::Value CopyFrom(const Napi::CallbackInfo& info);
  Napi::Value Part(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  const std::shared_ptr<DeviceMemory>& Memory() const;

  const std::shared_ptr<DeviceWork> work_;
  std::shared_ptr<Copies> copies_;
  std::shared_ptr<DeviceMemory> memory_;  // null once it was released
};

}  // namespace trtnode
