#include "core/activity.h"
#include "cuda/driver.h"
#include "napi/bindings.h"
#include "napi/convert.h"
#include "nvml/nvml.h"

namespace trtnode {
namespace {

const char* StatusName(DriverStatus::Kind kind) {
  switch (kind) {
    case DriverStatus::Kind::kOk:
      return "ok";
    case DriverStatus::Kind::kNotFound:
      return "not-found";
    case DriverStatus::Kind::kInitFailed:
      return "init-failed";
  }
  return "";
}

class ProbeDriverOperation final : public ThreadOperation {
 public:
  using ThreadOperation::ThreadOperation;

 protected:
  void Execute() override {
    const Activity activity;
    status_ = Driver::Get().status();
    WaitForActivitiesAtExit(&Driver::Get());
    driver_version_ = DriverVersionFromNvml();
    if (status_.kind == DriverStatus::Kind::kOk) devices_ = ListDevices();
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("status", StatusName(status_.kind));
    object.Set("message", status_.message);
    object.Set("path", StringOrNull(env, status_.path));
    object.Set("cudaError", status_.kind == DriverStatus::Kind::kNotFound
                                ? env.Null()
                                : Napi::Value(Napi::Number::New(env, status_.cuda_error)));
    const int cuda = status_.cuda_version;
    object.Set("cudaVersion", StringOrNull(env, cuda == 0 ? ""
                                                          : std::to_string(cuda / 1000) + "." +
                                                                std::to_string(cuda / 10 % 100)));
    object.Set("driverVersion", StringOrNull(env, driver_version_));
    Napi::Array gpus = Napi::Array::New(env, devices_.size());
    for (uint32_t i = 0; i < devices_.size(); ++i) gpus.Set(i, ToJs(env, devices_[i]));
    object.Set("gpus", gpus);
    return object;
  }

 private:
  DriverStatus status_;
  std::string driver_version_;
  std::vector<DeviceInfo> devices_;
};

// null for what is not known.
template <typename T>
Napi::Value ToJsOrNull(Napi::Env env, const std::optional<T>& value) {
  if (!value) return env.Null();
  if constexpr (std::is_same_v<T, std::string>) {
    return Napi::String::New(env, *value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return Napi::Boolean::New(env, *value);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return ToJs(env, *value);
  } else {
    return Napi::Number::New(env, static_cast<double>(*value));
  }
}

Napi::Value StateToJs(Napi::Env env, const GpuState& state) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, const auto& value) {
    object.Set(name, ToJsOrNull(env, value));
  };
  object.Set("index", state.index);
  set("name", state.name);
  set("uuid", state.uuid);
  set("pciBusId", state.pci_bus_id);
  set("computeCapability", state.compute_capability);
  set("persistenceMode", state.persistence_mode);
  object.Set("mig", env.Null());
  if (state.mig) {
    Napi::Object mig = Napi::Object::New(env);
    mig.Set("enabled", state.mig->enabled);
    mig.Set("pending", state.mig->pending);
    mig.Set("instances", state.mig->instances);
    object.Set("mig", mig);
  }
  set("smClockMhz", state.sm_clock_mhz);
  set("smClockMaxMhz", state.sm_clock_max_mhz);
  set("smClockApplicationMhz", state.sm_clock_application_mhz);
  set("memoryClockMhz", state.memory_clock_mhz);
  set("memoryClockMaxMhz", state.memory_clock_max_mhz);
  set("memoryClockApplicationMhz", state.memory_clock_application_mhz);
  set("powerDrawWatts", state.power_draw_watts);
  set("powerLimitWatts", state.power_limit_watts);
  set("powerLimitDefaultWatts", state.power_limit_default_watts);
  set("temperatureCelsius", state.temperature_celsius);
  set("gpuUtilizationPercent", state.gpu_utilization_percent);
  set("memoryUtilizationPercent", state.memory_utilization_percent);
  set("memoryTotalBytes", state.memory_total_bytes);
  set("memoryUsedBytes", state.memory_used_bytes);
  set("pcieGeneration", state.pcie_generation);
  set("pcieGenerationMax", state.pcie_generation_max);
  set("pcieWidth", state.pcie_width);
  set("pcieWidthMax", state.pcie_width_max);
  set("eccEnabled", state.ecc_enabled);
  set("computeMode", state.compute_mode);
  set("clockEventReasons", state.clock_event_reasons);
  set("otherProcesses", state.other_processes);
  return object;
}

class GpuStatesOperation final : public ThreadOperation {
 public:
  using ThreadOperation::ThreadOperation;

 protected:
  void Execute() override {
    const Activity activity;
    states_ = GpuStatesFromNvml();
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array array = Napi::Array::New(env, states_.size());
    for (uint32_t i = 0; i < states_.size(); ++i) array.Set(i, StateToJs(env, states_[i]));
    return array;
  }

 private:
  std::vector<GpuState> states_;
};

class ProbeLibraryOperation final : public ThreadOperation {
 public:
  ProbeLibraryOperation(Napi::Env env, LibraryFiles files)
      : ThreadOperation(env), files_(std::move(files)) {}

 protected:
  void Execute() override {
    const Activity activity;
    probe_ = ProbeLibrary(files_);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("flavour", FlavourName(probe_.flavour));
    object.Set("version", probe_.version.ToString());
    object.Set("abi", probe_.abi);
    object.Set("hasBuilder", probe_.has_builder);
    object.Set("hasRuntime", probe_.has_runtime);
    object.Set("parserVersion", StringOrNull(env, probe_.parser_version));
    return object;
  }

 private:
  const LibraryFiles files_;
  LibraryProbe probe_;
};

class DeviceMemoryOperation final : public ThreadOperation {
 public:
  DeviceMemoryOperation(Napi::Env env, int device) : ThreadOperation(env), device_(device) {}

 protected:
  void Execute() override {
    const Activity activity;
    memory_ = Device::Get(device_).Memory();
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("freeBytes", static_cast<double>(memory_.free_bytes));
    object.Set("totalBytes", static_cast<double>(memory_.total_bytes));
    return object;
  }

 private:
  const int device_;
  MemoryInfo memory_;
};

Napi::Value ProbeDriver(const Napi::CallbackInfo& info) {
  return DataOf(info.Env()).state->Start(std::make_unique<ProbeDriverOperation>(info.Env()));
}

Napi::Value GetGpuStates(const Napi::CallbackInfo& info) {
  return DataOf(info.Env()).state->Start(std::make_unique<GpuStatesOperation>(info.Env()));
}

Napi::Value ProbeLibraryFiles(const Napi::CallbackInfo& info) {
  return DataOf(info.Env())
      .state->Start(std::make_unique<ProbeLibraryOperation>(
          info.Env(), ReadLibraryFiles(info[0].As<Napi::Object>())));
}

Napi::Value GetDeviceMemory(const Napi::CallbackInfo& info) {
  return DataOf(info.Env())
      .state->Start(std::make_unique<DeviceMemoryOperation>(
          info.Env(), info[0].As<Napi::Number>().Int32Value()));
}

void PrepareExit(const Napi::CallbackInfo&) { BeginExit(); }

}  // namespace

void RegisterProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("prepareExit", Napi::Function::New<PrepareExit>(env, "prepareExit"));
  exports.Set("probeDriver", Napi::Function::New<ProbeDriver>(env, "probeDriver"));
  exports.Set("gpuStates", Napi::Function::New<GetGpuStates>(env, "gpuStates"));
  exports.Set("probeLibrary", Napi::Function::New<ProbeLibraryFiles>(env, "probeLibrary"));
  exports.Set("deviceMemory", Napi::Function::New<GetDeviceMemory>(env, "deviceMemory"));

  Napi::Object abis = Napi::Object::New(env);
  for (const auto& [abi, headers] : CompiledAbis()) abis.Set(abi, headers);
  exports.Set("abis", abis);

  exports.Set("memoryPools", ToJs(env, NamesUpTo(kLastMemoryPool)));
  Napi::Object tuning = Napi::Object::New(env);
  tuning.Set("tacticSources", ToJs(env, NamesUpTo(kLastTacticSource)));
  tuning.Set("previewFeatures", ToJs(env, NamesUpTo(kLastPreviewFeature)));
  exports.Set("tuningNames", tuning);

  std::vector<std::string> codes;
  for (int i = 0; i <= static_cast<int>(kLastErrorCode); ++i) {
    codes.emplace_back(ErrorCodeName(static_cast<ErrorCode>(i)));
  }
  exports.Set("errorCodes", ToJs(env, codes));

  Napi::Object types = Napi::Object::New(env);
  for (int i = 0; i <= static_cast<int>(kLastDataType); ++i) {
    const auto type = static_cast<DataType>(i);
    types.Set(DataTypeName(type), static_cast<double>(BitsPerElement(type)));
  }
  exports.Set("tensorTypes", types);
}

}  // namespace trtnode
