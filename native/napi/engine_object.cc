#include "napi/engine_object.h"

#include <cstring>
#include <functional>

#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/plan_object.h"
#include "napi/request_object.h"

namespace trtnode {
namespace {

class LoadOperation final : public ThreadOperation {
 public:
  LoadOperation(Napi::Env env, LibraryFiles files, LoadSpec spec, ByteBlock plan, int device)
      : ThreadOperation(env),
        files_(std::move(files)),
        spec_(std::move(spec)),
        plan_(std::move(plan)),
        device_(device) {}

 protected:
  void Execute() override { session_ = EngineSession::Load(files_, spec_, &plan_, device_); }
  Napi::Value Result(Napi::Env env) override {
    return EngineObject::Create(env, std::move(session_));
  }

 private:
  const LibraryFiles files_;
  const LoadSpec spec_;
  ByteBlock plan_;
  const int device_;
  std::shared_ptr<EngineSession> session_;
};

// A call of the session's, and what JavaScript gets of its result.
template <typename Answer>
class SessionOperation final : public ThreadOperation {
 public:
  using Work = std::function<Answer(EngineSession&)>;
  using Convert = Napi::Value (*)(Napi::Env env, const Answer& answer);

  SessionOperation(Napi::Env env, std::shared_ptr<EngineSession> session, Work work,
                   Convert convert)
      : ThreadOperation(env),
        session_(std::move(session)),
        work_(std::move(work)),
        convert_(convert) {}

 protected:
  void Execute() override { answer_ = work_(*session_); }
  Napi::Value Result(Napi::Env env) override { return convert_(env, answer_); }

 private:
  const std::shared_ptr<EngineSession> session_;
  const Work work_;
  const Convert convert_;
  Answer answer_{};
};

Napi::Value StringToJs(Napi::Env env, const std::string& text) {
  return Napi::String::New(env, text);
}

Napi::Value WeightsToJs(Napi::Env env, const RefittableWeights& weights) {
  Napi::Array all = Napi::Array::New(env, weights.all.size());
  uint32_t index = 0;
  for (const WeightsInfo& info : weights.all) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", info.name);
    object.Set("type", DataTypeName(info.type));
    object.Set("elements", static_cast<double>(info.elements));
    all.Set(index++, object);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("all", all);
  object.Set("missing", ToJs(env, weights.missing));
  return object;
}

Napi::Value DigestToJs(Napi::Env env, const FileDigest& digest) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("sha256", digest.sha256);
  object.Set("sizeBytes", static_cast<double>(digest.size_bytes));
  return object;
}

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

LoadSpec ReadLoadSpec(const Napi::Object& request) {
  LoadSpec spec;
  spec.plugins = ReadPlugins(request);
  spec.host_code = request.Get("hostCode").ToBoolean();
  const Napi::Value budget = request.Get("weightStreamingBudget");
  if (budget.IsString()) {
    spec.weight_streaming_budget = WeightStreamingBudget{true, 0};
  } else if (budget.IsNumber()) {
    spec.weight_streaming_budget =
        WeightStreamingBudget{false, static_cast<uint64_t>(budget.As<Napi::Number>().Int64Value())};
  }
  spec.await_refit = request.Get("awaitRefit").ToBoolean();
  return spec;
}

NamedWeights ReadNamedWeights(const Napi::Object& object) {
  NamedWeights weights;
  weights.info.name = object.Get("name").ToString();
  weights.info.type = ReadDataType(object.Get("type"));
  weights.info.elements = object.Get("elements").As<Napi::Number>().Int64Value();
  const ByteView view = ReadBytes(object.Get("data"));
  weights.data = ByteBlock(view.size);
  if (view.size > 0) std::memcpy(weights.data.data(), view.data, view.size);
  return weights;
}

RefitSource ReadRefitSource(const Napi::Object& source) {
  const Napi::Value given = source.Get("weights");
  if (!given.IsArray()) {
    return ModelWeights{ReadModelFile(source), source.Get("parser").ToString()};
  }
  std::vector<NamedWeights> weights;
  const auto array = given.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    weights.push_back(ReadNamedWeights(array.Get(i).As<Napi::Object>()));
  }
  return weights;
}

Napi::Value LoadEngine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&]() -> Napi::Value {
    const auto request = info[0].As<Napi::Object>();
    LibraryFiles files = ReadLibraryFiles(request.Get("library").As<Napi::Object>());
    ByteBlock plan = Unwrap<PlanObject>(request.Get("plan"), "plan").Take();
    const int device = request.Get("device").As<Napi::Number>().Int32Value();
    return DataOf(env).state->Start(std::make_unique<LoadOperation>(
        env, std::move(files), ReadLoadSpec(request), std::move(plan), device));
  });
}

}  // namespace

void EngineObject::Define(Napi::Env env, AddonData* data) {
  data->engine_constructor = Napi::Persistent(
      DefineClass(env, "NativeEngine",
                  {InstanceMethod<&EngineObject::CreateRequest>("createRequest"),
                   InstanceMethod<&EngineObject::Inspect>("inspect"),
                   InstanceMethod<&EngineObject::Refit>("refit"),
                   InstanceMethod<&EngineObject::RefittableWeights>("refittableWeights"),
                   InstanceMethod<&EngineObject::Serialize>("serialize"),
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
  object.Set("streamableWeightsBytes", static_cast<double>(session->streamable_weights_bytes()));
  object.Set("weightStreamingBudgetBytes",
             static_cast<double>(session->weight_streaming_budget_bytes()));
  object.Set("refittable", session->refittable());
  object.Set("hardwareCompatibilityLevel", NameOf(session->hardware_compatibility_level()));
  object.Set("auxStreams", session->aux_streams());
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
  return state_->Start(std::make_unique<SessionOperation<std::string>>(
      info.Env(), session_, [](EngineSession& session) { return session.Inspect(); }, StringToJs));
}

Napi::Value EngineObject::Refit(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    using Names = std::vector<std::string>;
    // std::function wants to copy what it holds.
    auto source = std::make_shared<RefitSource>(ReadRefitSource(info[0].As<Napi::Object>()));
    return state_->Start(std::make_unique<SessionOperation<Names>>(
        info.Env(), session_,
        [source](EngineSession& session) { return session.Refit(std::move(*source)); },
        [](Napi::Env env, const Names& missing) { return ToJs(env, missing); }));
  });
}

Napi::Value EngineObject::RefittableWeights(const Napi::CallbackInfo& info) {
  return state_->Start(std::make_unique<SessionOperation<trtnode::RefittableWeights>>(
      info.Env(), session_, [](EngineSession& session) { return session.ListWeights(); },
      WeightsToJs));
}

Napi::Value EngineObject::Serialize(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString();
  return state_->Start(std::make_unique<SessionOperation<FileDigest>>(
      info.Env(), session_, [path](EngineSession& session) { return session.Serialize(path); },
      DigestToJs));
}

Napi::Value EngineObject::Close(const Napi::CallbackInfo& info) {
  return state_->Start(std::make_unique<CloseOperation>(info.Env(), session_));
}

void RegisterEngine(Napi::Env env, Napi::Object exports, AddonData* data) {
  EngineObject::Define(env, data);
  exports.Set("loadEngine", Napi::Function::New<LoadEngine>(env, "loadEngine"));
}

}  // namespace trtnode
