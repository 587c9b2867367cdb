// TEST ONLY. The memory of the machine.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "driver/machine.h"

namespace stub {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kPromisedAlignment = 256;  // and not more, so that whoever needs more shows
constexpr int kNeverWritten = 0xa5;         // fresh memory holds no zeros, so that reading it shows
constexpr size_t kFilledUpTo = size_t{16} << 20;

size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace

CUresult Machine::AllocateDevice(Device* device, size_t size, CUdeviceptr* pointer) {
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  if (size > device->total_bytes - device->used_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const size_t reserved = RoundUp(kPromisedAlignment + size, kPage);
  // An address that no CPU can read or write, as device memory is: whoever tries it dies.
  void* const pages =
      mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  auto* const bytes = static_cast<unsigned char*>(std::calloc(size, 1));
  if (size <= kFilledUpTo) std::memset(bytes, kNeverWritten, size);
  *pointer = reinterpret_cast<CUdeviceptr>(pages) + kPromisedAlignment;
  device_blocks_[*pointer] = {device, size, reserved, bytes};
  device->used_bytes += size;
  ++device->allocations;
  return CUDA_SUCCESS;
}

void Machine::FreeDevice(CUdeviceptr pointer) {
  const auto found = device_blocks_.find(pointer);
  if (found == device_blocks_.end()) Die("device memory was freed that is not there");
  WaitForDevice(found->second.device);
  const DeviceBlock block = found->second;
  munmap(reinterpret_cast<void*>(pointer - kPromisedAlignment), block.reserved);
  std::free(block.bytes);
  block.device->used_bytes -= block.size;
  --block.device->allocations;
  device_blocks_.erase(found);
}

void* Machine::AllocatePinned(size_t size) {
  void* pointer = nullptr;
  if (posix_memalign(&pointer, kPage, RoundUp(std::max<size_t>(size, 1), kPage)) != 0)
    return nullptr;
  if (size <= kFilledUpTo) std::memset(pointer, kNeverWritten, size);
  pinned_blocks_[reinterpret_cast<uintptr_t>(pointer)] = size;
  return pointer;
}

void Machine::FreePinned(void* pointer) {
  const auto found = pinned_blocks_.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == pinned_blocks_.end()) Die("pinned memory was freed that is not there");
  for (const Device& device : devices_) WaitForDevice(&device);
  pinned_blocks_.erase(found);
  std::free(pointer);
}

bool Machine::IsPinned(const void* pointer, size_t size) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = pinned_blocks_.upper_bound(address);
  if (block == pinned_blocks_.begin()) return false;
  --block;
  return address - block->first <= block->second &&
         size <= block->second - (address - block->first);
}

Machine::Block Machine::Find(uintptr_t address) {
  auto device = device_blocks_.upper_bound(address);
  if (device != device_blocks_.begin() && address - (--device)->first < device->second.size) {
    return {device->first, device->second.size, device->second.device};
  }
  auto pinned = pinned_blocks_.upper_bound(address);
  if (pinned != pinned_blocks_.begin() && address - (--pinned)->first < pinned->second) {
    return {pinned->first, pinned->second, nullptr};
  }
  return {};
}

void* Machine::Allocate(int device, size_t size) {
  if (faults_.Next("tensorrt").code != 0) return nullptr;
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (BreakCaptures() != CUDA_SUCCESS) return nullptr;
  CUdeviceptr pointer = 0;
  if (AllocateDevice(&devices_.at(static_cast<size_t>(device)), size, &pointer) != CUDA_SUCCESS) {
    return nullptr;
  }
  return reinterpret_cast<void*>(pointer);
}

void Machine::Free(void* pointer) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  FreeDevice(reinterpret_cast<CUdeviceptr>(pointer));
}

bool Machine::IsDeviceMemory(const void* pointer) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = device_blocks_.upper_bound(address);
  if (block == device_blocks_.begin()) return false;
  --block;
  return address - block->first < block->second.size;
}

unsigned char* Machine::Resolve(int device, const void* pointer, size_t size,
                                const std::string& what) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = device_blocks_.upper_bound(address);
  if (block == device_blocks_.begin()) Die(what + " is not device memory");
  --block;
  const size_t offset = address - block->first;
  if (offset >= block->second.size) Die(what + " is not device memory (any more)");
  if (size > block->second.size - offset) {
    Die(what + " needs " + std::to_string(size) + " bytes of device memory, " +
        std::to_string(block->second.size - offset) + " are there");
  }
  if (block->second.device->ordinal != device) Die(what + " is memory of another device");
  return block->second.bytes + offset;
}

unsigned char* Machine::ResolveForKernel(int device, void* pointer, size_t size,
                                         const std::string& what) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const bool is_mapped =
      std::getenv("TRT_NODE_STUB_MAPS") != nullptr && IsPinned(pointer, std::max<size_t>(size, 1));
  return is_mapped ? static_cast<unsigned char*>(pointer) : Resolve(device, pointer, size, what);
}

}  // namespace stub
