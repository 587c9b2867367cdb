#include "napi/engine_insight.h"

#include "napi/convert.h"
#include "napi/operation.h"

namespace trtnode {
namespace {

class LayerProfileOperation final : public ThreadOperation {
 public:
  LayerProfileOperation(Napi::Env env, std::shared_ptr<EngineSession> session,
                        LayerProfileSpec spec)
      : ThreadOperation(env), session_(std::move(session)), spec_(std::move(spec)) {}

 protected:
  void Execute() override { profile_ = session_->ProfileLayers(spec_); }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array layers = Napi::Array::New(env, profile_.layers.size());
    for (uint32_t i = 0; i < layers.Length(); ++i) {
      Napi::Object layer = Napi::Object::New(env);
      layer.Set("name", profile_.layers[i].name);
      layer.Set("milliseconds", NumbersToJs(env, profile_.layers[i].times));
      layers.Set(i, layer);
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("layers", layers);
    object.Set("compute", NumbersToJs(env, profile_.compute));
    object.Set("graph", profile_.graph);
    return object;
  }

 private:
  template <typename Numbers>
  static Napi::Value NumbersToJs(Napi::Env env, const Numbers& numbers) {
    Napi::Array array = Napi::Array::New(env, numbers.size());
    for (uint32_t i = 0; i < array.Length(); ++i) {
      array.Set(i, Napi::Number::New(env, static_cast<double>(numbers[i])));
    }
    return array;
  }

  const std::shared_ptr<EngineSession> session_;
  const LayerProfileSpec spec_;
  LayerProfile profile_;
};

LayerProfileSpec ReadSpec(const Napi::CallbackInfo& info) {
  LayerProfileSpec spec;
  spec.profile = info[0].As<Napi::Number>().Int32Value();
  const auto dims = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < dims.Length(); ++i) spec.input_dims.push_back(ReadDims(dims.Get(i)));
  const auto values = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < values.Length(); ++i) {
    const Napi::Value given = values.Get(i);
    std::vector<unsigned char>& bytes = spec.inputs.emplace_back();
    if (given.IsNull()) continue;
    const ByteView view = ReadBytes(given);
    bytes.assign(view.data, view.data + view.size);
  }
  spec.warmup = info[3].As<Napi::Number>().Int32Value();
  spec.iterations = info[4].As<Napi::Number>().Int32Value();
  return spec;
}

}  // namespace

Napi::Value StartLayerProfile(const Napi::CallbackInfo& info, EnvState* state,
                              std::shared_ptr<EngineSession> session) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    return state->Start(
        std::make_unique<LayerProfileOperation>(info.Env(), std::move(session), ReadSpec(info)));
  });
}

Napi::Value EngineMemoryToJs(const Napi::CallbackInfo& info, EngineSession* session) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const EngineMemory memory = session->Memory();
    Napi::Object object = Napi::Object::New(info.Env());
    const auto set = [&](const char* name, uint64_t bytes) {
      object.Set(name, static_cast<double>(bytes));
    };
    set("lanes", memory.lanes);
    set("weights", memory.weights);
    set("contextPerLane", memory.context);
    set("contexts", memory.contexts);
    set("bindings", memory.tensors);
    set("staging", memory.staging);
    return object;
  });
}

}  // namespace trtnode
