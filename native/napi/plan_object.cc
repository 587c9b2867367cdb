#include "napi/plan_object.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/chunks.h"
#include "core/sha256.h"
#include "napi/bindings.h"
#include "napi/convert.h"

namespace trtnode {
namespace {

PlanHash ToPlanHash(const Napi::Value& value) {
  return value.ToString().Utf8Value() == "chunksSha256" ? PlanHash::kChunksSha256
                                                        : PlanHash::kSha256;
}

std::string HashOf(const ByteBlock& bytes, PlanHash hash) {
  if (hash == PlanHash::kChunksSha256) return ChunksSha256(bytes.data(), bytes.size());
  Sha256 sha256;
  sha256.Update(bytes.data(), bytes.size());
  return sha256.FinishHex();
}

class ReadPlanOperation final : public ThreadOperation {
 public:
  ReadPlanOperation(Napi::Env env, std::string path, std::optional<PlanHash> hash)
      : ThreadOperation(env), path_(std::move(path)), hash_(hash) {}

 protected:
  void Execute() override {
    if (hash_ == PlanHash::kSha256) {
      FileDigest digest;
      bytes_ = ReadFile(path_, &digest);
      digests_.sha256 = std::move(digest.sha256);
    } else {
      bytes_ = ReadFileInChunks(path_, hash_ ? &digests_.chunks_sha256 : nullptr);
    }
  }
  Napi::Value Result(Napi::Env env) override {
    return PlanObject::Create(env, std::move(bytes_), std::move(digests_));
  }

 private:
  const std::string path_;
  const std::optional<PlanHash> hash_;
  ByteBlock bytes_;
  PlanDigests digests_;
};

// Has the plan's bytes meanwhile, so that nobody frees them.
class HashPlanOperation final : public ThreadOperation {
 public:
  HashPlanOperation(Napi::Env env, Napi::ObjectReference plan, ByteBlock bytes, PlanHash hash)
      : ThreadOperation(env), plan_(std::move(plan)), bytes_(std::move(bytes)), hash_(hash) {}

 protected:
  void Execute() override { digest_ = HashOf(bytes_, hash_); }
  Napi::Value Result(Napi::Env env) override {
    PlanObject::Unwrap(plan_.Value())->GiveBack(std::move(bytes_), hash_, digest_);
    return Napi::String::New(env, digest_);
  }

 private:
  const Napi::ObjectReference plan_;
  ByteBlock bytes_;
  const PlanHash hash_;
  std::string digest_;
};

Napi::Value ReadPlan(const Napi::CallbackInfo& info) {
  std::optional<PlanHash> hash;
  if (info[1].IsString()) hash = ToPlanHash(info[1]);
  return DataOf(info.Env())
      .state->Start(std::make_unique<ReadPlanOperation>(info.Env(), info[0].ToString(), hash));
}

Napi::Value CreatePlan(const Napi::CallbackInfo& info) {
  return DataOf(info.Env()).plan_writer_constructor.New({info[0]});
}

}  // namespace

void PlanObject::Define(Napi::Env env, AddonData* data) {
  data->plan_constructor =
      Napi::Persistent(DefineClass(env, "NativePlan",
                                   {InstanceMethod<&PlanObject::Hash>("hash"),
                                    InstanceMethod<&PlanObject::Release>("release")}));
}

Napi::Object PlanObject::Create(Napi::Env env, ByteBlock bytes, PlanDigests known) {
  Napi::Object object = DataOf(env).plan_constructor.New({});
  object.TypeTag(&kTypeTag);
  constexpr size_t kHeaderBytes = 64;
  const size_t shown = std::min(kHeaderBytes, bytes.size());
  Napi::Uint8Array header = Napi::Uint8Array::New(env, shown);
  std::memcpy(header.Data(), bytes.data(), shown);
  object.Set("header", header);
  object.Set("sizeBytes", static_cast<double>(bytes.size()));
  PlanObject* const plan = Unwrap(object);
  plan->bytes_ = std::move(bytes);
  plan->known_ = std::move(known);
  return object;
}

ByteBlock PlanObject::Take() {
  if (bytes_.data() == nullptr) {
    throw Error(ErrorCode::kInvalidArg,
                "this plan's bytes were released or used already, or are being hashed");
  }
  return std::exchange(bytes_, ByteBlock());
}

void PlanObject::GiveBack(ByteBlock bytes, PlanHash hash, const std::string& digest) {
  known_.Of(hash) = digest;
  if (!released_) bytes_ = std::move(bytes);
}

Napi::Value PlanObject::Hash(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const PlanHash hash = ToPlanHash(info[0]);
    if (const std::string& known = known_.Of(hash); !known.empty()) {
      const auto deferred = Napi::Promise::Deferred::New(info.Env());
      deferred.Resolve(Napi::String::New(info.Env(), known));
      return deferred.Promise();
    }
    auto operation = std::make_unique<HashPlanOperation>(
        info.Env(), Napi::Persistent(info.This().As<Napi::Object>()), Take(), hash);
    return DataOf(info.Env()).state->Start(std::move(operation));
  });
}

void PlanObject::Release(const Napi::CallbackInfo& /*info*/) {
  released_ = true;
  bytes_.Reset();
}

void PlanWriterObject::Define(Napi::Env env, AddonData* data) {
  data->plan_writer_constructor =
      Napi::Persistent(DefineClass(env, "NativePlanWriter",
                                   {InstanceMethod<&PlanWriterObject::Write>("write"),
                                    InstanceMethod<&PlanWriterObject::Seal>("seal")}));
}

PlanWriterObject::PlanWriterObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guarded(info.Env(), [&] {
    bytes_ = ByteBlock(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
  });
}

void PlanWriterObject::Write(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const ByteView view = ReadBytes(info[0]);
    if (bytes_.data() == nullptr || view.size > bytes_.size() - written_) {
      throw Error(ErrorCode::kInvalidArg, "more bytes were written than the plan was made for");
    }
    std::memcpy(bytes_.data() + written_, view.data, view.size);
    written_ += view.size;
  });
}

Napi::Value PlanWriterObject::Seal(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    if (bytes_.data() == nullptr || written_ != bytes_.size()) {
      throw Error(ErrorCode::kInvalidArg, "fewer bytes were written than the plan was made for");
    }
    return PlanObject::Create(info.Env(), std::exchange(bytes_, ByteBlock()));
  });
}

void RegisterPlan(Napi::Env env, Napi::Object exports, AddonData* data) {
  PlanObject::Define(env, data);
  PlanWriterObject::Define(env, data);
  exports.Set("readPlan", Napi::Function::New<ReadPlan>(env, "readPlan"));
  exports.Set("createPlan", Napi::Function::New<CreatePlan>(env, "createPlan"));
}

}  // namespace trtnode
