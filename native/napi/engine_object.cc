#include "napi/engine_object.h"

#include <cstring>
#include <functional>

#include "exec/pinned_registry.h"
#include "napi/bindings.h"
#include "napi/context_object.h"
#include "napi/convert.h"
#include "napi/engine_insight.h"
#include "napi/infer_arguments.h"
#include "napi/lane_options.h"
#include "napi/pinned_array.h"
#include "napi/plan_object.h"

namespace trtnode {
namespace {

class LoadOperation final : public ThreadOperation {
 public:
  LoadOperation(Napi::Env env, LibraryFiles files, LoadSpec spec, ByteBlock plan, int device,
                const LaneOptions& options)
      : ThreadOperation(env),
        files_(std::move(files)),
        spec_(std::move(spec)),
        plan_(std::move(plan)),
        device_(device),
        options_(options) {}

 protected:
  void Execute() override {
    session_ = EngineSession::Load(files_, spec_, &plan_, device_, options_);
  }
  Napi::Value Result(Napi::Env env) override {
    return EngineObject::Create(env, std::move(session_));
  }

 private:
  const LibraryFiles files_;
  const LoadSpec spec_;
  ByteBlock plan_;
  const int device_;
  const LaneOptions options_;
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
  object.Set("chunksSha256", digest.chunks_sha256);
  object.Set("sizeBytes", static_cast<double>(digest.size_bytes));
  return object;
}

class CloseEngineOperation final : public ThreadOperation {
 public:
  CloseEngineOperation(Napi::Env env, std::shared_ptr<EngineSession> session)
      : ThreadOperation(env), session_(std::move(session)) {}

 protected:
  void Execute() override { session_->Close(Pending::kDiscard); }
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
  spec.fixed_weights = request.Get("fixedWeights").ToBoolean();
  const Napi::Value runtime_cache = request.Get("runtimeCache");
  if (runtime_cache.IsString()) spec.runtime_cache = runtime_cache.ToString();
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
  weights.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    weights.push_back(ReadNamedWeights(array.Get(i).As<Napi::Object>()));
  }
  return weights;
}

Napi::Value Detach(const Napi::CallbackInfo& info) {
  info[0].As<Napi::ArrayBuffer>().Detach();
  return info.Env().Undefined();
}

Napi::Value LoadEngine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&]() -> Napi::Value {
    const auto request = info[0].As<Napi::Object>();
    LibraryFiles files = ReadLibraryFiles(request.Get("library").As<Napi::Object>());
    ByteBlock plan = Unwrap<PlanObject>(request.Get("plan"), "plan").Take();
    const int device = request.Get("device").As<Napi::Number>().Int32Value();
    return DataOf(env).state->Start(
        std::make_unique<LoadOperation>(env, std::move(files), ReadLoadSpec(request),
                                        std::move(plan), device, ReadLaneOptions(request)));
  });
}

}  // namespace

void EngineObject::Define(Napi::Env env, AddonData* data) {
  data->engine_constructor = Napi::Persistent(
      DefineClass(env, "NativeEngine",
                  {InstanceMethod<&EngineObject::Desk<&InferDesk::RegisterCall>>("registerCall"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::ReleaseCall>>("releaseCall"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::RunSync>>("runSync"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::RunAgain>>("runAgain"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Submit>>("submit"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Cancel>>("cancel"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Collect>>("collect"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Discard>>("discard"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Completed>>("completed"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Poll>>("poll"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Stage>>("stage"),
                   InstanceMethod<&EngineObject::Desk<&InferDesk::Warm>>("warm"),
                   InstanceMethod<&EngineObject::SetOnComplete>("setOnComplete"),
                   InstanceMethod<&EngineObject::IsPinned>("isPinned"),
                   InstanceMethod<&EngineObject::IsDebugTensor>("isDebugTensor"),
                   InstanceMethod<&EngineObject::Allocate>("allocate"),
                   InstanceMethod<&EngineObject::GraphState>("graphState"),
                   InstanceMethod<&EngineObject::Memory>("memory"),
                   InstanceMethod<&EngineObject::ProfileLayers>("profileLayers"),
                   InstanceMethod<&EngineObject::CreateContext>("createContext"),
                   InstanceMethod<&EngineObject::Inspect>("inspect"),
                   InstanceMethod<&EngineObject::Refit>("refit"),
                   InstanceMethod<&EngineObject::RefittableWeights>("refittableWeights"),
                   InstanceMethod<&EngineObject::Serialize>("serialize"),
                   InstanceMethod<&EngineObject::DiscardQueued>("discardQueued"),
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
  object.Set("lanes", static_cast<double>(session->lanes()));
  object.Set("waiting", NameOf(session->options().waiting));
  EngineObject* const self = Unwrap(object);
  self->state_->Watch(session);
  self->desk_ = std::make_unique<InferDesk>(DataOf(env), session, self);
  self->TellBytes(env, static_cast<int64_t>(session->device_memory_bytes()));
  self->session_ = std::move(session);
  return object;
}

void EngineObject::TellBytes(Napi::BasicEnv env, int64_t bytes) {
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - told_bytes_);
  told_bytes_ = bytes;
}

void EngineObject::Finalize(Napi::BasicEnv env) {
  if (!session_) return;
  TellBytes(env, 0);
  state_->CloseInBackground(session_);
}

void EngineObject::SetOnComplete(const Napi::CallbackInfo& info) {
  // A property of the handle, not a reference from here: the callback knows the engine, which could then never be collected.
  Value().Set("onComplete", info[0]);
}

Napi::Value EngineObject::IsPinned(const Napi::CallbackInfo& info) {
  ArrayView view;
  const bool pinned = ReadTypedArray(info.Env(), info[0], &view) &&
                      PinnedRegistry::Get().Find(view.data, view.size) != nullptr;
  return Napi::Boolean::New(info.Env(), pinned);
}

Napi::Value EngineObject::IsDebugTensor(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), session_->IsDebugTensor(info[0].ToString()));
  });
}

Napi::Value EngineObject::Allocate(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const auto size = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    PinnedLease lease = session_->TakeStaging(size);
    if (size == 0) return Napi::ArrayBuffer::New(info.Env(), 0);
    std::memset(lease.data(), 0, size);
    return LendArrayBuffer(info.Env(), std::move(lease), size);
  });
}

Napi::Value EngineObject::GraphState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array lanes = Napi::Array::New(env);
  for (const LaneGraphs& graphs : session_->GraphState()) {
    Napi::Object lane = Napi::Object::New(env);
    lane.Set("held", static_cast<double>(graphs.held));
    lane.Set("captured", static_cast<double>(graphs.captured));
    lane.Set("replays", static_cast<double>(graphs.replays));
    lane.Set("eager", static_cast<double>(graphs.eager));
    lane.Set("reason", StringOrNull(env, graphs.refusal));
    lanes.Set(lanes.Length(), lane);
  }
  Napi::Object state = Napi::Object::New(env);
  state.Set("mode", NameOf(session_->options().graphs));
  state.Set("lanes", lanes);
  return state;
}

Napi::Value EngineObject::Memory(const Napi::CallbackInfo& info) {
  return EngineMemoryToJs(info, session_.get());
}

Napi::Value EngineObject::ProfileLayers(const Napi::CallbackInfo& info) {
  return StartLayerProfile(info, state_.get(), session_);
}

Napi::Value EngineObject::CreateContext(const Napi::CallbackInfo& info) {
  return ContextObject::CreateFor(info.Env(), session_, info[0].As<Napi::Number>().Int32Value());
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

void EngineObject::DiscardQueued(const Napi::CallbackInfo&) { session_->DiscardQueued(); }

Napi::Value EngineObject::Close(const Napi::CallbackInfo& info) {
  desk_->Forget();
  TellBytes(info.Env(), 0);
  return state_->Start(std::make_unique<CloseEngineOperation>(info.Env(), session_));
}

void RegisterEngine(Napi::Env env, Napi::Object exports, AddonData* data) {
  EngineObject::Define(env, data);
  exports.Set("loadEngine", Napi::Function::New<LoadEngine>(env, "loadEngine"));
  exports.Set("detach", Napi::Function::New<Detach>(env, "detach"));
}

}  // namespace trtnode
