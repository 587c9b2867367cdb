// A GPU and its primary context, which TensorRT's own CUDA runtime uses too.
#pragma once

#include <cuda.h>

#include <string>
#include <vector>

namespace trtnode {

struct DeviceInfo {
  int index = 0;
  std::string name;
  int compute_major = 0;
  int compute_minor = 0;
  std::string uuid;
  size_t memory_total_bytes = 0;
  bool maps_host_memory = false;  // kernels may use pinned host memory by its address

  std::string ComputeCapability() const {
    return std::to_string(compute_major) + "." + std::to_string(compute_minor);
  }
};

struct MemoryInfo {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
};

// Throws Error(kNoDriver) without a driver; an empty list means a driver without GPUs.
std::vector<DeviceInfo> ListDevices();

class Device {
 public:
  // Retains the primary context for the life of the process: TensorRT's CUDA runtime does the same.
  // Throws Error(kNoDriver | kNoGpu | kInvalidArg | kCuda …).
  static const Device& Get(int index);

  const DeviceInfo& info() const { return info_; }

  // Makes the primary context current on the calling thread.
  void MakeCurrent() const;

  // For destructors: after a lost context it fails, and then there is nobody to tell and nothing left to free.
  void TryMakeCurrent() const noexcept;

  MemoryInfo Memory() const;

 private:
  Device(DeviceInfo info, CUcontext context) : info_(std::move(info)), context_(context) {}
  DeviceInfo info_;
  CUcontext context_;
};

}  // namespace trtnode
