#include "napi/plan_object.h"

#include <algorithm>
#include <cstring>

#include "core/sha256.h"
#include "napi/bindings.h"
#include "napi/convert.h"

namespace trtnode {
namespace {

class ReadPlanOperation final : public ThreadOperation {
 public:
  ReadPlanOperation(Napi::Env env, std::string path)
      : ThreadOperation(env), path_(std::move(path)) {}

 protected:
  void Execute() override { bytes_ = ReadFile(path_, &digest_); }
  Napi::Value Result(Napi::Env env) override {
    return PlanObject::Create(env, std::move(bytes_), digest_);
  }

 private:
  const std::string path_;
  ByteBlock bytes_;
  FileDigest digest_;
};

class SealPlanOperation final : public ThreadOperation {
 public:
  SealPlanOperation(Napi::Env env, ByteBlock bytes)
      : ThreadOperation(env), bytes_(std::move(bytes)) {}

 protected:
  void Execute() override {
    Sha256 hash;
    hash.Update(bytes_.data(), bytes_.size());
    digest_ = {hash.FinishHex(), bytes_.size()};
  }
  Napi::Value Result(Napi::Env env) override {
    return PlanObject::Create(env, std::move(bytes_), digest_);
  }

 private:
  ByteBlock bytes_;
  FileDigest digest_;
};

Napi::Value ReadPlan(const Napi::CallbackInfo& info) {
  return DataOf(info.Env())
      .state->Start(std::make_unique<ReadPlanOperation>(info.Env(), info[0].ToString()));
}

Napi::Value CreatePlan(const Napi::CallbackInfo& info) {
  return DataOf(info.Env()).plan_writer_constructor.New({info[0]});
}

}  // namespace

void PlanObject::Define(Napi::Env env, AddonData* data) {
  data->plan_constructor = Napi::Persistent(
      DefineClass(env, "NativePlan", {InstanceMethod<&PlanObject::Release>("release")}));
}

Napi::Object PlanObject::Create(Napi::Env env, ByteBlock bytes, const FileDigest& digest) {
  Napi::Object object = DataOf(env).plan_constructor.New({});
  object.TypeTag(&kTypeTag);
  constexpr size_t kHeaderBytes = 64;
  const size_t shown = std::min(kHeaderBytes, bytes.size());
  Napi::Uint8Array header = Napi::Uint8Array::New(env, shown);
  std::memcpy(header.Data(), bytes.data(), shown);
  object.Set("header", header);
  object.Set("sha256", digest.sha256);
  object.Set("sizeBytes", static_cast<double>(digest.size_bytes));
  Unwrap(object)->bytes_ = std::move(bytes);
  return object;
}

ByteBlock PlanObject::Take() {
  if (bytes_.data() == nullptr) {
    throw Error(ErrorCode::kInvalidArg, "this plan's bytes were released or used already");
  }
  return std::exchange(bytes_, ByteBlock());
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
    return DataOf(info.Env())
        .state->Start(
            std::make_unique<SealPlanOperation>(info.Env(), std::exchange(bytes_, ByteBlock())));
  });
}

void RegisterPlan(Napi::Env env, Napi::Object exports, AddonData* data) {
  PlanObject::Define(env, data);
  PlanWriterObject::Define(env, data);
  exports.Set("readPlan", Napi::Function::New<ReadPlan>(env, "readPlan"));
  exports.Set("createPlan", Napi::Function::New<CreatePlan>(env, "createPlan"));
}

}  // namespace trtnode
