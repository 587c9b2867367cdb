#include "nvml/nvml.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "core/dynamic_library.h"

namespace trtnode {
namespace {

// The few declarations of nvml.h that are needed; its ABI is stable, and _v2 and _v3 are parts of the exported names.
using DeviceHandle = struct nvmlDevice_st*;
constexpr int kSuccess = 0;           // NVML_SUCCESS
constexpr int kInsufficientSize = 7;  // NVML_ERROR_INSUFFICIENT_SIZE
constexpr int kClockSm = 1;           // NVML_CLOCK_SM
constexpr int kClockMemory = 2;       // NVML_CLOCK_MEM
constexpr int kTemperatureGpu = 0;    // NVML_TEMPERATURE_GPU

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

struct NvmlMemoryInfo {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};

// nvmlProcessInfo_t of the functions that end in _v3.
struct ProcessInfo {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};

// nvmlClocksEventReasons; nvidia-smi's words in kebab case.
constexpr std::array<std::pair<unsigned long long, const char*>, 9> kClockEventReasons = {{
    {0x001, "gpu-idle"},
    {0x002, "application-clocks-setting"},
    {0x004, "software-power-cap"},
    {0x008, "hardware-slowdown"},
    {0x010, "sync-boost"},
    {0x020, "software-thermal-slowdown"},
    {0x040, "hardware-thermal-slowdown"},
    {0x080, "hardware-power-brake-slowdown"},
    {0x100, "display-clock-setting"},
}};

// NVML between nvmlInit and nvmlShutdown; calls count, so that several threads may do so at a time.
class Nvml {
 public:
  Nvml() : library_(DynamicLibrary::Open("libnvidia-ml.so.1")) {
    const auto init = library_.Find<int (*)()>("nvmlInit_v2");
    shutdown_ = library_.Find<int (*)()>("nvmlShutdown");
    ready_ = init != nullptr && shutdown_ != nullptr && init() == kSuccess;
  }
  ~Nvml() {
    if (ready_) shutdown_();
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  // The value that `function(arguments…, T*)` gives; empty where it is missing or refuses.
  template <typename T, typename... Arguments>
  std::optional<T> Get(const char* function, Arguments... arguments) const {
    const auto call = Find<int (*)(Arguments..., T*)>(function);
    T value = {};
    if (call == nullptr || call(arguments..., &value) != kSuccess) return std::nullopt;
    return value;
  }

  // For `function(arguments…, char*, size)`.
  template <typename... Arguments>
  std::optional<std::string> GetText(const char* function, Arguments... arguments) const {
    const auto call = Find<int (*)(Arguments..., char*, unsigned)>(function);
    std::array<char, 128> text = {};
    if (call == nullptr || call(arguments..., text.data(), text.size() - 1) != kSuccess)
      return std::nullopt;
    return text.data();
  }

  // For `function(arguments…, First*, Second*)`.
  template <typename First, typename Second, typename... Arguments>
  std::optional<std::pair<First, Second>> GetPair(const char* function,
                                                  Arguments... arguments) const {
    const auto call = Find<int (*)(Arguments..., First*, Second*)>(function);
    std::pair<First, Second> values = {};
    if (call == nullptr || call(arguments..., &values.first, &values.second) != kSuccess)
      return std::nullopt;
    return values;
  }

  template <typename Function>
  Function Find(const char* function) const {
    return ready_ ? library_.Find<Function>(function) : nullptr;
  }

 private:
  const DynamicLibrary library_;
  int (*shutdown_)() = nullptr;
  bool ready_ = false;
};

std::optional<bool> IsOn(const std::optional<int>& state) {
  if (!state) return std::nullopt;
  return *state != 0;
}

std::optional<double> Watts(const std::optional<unsigned>& milliwatts) {
  if (!milliwatts) return std::nullopt;
  return *milliwatts / 1000.0;
}

std::optional<MigState> MigOf(const Nvml& nvml, DeviceHandle device) {
  const auto modes = nvml.GetPair<unsigned, unsigned>("nvmlDeviceGetMigMode", device);
  if (!modes) return std::nullopt;
  MigState state;
  state.enabled = modes->first != 0;
  state.pending = modes->second != 0;
  const unsigned most = nvml.Get<unsigned>("nvmlDeviceGetMaxMigDeviceCount", device).value_or(0);
  for (unsigned i = 0; i < most; ++i) {
    if (nvml.Get<DeviceHandle>("nvmlDeviceGetMigDeviceHandleByIndex", device, i)) {
      ++state.instances;
    }
  }
  return state;
}

std::optional<std::string> ComputeModeOf(const Nvml& nvml, DeviceHandle device) {
  constexpr std::array<const char*, 4> kNames = {"default", "exclusive-thread", "prohibited",
                                                 "exclusive-process"};
  const auto mode = nvml.Get<int>("nvmlDeviceGetComputeMode", device);
  if (!mode || *mode < 0 || *mode >= static_cast<int>(kNames.size())) return std::nullopt;
  return kNames[*mode];
}

std::optional<std::vector<std::string>> ClockEventReasonsOf(const Nvml& nvml, DeviceHandle device) {
  auto bits = nvml.Get<unsigned long long>("nvmlDeviceGetCurrentClocksEventReasons", device);
  // Its name before driver 535.
  if (!bits) {
    bits = nvml.Get<unsigned long long>("nvmlDeviceGetCurrentClocksThrottleReasons", device);
  }
  if (!bits) return std::nullopt;
  std::vector<std::string> reasons;
  for (const auto& [bit, name] : kClockEventReasons) {
    if ((*bits & bit) != 0) reasons.emplace_back(name);
  }
  return reasons;
}

std::optional<int> OtherProcessesOf(const Nvml& nvml, DeviceHandle device) {
  const auto list = nvml.Find<int (*)(DeviceHandle, unsigned*, ProcessInfo*)>(
      "nvmlDeviceGetComputeRunningProcesses_v3");
  if (list == nullptr) return std::nullopt;
  std::vector<ProcessInfo> processes(16);
  // Others may start between two calls.
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto count = static_cast<unsigned>(processes.size());
    const int result = list(device, &count, processes.data());
    if (result == kInsufficientSize) {
      processes.resize(count + 16);
      continue;
    }
    if (result != kSuccess) return std::nullopt;
    int others = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (processes[i].pid != static_cast<unsigned>(getpid())) ++others;
    }
    return others;
  }
  return std::nullopt;
}

GpuState StateOf(const Nvml& nvml, DeviceHandle device, int index) {
  GpuState state;
  state.index = index;
  state.name = nvml.GetText("nvmlDeviceGetName", device);
  state.uuid = nvml.GetText("nvmlDeviceGetUUID", device);
  if (const auto pci = nvml.Get<PciInfo>("nvmlDeviceGetPciInfo_v3", device)) {
    state.pci_bus_id = pci->bus_id;
  }
  if (const auto capability =
          nvml.GetPair<int, int>("nvmlDeviceGetCudaComputeCapability", device)) {
    state.compute_capability =
        std::to_string(capability->first) + "." + std::to_string(capability->second);
  }
  state.persistence_mode = IsOn(nvml.Get<int>("nvmlDeviceGetPersistenceMode", device));
  state.mig = MigOf(nvml, device);

  const auto clock = [&](const char* function, int type) {
    return nvml.Get<unsigned>(function, device, type);
  };
  state.sm_clock_mhz = clock("nvmlDeviceGetClockInfo", kClockSm);
  state.sm_clock_max_mhz = clock("nvmlDeviceGetMaxClockInfo", kClockSm);
  state.sm_clock_application_mhz = clock("nvmlDeviceGetApplicationsClock", kClockSm);
  state.memory_clock_mhz = clock("nvmlDeviceGetClockInfo", kClockMemory);
  state.memory_clock_max_mhz = clock("nvmlDeviceGetMaxClockInfo", kClockMemory);
  state.memory_clock_application_mhz = clock("nvmlDeviceGetApplicationsClock", kClockMemory);
  state.clock_event_reasons = ClockEventReasonsOf(nvml, device);

  const auto number = [&](const char* function) { return nvml.Get<unsigned>(function, device); };
  state.power_draw_watts = Watts(number("nvmlDeviceGetPowerUsage"));
  state.power_limit_watts = Watts(number("nvmlDeviceGetEnforcedPowerLimit"));
  state.power_limit_default_watts = Watts(number("nvmlDeviceGetPowerManagementDefaultLimit"));
  state.temperature_celsius =
      nvml.Get<unsigned>("nvmlDeviceGetTemperature", device, kTemperatureGpu);
  if (const auto utilization = nvml.Get<Utilization>("nvmlDeviceGetUtilizationRates", device)) {
    state.gpu_utilization_percent = utilization->gpu;
    state.memory_utilization_percent = utilization->memory;
  }
  if (const auto memory = nvml.Get<NvmlMemoryInfo>("nvmlDeviceGetMemoryInfo", device)) {
    state.memory_total_bytes = memory->total;
    state.memory_used_bytes = memory->used;
  }
  state.pcie_generation = number("nvmlDeviceGetCurrPcieLinkGeneration");
  state.pcie_generation_max = number("nvmlDeviceGetMaxPcieLinkGeneration");
  state.pcie_width = number("nvmlDeviceGetCurrPcieLinkWidth");
  state.pcie_width_max = number("nvmlDeviceGetMaxPcieLinkWidth");
  if (const auto ecc = nvml.GetPair<int, int>("nvmlDeviceGetEccMode", device)) {
    state.ecc_enabled = ecc->first != 0;
  }
  state.compute_mode = ComputeModeOf(nvml, device);
  state.other_processes = OtherProcessesOf(nvml, device);
  return state;
}

}  // namespace

std::string DriverVersionFromNvml() {
  return Nvml().GetText("nvmlSystemGetDriverVersion").value_or("");
}

std::vector<GpuState> GpuStatesFromNvml() {
  const Nvml nvml;
  std::vector<GpuState> states;
  const unsigned count = nvml.Get<unsigned>("nvmlDeviceGetCount_v2").value_or(0);
  for (unsigned i = 0; i < count; ++i) {
    // Those that this user or container may not use have no handle.
    const auto device = nvml.Get<DeviceHandle>("nvmlDeviceGetHandleByIndex_v2", i);
    if (device) states.push_back(StateOf(nvml, *device, static_cast<int>(i)));
  }
  return states;
}

}  // namespace trtnode
