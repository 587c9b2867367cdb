// A plan's bytes in native memory, and the writer that collects one from JavaScript.
#pragma once

#include <string>

#include "core/file.h"
#include "napi/addon_data.h"

namespace trtnode {

// Digests of a plan, as a manifest has them.
enum class PlanHash { kSha256, kChunksSha256 };

struct PlanDigests {
  std::string sha256;         // empty: not known yet
  std::string chunks_sha256;  // the same

  std::string& Of(PlanHash hash) { return hash == PlanHash::kSha256 ? sha256 : chunks_sha256; }
};

class PlanObject : public Napi::ObjectWrap<PlanObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x8d1f1c2a9b7e4c31, 0xa5c3f9d07e2b4411};

  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, ByteBlock bytes, PlanDigests known = {});

  explicit PlanObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

  // Leaves the handle empty. Throws Error(kInvalidArg) when it already is, or while its bytes are hashed.
  ByteBlock Take();
  // Of a hashing that was given the bytes.
  void GiveBack(ByteBlock bytes, PlanHash hash, const std::string& digest);

 private:
  Napi::Value Hash(const Napi::CallbackInfo& info);
  void Release(const Napi::CallbackInfo&);
  ByteBlock bytes_;
  bool released_ = false;
  PlanDigests known_;
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
