#include "napi/infer_desk.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "core/activity.h"
#include "napi/convert.h"
#include "napi/device_work.h"
#include "napi/infer_arguments.h"
#include "napi/infer_result.h"
#include "napi/staging_object.h"

namespace trtnode {
namespace {

// Copying so much takes as long as a sleeping thread takes to wake.
constexpr size_t kCopyThatHidesWakeUp = size_t{64} << 10;

uint32_t NumberOf(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// Zeros, and for shape tensors what was given.
class WarmOperation final : public ThreadOperation {
 public:
  WarmOperation(Napi::Env env, std::shared_ptr<EngineSession> session,
                std::shared_ptr<const CallPlan> plan, size_t outputs,
                std::vector<std::vector<unsigned char>> values)
      : ThreadOperation(env), session_(std::move(session)), values_(std::move(values)) {
    job_.call = std::move(plan);
    job_.inputs.resize(job_.call->input_bytes.size());
    job_.targets.resize(outputs);
    for (OutputTarget& target : job_.targets) target.kind = OutputTarget::Kind::kFresh;
  }

 protected:
  void Execute() override {
    const CallPlan& plan = *job_.call;
    {
      const Activity activity;
      job_.staging = session_->TakeStaging(plan.staging_bytes);
    }
    if (plan.staging_bytes > 0) std::memset(job_.staging.data(), 0, plan.staging_bytes);
    for (size_t i = 0; i < values_.size(); ++i) {
      if (values_[i].size() != plan.input_bytes[i]) continue;
      if (values_[i].empty()) continue;
      std::memcpy(job_.staging.data() + plan.staging_offsets[i], values_[i].data(),
                  values_[i].size());
    }
    session_->Warm(&job_);
  }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::shared_ptr<EngineSession> session_;
  const std::vector<std::vector<unsigned char>> values_;
  InferJob job_;
};

}  // namespace

InferDesk::InferDesk(const AddonData& data, std::shared_ptr<EngineSession> session,
                     Napi::Reference<Napi::Object>* owner)
    : state_(data.state),
      work_(data.device_work),
      session_(std::move(session)),
      owner_(owner),
      completions_(std::make_shared<Completions>(state_.get(), this)),
      pace_(session_->options().waiting),
      slots_(completions_) {}

InferDesk::~InferDesk() { completions_->Disconnect(); }

Napi::Value InferDesk::RegisterCall(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    std::vector<Dims> dims;
    const auto given = info[1].As<Napi::Array>();
    dims.reserve(given.Length());
    for (uint32_t i = 0; i < given.Length(); ++i) dims.push_back(ReadDims(given.Get(i)));
    auto call = std::make_shared<RegisteredCall>();
    call->plan = session_->PlanCall(info[0].As<Napi::Number>().Int32Value(), std::move(dims));
    const auto targets = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i < targets.Length(); ++i) {
      call->targets.push_back(static_cast<CallTarget>(NumberOf(targets.Get(i))));
    }
    if (free_calls_.empty()) {
      free_calls_.push_back(static_cast<uint32_t>(calls_.size()));
      calls_.emplace_back();
    }
    const uint32_t number = free_calls_.back();
    free_calls_.pop_back();
    calls_[number] = std::move(call);
    return Napi::Number::New(info.Env(), number);
  });
}

void InferDesk::ReleaseCall(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    CallOf(info[0]);
    const uint32_t number = NumberOf(info[0]);
    calls_[number].reset();
    free_calls_.push_back(number);
  });
}

const std::shared_ptr<RegisteredCall>& InferDesk::CallOf(const Napi::Value& number) const {
  const uint32_t index = NumberOf(number);
  if (index < calls_.size() && calls_[index]) return calls_[index];
  throw Error(ErrorCode::kInvalidArg, "no call was registered under this number");
}

Napi::Value InferDesk::RunSync(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    Forget();
    const std::shared_ptr<RegisteredCall>& call = CallOf(info[0]);
    InferJob* const job = &sync_job_;
    try {
      FillJob(job, *call, session_.get(), info[1], info[2], info[3]);
      job->timed = info[4].ToBoolean();
      session_->RunNow(job);
      Napi::Value result = ResultToJs(info.Env(), job, call.get(), info[3]);
      if (IsRepeatable(*job, info[3])) {
        repeatable_ = call;
        LetGoOfMemory(job);
        result.As<Napi::Object>().Set("again", true);
      } else {
        EmptyJob(job, work_.get());
      }
      return result;
    } catch (...) {
      EmptyJob(job, work_.get());
      throw;
    }
  });
}

Napi::Value InferDesk::RunAgain(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    if (!repeatable_) throw Error(ErrorCode::kInvalidArg, "there is nothing to run again");
    try {
      if (!TakeHoldOfMemory(&sync_job_)) {
        throw Error(ErrorCode::kInvalidArg, "memory of the call before is gone");
      }
      session_->RunNow(&sync_job_);
      Napi::Value result = RepeatedResultToJs(info.Env(), &sync_job_, repeatable_.get());
      LetGoOfMemory(&sync_job_);
      return result;
    } catch (...) {
      Forget();
      throw;
    }
  });
}

void InferDesk::Forget() {
  if (!repeatable_) return;
  EmptyJob(&sync_job_, work_.get());
  repeatable_.reset();
}

Napi::Value InferDesk::Submit(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const uint32_t number = slots_.Take(CallOf(info[0]));
    const InferSlot& slot = slots_.At(number);
    InferJob* const job = slot.job.get();
    try {
      if (slot.call->plan->staging_bytes >= kCopyThatHidesWakeUp) session_->Expect();
      FillJob(job, *slot.call, session_.get(), info[1], info[2], info[3]);
      job->timed = info[4].ToBoolean();
      const double deadline_ms = info[5].As<Napi::Number>().DoubleValue();
      if (deadline_ms > 0) {
        job->deadline =
            InferJob::Clock::now() + std::chrono::duration_cast<InferJob::Clock::duration>(
                                         std::chrono::duration<double, std::milli>(deadline_ms));
      }
      if (info.Length() > 6) job->debug = ReadStrings(info[6]);
      completions_->Submitting();
      session_->Submit(slot.job);
      if (!completions_->Submitted()) throw Error(*job->error);
    } catch (...) {
      static_cast<void>(completions_->Submitted());
      Leave(number);
      throw;
    }
    Begin();
    return Napi::Number::New(info.Env(), number);
  });
}

Napi::Value InferDesk::Cancel(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const uint32_t number = NumberOf(info[0]);
    const bool cancelled = session_->Cancel(slots_.At(number).job.get());
    if (cancelled) {
      Leave(number);
      End(1);
    }
    return Napi::Boolean::New(info.Env(), cancelled);
  });
}

Napi::Value InferDesk::Collect(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const uint32_t number = NumberOf(info[0]);
    const InferSlot& slot = slots_.At(number);
    try {
      Napi::Value result = ResultToJs(info.Env(), slot.job.get(), slot.call.get(), info[1]);
      Leave(number);
      return result;
    } catch (...) {
      Leave(number);
      throw;
    }
  });
}

void InferDesk::Discard(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const uint32_t number = NumberOf(info[0]);
    slots_.At(number);
    Leave(number);
  });
}

void InferDesk::Leave(uint32_t slot) {
  EmptyJob(slots_.At(slot).job.get(), work_.get());
  slots_.Free(slot);
}

Napi::Value InferDesk::Completed(const Napi::CallbackInfo& info) {
  return TakeCompleted(info.Env());
}

Napi::Value InferDesk::Poll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (under_way_ == 0) return Napi::Boolean::New(env, false);
  Napi::Value slots = TakeCompleted(env);
  if (!slots.IsNull()) return slots;
  if (!pace_.GoesOn()) {
    // What comes between the look above and the sleep is not lost.
    if (!completions_->Sleep()) return TakeCompleted(env);
    pace_.Rest();
    return Napi::Boolean::New(env, false);
  }
  completions_->StayAwake();
  const PollPace::Clock::duration patience = pace_.Patience();
  if (patience > patience.zero() && completions_->Await(patience)) return TakeCompleted(env);
  pace_.OnTurn();
  return slots;
}

void InferDesk::OnWake(Napi::Env env) {
  const Napi::Object owner = owner_->Value();
  const Napi::Value slots = TakeCompleted(env);
  if (slots.IsNull()) return;
  owner.Get("onComplete").As<Napi::Function>().Call(owner, {slots});
}

Napi::Value InferDesk::TakeCompleted(Napi::Env env) {
  const std::vector<uint32_t>& done = completions_->Take();
  if (done.empty()) return env.Null();
  pace_.OnCompleted();
  Napi::Array slots = Napi::Array::New(env, done.size());
  for (uint32_t i = 0; i < done.size(); ++i) slots.Set(i, Napi::Number::New(env, done[i]));
  End(done.size());
  return slots;
}

void InferDesk::Begin() {
  if (pace_.OnSubmitted()) completions_->StayAwake();
  if (under_way_++ > 0) return;
  state_->KeepAlive();
  owner_->Ref();
}

void InferDesk::End(size_t count) {
  under_way_ -= count;
  if (under_way_ > 0) return;
  completions_->Sleep();
  pace_.Rest();
  state_->LetGo();
  owner_->Unref();
}

Napi::Value InferDesk::Stage(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    return StagingObject::Create(info.Env(), session_, CallOf(info[0])->plan);
  });
}

Napi::Value InferDesk::Warm(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const RegisteredCall& call = *CallOf(info[0]);
    std::vector<std::vector<unsigned char>> values;
    const auto given = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < given.Length(); ++i) {
      const Napi::Value value = given.Get(i);
      std::vector<unsigned char>& bytes = values.emplace_back();
      if (value.IsNull()) continue;
      const ByteView view = ReadBytes(value);
      bytes.assign(view.data, view.data + view.size);
    }
    return state_->Start(std::make_unique<WarmOperation>(info.Env(), session_, call.plan,
                                                         call.targets.size(), std::move(values)));
  });
}

}  // namespace trtnode
