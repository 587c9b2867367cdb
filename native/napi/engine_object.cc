#include "napi/engine_object.h"

#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/plan_object.h"
#include "napi/request_object.h"

namespace trtnode {
namespace {

class LoadOperation final : public ThreadOperation {
 public:
  LoadOperation(Napi::Env env, LibraryFiles files, ByteBlock plan, int device)
      : ThreadOperation(env), files_(std::move(files)), plan_(std::move(plan)), device_(device) {}

 protected:
  void Execute() override { session_ = EngineSession::Load(files_, &plan_, device_); }
  Napi::Value Result(Napi::Env env) override {
    return EngineObject::Create(env, std::move(session_));
  }

 private:
  const LibraryFiles files_;
  ByteBlock plan_;
  const int device_;
  std::shared_ptr<EngineSession> session_;
};

class InspectOperation final : public ThreadOperation {
 public:
  InspectOperation(Napi::Env env, std::shared_ptr<EngineSession> session)
      : ThreadOperation(env), session_(std::move(session)) {}

 protected:
  void Execute() override { text_ = session_->Inspect(); }
  Napi::Value Result(Napi::Env env) override { return Napi::String::New(env, text_); }

 private:
  const std::shared_ptr<EngineSession> session_;
  std::string text_;
};

class CloseOperation final : public ThreadOperation {
 public:
  CloseOperation(Napi::Env env, std::shared_ptr<EngineSession> session)
      : ThreadOperation(env), session_(std::move(session)) {}

 protected:
  void Execute() override { session_->Close(Pending::kFinish); }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::shared_ptr<EngineSession> session_;
};

Napi::Value LoadEngine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&]() -> Napi::Value {
    const auto request = info[0].As<Napi::Object>();
    LibraryFiles files = ReadLibraryFiles(request.Get("library").As<Napi::Object>());
    ByteBlock plan = Unwrap<PlanObject>(request.Get("plan"), "plan").Take();
    const int device = request.Get("device").As<Napi::Number>().Int32Value();
    return DataOf(env).state->Start(
        std::make_unique<LoadOperation>(env, std::move(files), std::move(plan), device));
  });
}

}  // namespace

void EngineObject::Define(Napi::Env env, AddonData* data) {
  data->engine_constructor =
      Napi::Persistent(DefineClass(env, "NativeEngine",
                                   {InstanceMethod<&EngineObject::CreateRequest>("createRequest"),
                                    InstanceMethod<&EngineObject::Inspect>("inspect"),
                                    InstanceMethod<&EngineObject::Close>("close")}));
}

Napi::Object EngineObject::Create(Napi::Env env, std::shared_ptr<EngineSession> session) {
  Napi::Object object = DataOf(env).engine_constructor.New({});
  object.TypeTag(&kTypeTag);
  object.Set("flavour", FlavourName(session->flavour()));
  object.Set("version", session->version().ToString());
  object.Set("inputs", ToJs(env, session->inputs()));
  object.Set("outputs", ToJs(env, session->outputs()));
  object.Set("profiles", ToJs(env, session->profiles()));
  object.Set("gpu", ToJs(env, session->device().info()));
  object.Set("deviceMemoryBytes", static_cast<double>(session->device_memory_bytes()));
  EngineObject* const self = Unwrap(object);
  self->state_->Watch(session);
  self->session_ = std::move(session);
  return object;
}

void EngineObject::Finalize(Napi::BasicEnv) {
  if (session_) state_->CloseInBackground(session_);
}

Napi::Value EngineObject::CreateRequest(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    auto job = std::make_shared<InferJob>();
    job->profile = info[0].As<Napi::Number>().Int32Value();
    const auto dims = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < dims.Length(); ++i) job->input_dims.push_back(ReadDims(dims.Get(i)));
    const auto wanted = info[2].As<Napi::Array>();
    for (uint32_t i = 0; i < wanted.Length(); ++i) job->wanted.push_back(wanted.Get(i).ToBoolean());
    return RequestObject::Create(info.Env(), session_, std::move(job));
  });
}

Napi::Value EngineObject::Inspect(const Napi::CallbackInfo& info) {
  return state_->Start(std::make_unique<InspectOperation>(info.Env(), session_));
}

Napi::Value EngineObject::Close(const Napi::CallbackInfo& info) {
  return state_->Start(std::make_unique<CloseOperation>(info.Env(), session_));
}

void RegisterEngine(Napi::Env env, Napi::Object exports, AddonData* data) {
  EngineObject::Define(env, data);
  exports.Set("loadEngine", Napi::Function::New<LoadEngine>(env, "loadEngine"));
}

}  // namespace trtnode
