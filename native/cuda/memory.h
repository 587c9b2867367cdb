// Device memory and pinned host memory, owned. The device's context must be current where they are made and grown.
#pragma once

#include <cuda.h>

#include <cstddef>

namespace trtnode {

class Device;

class DeviceBuffer {
 public:
  explicit DeviceBuffer(const Device& device) : device_(&device) {}
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) = delete;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  // Grows to at least `size` bytes (never shrinks, never keeps the contents); nothing may be using the old memory.
  void Reserve(size_t size);

  CUdeviceptr pointer() const { return pointer_; }
  size_t capacity() const { return capacity_; }
  // The same, as TensorRT takes it. The driver's own type for device addresses is an integer.
  void* address() const {
    return reinterpret_cast<void*>(pointer_);  // NOLINT(performance-no-int-to-ptr)
  }

 private:
  void Free();
  const Device* device_;
  CUdeviceptr pointer_ = 0;
  size_t capacity_ = 0;
};

class PinnedBuffer {
 public:
  // Throws Error(kOutOfMemory | kCuda).
  PinnedBuffer(const Device& device, size_t size);
  ~PinnedBuffer();
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const Device* device_;
  void* data_ = nullptr;
  size_t size_;
};

}  // namespace trtnode
