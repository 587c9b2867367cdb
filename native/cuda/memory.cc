#include "cuda/memory.h"

#include <algorithm>
#include <utility>

#include "cuda/device.h"
#include "cuda/driver.h"

namespace trtnode {
DeviceBuffer::~DeviceBuffer() { Free(); }

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : device_(other.device_),
      pointer_(std::exchange(other.pointer_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

void DeviceBuffer::Reserve(size_t size) {
  // TensorRT wants an address even for a tensor without elements.
  size = std::max<size_t>(size, 256);
  if (size <= capacity_) return;
  Free();
  CheckCuda(Driver::Get().table().MemAlloc(&pointer_, size), "cuMemAlloc");
  capacity_ = size;
}

void DeviceBuffer::Free() {
  if (pointer_ == 0) return;
  device_->TryMakeCurrent();
  Driver::Get().table().MemFree(pointer_);
  pointer_ = 0;
  capacity_ = 0;
}

PinnedBuffer::PinnedBuffer(const Device& device, size_t size) : device_(&device), size_(size) {
  device.MakeCurrent();
  CheckCuda(Driver::Get().table().MemHostAlloc(&data_, size, CU_MEMHOSTALLOC_PORTABLE),
            "cuMemHostAlloc");
}

PinnedBuffer::~PinnedBuffer() {
  device_->TryMakeCurrent();
  Driver::Get().table().MemFreeHost(data_);
}

}  // namespace trtnode
