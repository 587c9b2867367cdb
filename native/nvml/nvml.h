// NVIDIA's management library, optional: libnvidia-ml.so.1 opened by name, each of its functions found by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trtnode {

// e.g. "580.159.04"; empty where NVML is missing.
std::string DriverVersionFromNvml();

struct MigState {
  bool enabled = false;
  bool pending = false;  // what it will be after the next reset of the GPU
  int instances = 0;     // that this process may see
};

// What a GPU is set to and what it does now. Empty: this driver, GPU or user has no answer.
struct GpuState {
  // NVML's: all GPUs of the machine in PCI order, whatever CUDA_VISIBLE_DEVICES says.
  int index = 0;
  std::optional<std::string> name;
  std::optional<std::string> uuid;
  std::optional<std::string> pci_bus_id;
  std::optional<std::string> compute_capability;
  std::optional<bool> persistence_mode;
  std::optional<MigState> mig;
  std::optional<unsigned> sm_clock_mhz;
  std::optional<unsigned> sm_clock_max_mhz;
  std::optional<unsigned> sm_clock_application_mhz;
  std::optional<unsigned> memory_clock_mhz;
  std::optional<unsigned> memory_clock_max_mhz;
  std::optional<unsigned> memory_clock_application_mhz;
  std::optional<double> power_draw_watts;
  std::optional<double> power_limit_watts;  // enforced: the least of all limits
  std::optional<double> power_limit_default_watts;
  std::optional<unsigned> temperature_celsius;
  std::optional<unsigned> gpu_utilization_percent;
  std::optional<unsigned> memory_utilization_percent;
  std::optional<uint64_t> memory_total_bytes;
  std::optional<uint64_t> memory_used_bytes;
  std::optional<unsigned> pcie_generation;
  std::optional<unsigned> pcie_generation_max;
  std::optional<unsigned> pcie_width;
  std::optional<unsigned> pcie_width_max;
  std::optional<bool> ecc_enabled;
  std::optional<std::string> compute_mode;
  std::optional<std::vector<std::string>> clock_event_reasons;
  std::optional<int> other_processes;  // with a compute context, this process not counted
};

// One for each GPU that NVML shows; empty without NVML.
std::vector<GpuState> GpuStatesFromNvml();

}  // namespace trtnode
