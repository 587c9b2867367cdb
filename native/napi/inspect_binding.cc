#include "core/activity.h"
#include "napi/bindings.h"
#include "napi/convert.h"

namespace trtnode {
namespace {

Napi::Value SubgraphToJs(Napi::Env env, const ModelSubgraph& subgraph) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("nodes", ToJs(env, subgraph.nodes));
  object.Set("supported", subgraph.supported);
  return object;
}

Napi::Value ErrorToJs(Napi::Env env, const ParserError& error) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("node", error.node);
  object.Set("name", error.name);
  object.Set("operator", error.op);
  object.Set("code", error.code);
  object.Set("message", error.message);
  return object;
}

template <typename Item>
Napi::Value ListToJs(Napi::Env env, const std::vector<Item>& items,
                     Napi::Value (*convert)(Napi::Env env, const Item& item)) {
  Napi::Array array = Napi::Array::New(env, items.size());
  uint32_t index = 0;
  for (const Item& item : items) array.Set(index++, convert(env, item));
  return array;
}

class InspectModelOperation final : public ThreadOperation {
 public:
  InspectModelOperation(Napi::Env env, LibraryFiles files, ModelInspectionSpec spec)
      : ThreadOperation(env), files_(std::move(files)), spec_(std::move(spec)) {}

 protected:
  void Execute() override {
    const Activity activity;
    OperationLog log;
    const LogScope scope(&log);
    try {
      probe_ = ProbeLibrary(files_);
      found_ = OpenBackend(files_).InspectModel(spec_, &log);
    } catch (Error& error) {
      if (error.log().empty()) error.WithLog(log.Lines());
      throw;
    }
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("flavour", FlavourName(probe_.flavour));
    object.Set("version", probe_.version.ToString());
    object.Set("parserVersion", StringOrNull(env, probe_.parser_version));
    object.Set("supported", found_.supported);
    object.Set("subgraphs", ListToJs(env, found_.subgraphs, SubgraphToJs));
    object.Set("errors", ListToJs(env, found_.errors, ErrorToJs));
    return object;
  }

 private:
  const LibraryFiles files_;
  const ModelInspectionSpec spec_;
  LibraryProbe probe_;
  ModelInspection found_;
};

Napi::Value InspectModel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&]() -> Napi::Value {
    const auto request = info[0].As<Napi::Object>();
    ModelInspectionSpec spec;
    spec.model = ReadModelFile(request);
    spec.plugins = ReadPlugins(request);
    const Napi::Value device = request.Get("device");
    if (device.IsNumber()) spec.device = device.As<Napi::Number>().Int32Value();
    return DataOf(env).state->Start(std::make_unique<InspectModelOperation>(
        env, ReadLibraryFiles(request.Get("library").As<Napi::Object>()), std::move(spec)));
  });
}

}  // namespace

void RegisterInspect(Napi::Env env, Napi::Object exports) {
  exports.Set("inspectModel", Napi::Function::New<InspectModel>(env, "inspectModel"));
}

}  // namespace trtnode
