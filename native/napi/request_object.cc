#include "napi/request_object.h"

#include <cstring>

#include "core/activity.h"
#include "napi/bindings.h"
#include "napi/convert.h"

namespace trtnode {
namespace {

// Up to here staging is pinned on the JS thread; pinning more of it would hold the event loop up.
constexpr size_t kPinnedAtOnceBytes = size_t{1} << 20;

// From here on an output's pinned memory is lent to JavaScript instead of copied.
constexpr size_t kExternalFromBytes = size_t{64} << 10;

using SharedLease = std::shared_ptr<PinnedLease>;

void ReturnLease(node_api_basic_env, void*, void* hint) { delete static_cast<SharedLease*>(hint); }

// An ArrayBuffer over the lease's own memory; null where Node (or Electron) forbids external buffers.
napi_value TryExternal(Napi::Env env, InferOutput* output) {
  const auto lease = std::make_shared<PinnedLease>(std::move(output->memory));
  auto* const hint = new SharedLease(lease);
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, lease->data(), output->size_bytes, ReturnLease, hint, &buffer);
  if (status == napi_ok) return buffer;
  // A refusal may or may not have called the finalizer (it does beyond the longest ArrayBuffer), and may have thrown.
  if (lease.use_count() > 1) delete hint;
  output->memory = std::move(*lease);
  bool thrown = false;
  napi_is_exception_pending(env, &thrown);
  napi_value ignored = nullptr;
  if (thrown) napi_get_and_clear_last_exception(env, &ignored);
  return nullptr;
}

Napi::Value OutputBuffer(Napi::Env env, InferOutput* output) {
  if (output->size_bytes >= kExternalFromBytes) {
    if (napi_value external = TryExternal(env, output)) return Napi::Value(env, external);
  }
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, output->size_bytes);
  if (output->size_bytes > 0) {
    std::memcpy(buffer.Data(), output->memory.data(), output->size_bytes);
  }
  output->memory.Return();
  return buffer;
}

Napi::Object TimingToJs(Napi::Env env, const InferTiming& timing) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("queue", timing.queue);
  object.Set("enqueue", timing.enqueue);
  object.Set("h2d", timing.h2d);
  object.Set("compute", timing.compute);
  object.Set("d2h", timing.d2h);
  object.Set("total", timing.total);
  return object;
}

Napi::Object ToJsResult(Napi::Env env, InferJob* job) {
  Napi::Array outputs = Napi::Array::New(env, job->outputs.size());
  for (uint32_t i = 0; i < job->outputs.size(); ++i) {
    if (!job->wanted[i]) {
      outputs.Set(i, env.Null());
      continue;
    }
    Napi::Object output = Napi::Object::New(env);
    output.Set("dims", ToJs(env, job->outputs[i].dims));
    output.Set("data", OutputBuffer(env, &job->outputs[i]));
    outputs.Set(i, output);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("outputs", outputs);
  result.Set("timing", job->timed ? Napi::Value(TimingToJs(env, job->timing)) : env.Null());
  return result;
}

// Settled by the lane, not by a thread of its own.
class InferOperation final : public Operation {
 public:
  InferOperation(Napi::Env env, std::shared_ptr<InferJob> job)
      : Operation(env), job_(std::move(job)) {}

 protected:
  Napi::Value Result(Napi::Env env) override {
    if (const std::optional<Error>& error = job_->error) throw *error;
    return ToJsResult(env, job_.get());
  }

 private:
  const std::shared_ptr<InferJob> job_;
};

// Takes the staging of a large request off the JS thread, which touches neither job nor request meanwhile.
class PrepareOperation final : public ThreadOperation {
 public:
  PrepareOperation(Napi::Env env, std::shared_ptr<EngineSession> session,
                   std::shared_ptr<InferJob> job)
      : ThreadOperation(env), session_(std::move(session)), job_(std::move(job)) {}

 protected:
  void Execute() override {
    const Activity activity;
    job_->staging = session_->TakeStaging(job_->staging_bytes);
  }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::shared_ptr<EngineSession> session_;
  const std::shared_ptr<InferJob> job_;
};

}  // namespace

void RequestObject::Define(Napi::Env env, AddonData* data) {
  data->request_constructor = Napi::Persistent(DefineClass(
      env, "NativeRequest",
      {InstanceMethod<&RequestObject::Prepare>("prepare"),
       InstanceMethod<&RequestObject::Write>("write"), InstanceMethod<&RequestObject::Run>("run"),
       InstanceMethod<&RequestObject::RunSync>("runSync"),
       InstanceMethod<&RequestObject::Release>("release")}));
}

Napi::Object RequestObject::Create(Napi::Env env, std::shared_ptr<EngineSession> session,
                                   std::shared_ptr<InferJob> job) {
  constexpr size_t kAlignment = 256;
  size_t total = 0;
  for (size_t i = 0; i < session->inputs().size(); ++i) {
    const size_t bytes = ByteCount(session->inputs()[i].type, job->input_dims[i]);
    job->input_offsets.push_back(total);
    job->input_bytes.push_back(bytes);
    total += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  job->staging_bytes = total;
  if (total <= kPinnedAtOnceBytes) job->staging = session->TakeStaging(total);
  Napi::Object object = DataOf(env).request_constructor.New({});
  RequestObject* const self = Unwrap(object);
  self->session_ = std::move(session);
  self->job_ = std::move(job);
  return object;
}

Napi::Value RequestObject::Prepare(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    if (!job_) throw Error(ErrorCode::kInvalidArg, "this request was run or released already");
    return DataOf(info.Env())
        .state->Start(std::make_unique<PrepareOperation>(info.Env(), session_, job_));
  });
}

void RequestObject::Write(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    if (!job_) throw Error(ErrorCode::kInvalidArg, "this request was run or released already");
    const uint32_t index = info[0].As<Napi::Number>().Uint32Value();
    const auto offset = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
    const ByteView view = ReadBytes(info[2]);
    if (index >= job_->input_bytes.size() || offset > job_->input_bytes[index] ||
        view.size > job_->input_bytes[index] - offset) {
      throw Error(ErrorCode::kInvalidArg, "more bytes were written than the input has");
    }
    if (view.size == 0) return;
    if (!job_->staging) job_->staging = session_->TakeStaging(job_->staging_bytes);
    std::memcpy(job_->staging.data() + job_->input_offsets[index] + offset, view.data, view.size);
  });
}

std::shared_ptr<InferJob> RequestObject::TakeJob(const Napi::CallbackInfo& info) {
  if (!job_) throw Error(ErrorCode::kInvalidArg, "this request was run or released already");
  job_->timed = info[0].ToBoolean();
  return std::exchange(job_, nullptr);
}

Napi::Value RequestObject::Run(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<InferJob> job = TakeJob(info);
    const std::shared_ptr<EnvState>& state = DataOf(info.Env()).state;
    auto operation = std::make_unique<InferOperation>(info.Env(), job);
    const Napi::Promise promise = operation->promise();
    const uint64_t id = state->Register(std::move(operation));
    // The lane's thread is joined before the environment's state goes, so a plain pointer is enough.
    job->done = [state = state.get(), id] { state->Finish(id); };
    session_->Submit(job);
    return promise;
  });
}

Napi::Value RequestObject::RunSync(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<InferJob> job = TakeJob(info);
    session_->RunNow(job.get());
    if (const std::optional<Error>& error = job->error) throw *error;
    return ToJsResult(info.Env(), job.get());
  });
}

void RequestObject::Release(const Napi::CallbackInfo&) { job_.reset(); }

void RegisterRequest(Napi::Env env, AddonData* data) { RequestObject::Define(env, data); }

}  // namespace trtnode
