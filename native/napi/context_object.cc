#include "napi/context_object.h"

#include <utility>

#include "core/activity.h"
#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/device_object.h"
#include "napi/device_work.h"
#include "napi/stream_object.h"

namespace trtnode {
namespace {

Error ContextClosed() {
  return Error(ErrorCode::kInvalidArg,
               "this execution context is closed. engine.createContext() makes another");
}

class CreateContextOperation final : public ThreadOperation {
 public:
  CreateContextOperation(Napi::Env env, std::shared_ptr<EngineSession> session, int profile)
      : ThreadOperation(env), session_(std::move(session)), profile_(profile) {}

 protected:
  void Execute() override { context_ = session_->CreateContext(profile_); }
  Napi::Value Result(Napi::Env env) override {
    return ContextObject::Create(env, std::move(context_));
  }

 private:
  const std::shared_ptr<EngineSession> session_;
  const int profile_;
  std::shared_ptr<ManualContext> context_;
};

class CaptureOperation final : public ThreadOperation {
 public:
  CaptureOperation(Napi::Env env, std::shared_ptr<ManualContext> context)
      : ThreadOperation(env), context_(std::move(context)) {}

 protected:
  void Execute() override {
    const Activity activity;
    graph_ = context_->Capture();
  }
  Napi::Value Result(Napi::Env env) override {
    return GraphObject::Create(env, context_, std::move(graph_));
  }

 private:
  const std::shared_ptr<ManualContext> context_;
  std::shared_ptr<ContextGraph> graph_;
};

class CloseContextOperation final : public ThreadOperation {
 public:
  CloseContextOperation(Napi::Env env, std::shared_ptr<ManualContext> context)
      : ThreadOperation(env), context_(std::move(context)) {}

 protected:
  void Execute() override {
    const Activity activity;
    context_->Close(ContextClosed());
  }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::shared_ptr<ManualContext> context_;
};

size_t IndexOf(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

}  // namespace

void ContextObject::Define(Napi::Env env, AddonData* data) {
  data->context_constructor = Napi::Persistent(
      DefineClass(env, "NativeContext",
                  {InstanceMethod<&ContextObject::SetInputDims>("setInputDims"),
                   InstanceMethod<&ContextObject::SetInputValues>("setInputValues"),
                   InstanceMethod<&ContextObject::OutputDims>("outputDims"),
                   InstanceMethod<&ContextObject::Bind>("bind"),
                   InstanceMethod<&ContextObject::Enqueue>("enqueue"),
                   InstanceMethod<&ContextObject::Capture>("capture"),
                   InstanceMethod<&ContextObject::Close>("close")}));
}

ContextObject::ContextObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), work_(DataOf(info.Env()).device_work) {}

Napi::Object ContextObject::Create(Napi::Env env, std::shared_ptr<ManualContext> context) {
  Napi::Object object = DataOf(env).context_constructor.New({});
  Unwrap(object)->context_ = std::move(context);
  return object;
}

Napi::Value ContextObject::CreateFor(Napi::Env env, std::shared_ptr<EngineSession> session,
                                     int profile) {
  return DataOf(env).state->Start(
      std::make_unique<CreateContextOperation>(env, std::move(session), profile));
}

void ContextObject::Finalize(Napi::BasicEnv) {
  if (!context_) return;
  const Device& device = context_->device();
  work_->Drop(device, std::move(context_));
}

void ContextObject::SetInputDims(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] { context_->SetInputDims(IndexOf(info[0]), ReadDims(info[1])); });
}

void ContextObject::SetInputValues(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const ByteView view = ReadBytes(info[1]);
    context_->SetInputValues(IndexOf(info[0]), view.data, view.size);
  });
}

Napi::Value ContextObject::OutputDims(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    return ToJs(info.Env(), context_->OutputDims(IndexOf(info[0])));
  });
}

void ContextObject::Bind(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const bool is_input = info[0].ToString().Utf8Value() == "input";
    const size_t index = IndexOf(info[1]);
    std::shared_ptr<DeviceMemory> memory = DeviceObject::MemoryOf(info[2], "memory");
    std::shared_ptr<DeviceMemory> before = is_input
                                               ? context_->BindInput(index, std::move(memory))
                                               : context_->BindOutput(index, std::move(memory));
    // Another handle has it, most often; when none does, this frees it.
    if (before && before.use_count() == 1) work_->Free(std::move(before));
  });
}

void ContextObject::Enqueue(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] { context_->Enqueue(StreamObject::StreamOf(info[0], "stream")); });
}

Napi::Value ContextObject::Capture(const Napi::CallbackInfo& info) {
  return DataOf(info.Env()).state->Start(std::make_unique<CaptureOperation>(info.Env(), context_));
}

Napi::Value ContextObject::Close(const Napi::CallbackInfo& info) {
  return DataOf(info.Env())
      .state->Start(std::make_unique<CloseContextOperation>(info.Env(), context_));
}

void GraphObject::Define(Napi::Env env, AddonData* data) {
  data->graph_constructor =
      Napi::Persistent(DefineClass(env, "NativeGraph",
                                   {InstanceMethod<&GraphObject::Launch>("launch"),
                                    InstanceMethod<&GraphObject::Close>("close")}));
}

GraphObject::GraphObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), work_(DataOf(info.Env()).device_work) {}

Napi::Object GraphObject::Create(Napi::Env env, std::shared_ptr<ManualContext> context,
                                 std::shared_ptr<ContextGraph> graph) {
  Napi::Object object = DataOf(env).graph_constructor.New({});
  GraphObject* const self = Unwrap(object);
  self->context_ = std::move(context);
  self->graph_ = std::move(graph);
  return object;
}

void GraphObject::LetGo() {
  if (!graph_) return;
  const Device& device = context_->device();
  work_->Drop(device, std::move(graph_));
  work_->Drop(device, std::move(context_));
}

void GraphObject::Finalize(Napi::BasicEnv) { LetGo(); }

void GraphObject::Launch(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    if (!graph_) throw Error(ErrorCode::kInvalidArg, "this captured graph is closed");
    context_->Launch(*graph_, StreamObject::StreamOf(info[0], "stream"));
  });
}

void GraphObject::Close(const Napi::CallbackInfo&) { LetGo(); }

void RegisterContext(Napi::Env env, AddonData* data) {
  ContextObject::Define(env, data);
  GraphObject::Define(env, data);
}

}  // namespace trtnode
