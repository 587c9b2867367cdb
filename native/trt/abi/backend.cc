#include "cuda/device.h"
#include "trt/abi/adapters.h"
#include "trt/capabilities.h"

namespace trtnode::TRT_NODE_ABI {

#define TRT_NODE_STRING_(text) #text
#define TRT_NODE_STRING(text) TRT_NODE_STRING_(text)

// The version of the headers that this copy was compiled from.
const char* HeaderVersion() {
  return TRT_NODE_STRING(NV_TENSORRT_MAJOR) "." TRT_NODE_STRING(
      NV_TENSORRT_MINOR) "." TRT_NODE_STRING(NV_TENSORRT_PATCH);
}

void Logger::log(Severity severity, const char* message) noexcept {
  LogSeverity level = LogSeverity::kVerbose;
  switch (severity) {
    case Severity::kINTERNAL_ERROR:
      level = LogSeverity::kInternalError;
      break;
    case Severity::kERROR:
      level = LogSeverity::kError;
      break;
    case Severity::kWARNING:
      level = LogSeverity::kWarning;
      break;
    case Severity::kINFO:
      level = LogSeverity::kInfo;
      break;
    case Severity::kVERBOSE:
      return;
  }
  DispatchLog(level, message);
}

Logger& ProcessLogger() {
  static Logger& logger = *new Logger;
  return logger;
}

namespace {

// TensorRT must not see an exception, and a report that memory does not suffice for is no reason to end a build.
template <typename Report>
void Quietly(Report report) noexcept {
  try {
    report();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

}  // namespace

void ProgressMonitor::phaseStart(const char* phase, const char* parent, int32_t steps) noexcept {
  Quietly([&] {
    ProgressEvent event{ProgressEvent::Kind::kPhaseStart, phase, parent != nullptr ? parent : "", 0,
                        steps};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      phases_[phase] = Phase{event.parent, steps, Clock::time_point{}};
    }
    sink_(std::move(event));
  });
}

bool ProgressMonitor::stepComplete(const char* phase, int32_t step) noexcept {
  bool go_on = true;
  Quietly([&] {
    go_on = !cancelled_();
    if (go_on) ReportStep(phase, step);
  });
  return go_on;
}

void ProgressMonitor::ReportStep(const char* phase, int32_t step) {
  constexpr std::chrono::milliseconds kInterval(50);
  ProgressEvent event{ProgressEvent::Kind::kStep, phase, "", step + 1, 0};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Phase& known = phases_[phase];
    const Clock::time_point now = Clock::now();
    const bool last = step + 1 >= known.steps;
    if (!last && now - known.last_report < kInterval) return;
    known.last_report = now;
    event.parent = known.parent;
    event.steps = known.steps;
  }
  sink_(std::move(event));
}

void ProgressMonitor::phaseFinish(const char* phase) noexcept {
  Quietly([&] {
    ProgressEvent event{ProgressEvent::Kind::kPhaseEnd, phase, "", 0, 0};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto known = phases_.find(phase);
      if (known != phases_.end()) {
        event.parent = known->second.parent;
        event.step = event.steps = known->second.steps;
        phases_.erase(known);
      }
    }
    sink_(std::move(event));
  });
}

std::unique_ptr<trt::IBuilder> CreateBuilder(const EntryPoints& entry, OperationLog* log) {
  if (entry.create_builder == nullptr) {
    throw Error(ErrorCode::kBuilderMissing,
                "this TensorRT library has no builder (a lean or dispatch runtime?). Install the "
                "full TensorRT to build");
  }
  auto* builder =
      static_cast<trt::IBuilder*>(entry.create_builder(&ProcessLogger(), entry.packed_version));
  if (builder == nullptr) {
    throw Error(ErrorCode::kBuilderMissing,
                "TensorRT could not make its builder: " + log->ErrorText() +
                    ". Its builder resource library (libnvinfer_builder_resource) must lie beside "
                    "libnvinfer and support this GPU")
        .WithLog(log->Lines());
  }
  return std::unique_ptr<trt::IBuilder>(builder);
}

std::unique_ptr<trt::IRuntime> CreateRuntime(const EntryPoints& entry, OperationLog* log) {
  if (entry.create_runtime == nullptr) {
    throw Error(ErrorCode::kLibraryLoad,
                "this library does not export createInferRuntime_INTERNAL: it cannot run engines");
  }
  auto* runtime =
      static_cast<trt::IRuntime*>(entry.create_runtime(&ProcessLogger(), entry.packed_version));
  if (runtime == nullptr) {
    throw Error(ErrorCode::kDeserialize, "TensorRT could not make its runtime: " + log->ErrorText())
        .WithLog(log->Lines());
  }
  return std::unique_ptr<trt::IRuntime>(runtime);
}

namespace {

class AbiBackend final : public Backend {
 public:
  AbiBackend(const EntryPoints& entry, LibraryVersion version) : entry_(entry), version_(version) {}

  Flavour flavour() const override {
#if defined(TRT_NODE_ABI_RTX)
    return Flavour::kTensorRtRtx;
#else
    return Flavour::kTensorRt;
#endif
  }

  LibraryVersion version() const override { return version_; }

  BuildOutcome Build(const BuildSpec& spec, const ProgressSink& progress,
                     OperationLog* log) override {
    const DeviceInfo* gpu = spec.device ? &Device::Get(*spec.device).info() : nullptr;
    CheckCapabilities(spec, flavour(), version_, gpu);
    return BuildPlan(entry_, version_, spec, progress, log);
  }

  std::unique_ptr<LoadedEngine> Deserialize(const LoadSpec& spec, const void* plan, size_t size,
                                            OperationLog* log) override {
    return DeserializeEngine(entry_, version_, spec, plan, size, log);
  }

  ModelInspection InspectModel(const ModelInspectionSpec& spec, OperationLog* log) override {
    return InspectOnnxModel(entry_, version_, spec, log);
  }

 private:
  const EntryPoints entry_;
  const LibraryVersion version_;
};

}  // namespace

std::unique_ptr<Backend> CreateBackend(const EntryPoints& entry, LibraryVersion version) {
  return std::make_unique<AbiBackend>(entry, version);
}

}  // namespace trtnode::TRT_NODE_ABI
