// A plan's bytes in native memory, and the writer that collects one from JavaScript.
#pragma once

#include "core/file.h"
#include "napi/addon_data.h"

namespace trtnode {

class PlanObject : public Napi::ObjectWrap<PlanObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x8d1f1c2a9b7e4c31, 0xa5c3f9d07e2b4411};

  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, ByteBlock bytes, const FileDigest& digest);

  explicit PlanObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

  // Leaves the handle empty. Throws Error(kInvalidArg) when it already is.
  ByteBlock Take();

 private:
  void Release(const Napi::CallbackInfo&) { bytes_.Reset(); }
  ByteBlock bytes_;
};

class PlanWriterObject : public Napi::ObjectWrap<PlanWriterObject> {
 public:
  static void Define(Napi::Env env, AddonData* data);

  explicit PlanWriterObject(const Napi::CallbackInfo& info);

 private:
  void Write(const Napi::CallbackInfo& info);
  Napi::Value Seal(const Napi::CallbackInfo& info);
  ByteBlock bytes_;
  size_t written_ = 0;
};

}  // namespace trtnode
