#include "napi/staging_object.h"

#include <cstring>
#include <utility>

#include "core/activity.h"
#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/pinned_array.h"

namespace trtnode {
namespace {

Error Gone() { return Error(ErrorCode::kInvalidArg, "this staging was used or released already"); }

}  // namespace

class StagingObject::PrepareOperation final : public ThreadOperation {
 public:
  PrepareOperation(Napi::Env env, std::shared_ptr<EngineSession> session, size_t size,
                   std::shared_ptr<Memory> memory)
      : ThreadOperation(env),
        session_(std::move(session)),
        size_(size),
        memory_(std::move(memory)) {}

 protected:
  void Execute() override {
    const Activity activity;
    lease_ = session_->TakeStaging(size_);
  }
  Napi::Value Result(Napi::Env env) override {
    if (!memory_->lease) memory_->lease = std::move(lease_);
    return env.Undefined();
  }

 private:
  const std::shared_ptr<EngineSession> session_;
  const size_t size_;
  const std::shared_ptr<Memory> memory_;
  PinnedLease lease_;
};

void StagingObject::Define(Napi::Env env, AddonData* data) {
  data->staging_constructor =
      Napi::Persistent(DefineClass(env, "NativeStaging",
                                   {InstanceMethod<&StagingObject::Prepare>("prepare"),
                                    InstanceMethod<&StagingObject::Write>("write"),
                                    InstanceMethod<&StagingObject::Release>("release")}));
}

Napi::Object StagingObject::Create(Napi::Env env, std::shared_ptr<EngineSession> session,
                                   std::shared_ptr<const CallPlan> plan) {
  auto memory = std::make_shared<Memory>();
  if (plan->staging_bytes <= kPinnedAtOnceBytes) {
    memory->lease = session->TakeStaging(plan->staging_bytes);
  }
  Napi::Object object = DataOf(env).staging_constructor.New({});
  object.TypeTag(&kTypeTag);
  StagingObject* const self = Unwrap(object);
  self->session_ = std::move(session);
  self->plan_ = std::move(plan);
  self->memory_ = std::move(memory);
  return object;
}

PinnedLease StagingObject::Take(const CallPlan& plan) {
  if (!memory_) throw Gone();
  if (plan_->id != plan.id) {
    throw Error(ErrorCode::kInvalidArg, "this staging is for another call");
  }
  return std::move(std::exchange(memory_, nullptr)->lease);
}

Napi::Value StagingObject::Prepare(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    if (!memory_) throw Gone();
    return DataOf(info.Env())
        .state->Start(std::make_unique<PrepareOperation>(info.Env(), session_, plan_->staging_bytes,
                                                         memory_));
  });
}

void StagingObject::Write(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    if (!memory_) throw Gone();
    const uint32_t index = info[0].As<Napi::Number>().Uint32Value();
    const auto offset = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
    const ByteView view = ReadBytes(info[2]);
    if (index >= plan_->input_bytes.size() || offset > plan_->input_bytes[index] ||
        view.size > plan_->input_bytes[index] - offset) {
      throw Error(ErrorCode::kInvalidArg, "more bytes were written than the input has");
    }
    if (view.size == 0) return;
    PinnedLease& lease = memory_->lease;
    if (!lease) lease = session_->TakeStaging(plan_->staging_bytes);
    std::memcpy(lease.data() + plan_->staging_offsets[index] + offset, view.data, view.size);
  });
}

void StagingObject::Release(const Napi::CallbackInfo&) { memory_.reset(); }

void RegisterStaging(Napi::Env env, AddonData* data) { StagingObject::Define(env, data); }

}  // namespace trtnode
