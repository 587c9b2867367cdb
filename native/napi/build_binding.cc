#include <atomic>
#include <memory>

#include "core/activity.h"
#include "napi/bindings.h"
#include "napi/build_request.h"
#include "napi/convert.h"

namespace trtnode {
namespace {

const char* KindName(ProgressEvent::Kind kind) {
  switch (kind) {
    case ProgressEvent::Kind::kPhaseStart:
      return "phase-start";
    case ProgressEvent::Kind::kStep:
      return "step";
    case ProgressEvent::Kind::kPhaseEnd:
      return "phase-end";
    case ProgressEvent::Kind::kLog:
      return "log";
  }
  return "";
}

class BuildOperation final : public ThreadOperation {
 public:
  BuildOperation(Napi::Env env, EnvState* state, LibraryFiles files, BuildSpec spec,
                 Napi::FunctionReference on_progress, std::shared_ptr<std::atomic<bool>> cancelled)
      : ThreadOperation(env),
        state_(state),
        id_(state->next_id()),
        files_(std::move(files)),
        cancelled_(std::move(cancelled)),
        spec_(std::move(spec)),
        on_progress_(std::move(on_progress)),
        log_([this](const LogLine& line) {
          Post({ProgressEvent::Kind::kLog, "", "", 0, 0, line});
        }) {
    spec_.cancelled = cancelled_.get();
  }

  void OnSignal(Napi::Env env) override {
    std::vector<ProgressEvent> events;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      events.swap(events_);
    }
    for (const ProgressEvent& event : events) on_progress_.Call({ToJsEvent(env, event)});
  }

  void Cancel() override { *cancelled_ = true; }

 protected:
  void Execute() override {
    const Activity activity;
    const LogScope scope(&log_);
    try {
      BuildPlan();
    } catch (Error& error) {
      if (error.log().empty()) error.WithLog(log_.Lines());
      throw;
    }
  }

  Napi::Value Result(Napi::Env env) override {
    OnSignal(env);
    Napi::Object object = Napi::Object::New(env);
    object.Set("flavour", FlavourName(flavour_));
    object.Set("version", version_.ToString());
    object.Set("sha256", outcome_.sha256);
    object.Set("chunksSha256", outcome_.chunks_sha256);
    object.Set("sizeBytes", static_cast<double>(outcome_.size_bytes));
    object.Set("inputs", ToJs(env, outcome_.inputs));
    object.Set("outputs", ToJs(env, outcome_.outputs));
    object.Set("networkLayers", ToJs(env, outcome_.network_layers));
    object.Set("engineInformation", StringOrNull(env, outcome_.engine_information));
    object.Set("engineInformationReason", StringOrNull(env, outcome_.engine_information_reason));
    object.Set("memory", outcome_.memory ? ToJsMemory(env, *outcome_.memory) : env.Null());
    object.Set("buildSeconds", outcome_.build_seconds);
    object.Set("calibrationSeconds",
               outcome_.calibration_seconds
                   ? Napi::Value(Napi::Number::New(env, *outcome_.calibration_seconds))
                   : env.Null());
    object.Set("timingCache",
               outcome_.timing_cache ? ToJsUse(env, *outcome_.timing_cache) : env.Null());
    object.Set("log", ToJs(env, log_.Lines()));
    return object;
  }

 private:
  void BuildPlan() {
    Backend& backend = OpenBackend(files_);
    flavour_ = backend.flavour();
    version_ = backend.version();
    outcome_ = backend.Build(spec_, [this](ProgressEvent event) { Post(std::move(event)); }, &log_);
  }

  static Napi::Value ToJsUse(Napi::Env env, const TimingCacheUse& use) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("loadedBytes", static_cast<double>(use.loaded_bytes));
    object.Set("savedBytes", static_cast<double>(use.saved_bytes));
    object.Set("warning", StringOrNull(env, use.warning));
    object.Set("sha256", StringOrNull(env, use.sha256));
    return object;
  }

  static Napi::Value ToJsMemory(Napi::Env env, const PlanMemory& memory) {
    Napi::Array profiles = Napi::Array::New(env, memory.profiles.size());
    uint32_t index = 0;
    for (const ProfileMemory& profile : memory.profiles) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("context", static_cast<double>(profile.context));
      object.Set("inputs", static_cast<double>(profile.inputs));
      object.Set("outputs", profile.outputs ? Napi::Value(Napi::Number::New(
                                                  env, static_cast<double>(*profile.outputs)))
                                            : env.Null());
      profiles.Set(index++, object);
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("weights", static_cast<double>(memory.weights));
    object.Set("context", static_cast<double>(memory.context));
    object.Set("profiles", profiles);
    return object;
  }

  static Napi::Object ToJsEvent(Napi::Env env, const ProgressEvent& event) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("kind", KindName(event.kind));
    object.Set("phase", event.phase);
    object.Set("parent", StringOrNull(env, event.parent));
    object.Set("step", event.step);
    object.Set("steps", event.steps);
    if (event.kind == ProgressEvent::Kind::kLog) object.Set("log", ToJs(env, event.log));
    return object;
  }

  // From whichever thread TensorRT reports on.
  void Post(ProgressEvent event) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      events_.push_back(std::move(event));
      if (events_.size() > 1) return;  // JavaScript has been woken already
    }
    state_->Signal(id_);
  }

  EnvState* const state_;
  const uint64_t id_;
  const LibraryFiles files_;
  // Shared with JavaScript, which may set it when the build is over.
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  BuildSpec spec_;
  const Napi::FunctionReference on_progress_;
  OperationLog log_;
  Flavour flavour_ = Flavour::kTensorRt;
  LibraryVersion version_;
  BuildOutcome outcome_;
  std::mutex mutex_;
  std::vector<ProgressEvent> events_;
};

Napi::Value Build(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guarded(env, [&]() -> Napi::Value {
    const auto request = info[0].As<Napi::Object>();
    LibraryFiles files = ReadLibraryFiles(request.Get("library").As<Napi::Object>());
    BuildSpec spec = ReadBuildSpec(request);
    const auto cancelled = std::make_shared<std::atomic<bool>>(false);
    if (info[2].IsFunction()) {
      // First, as it may start other operations: from its id on, a build must be the next one to start.
      const auto cancel = [cancelled](const Napi::CallbackInfo&) { *cancelled = true; };
      info[2].As<Napi::Function>().Call({Napi::Function::New(env, cancel, "cancel")});
    }
    EnvState* const state = DataOf(env).state.get();
    return state->Start(std::make_unique<BuildOperation>(
        env, state, std::move(files), std::move(spec),
        Napi::Persistent(info[1].As<Napi::Function>()), cancelled));
  });
}

}  // namespace

void RegisterBuild(Napi::Env env, Napi::Object exports) {
  exports.Set("build", Napi::Function::New<Build>(env, "build"));
}

}  // namespace trtnode
