// The device memory of one engine: TensorRT asks here for all of it, so that what it holds is known to the byte, and why it
// got none.
#pragma once

#include <atomic>
#include <optional>
#include <unordered_map>

#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

// Must outlive the runtime that it is given to. Memory comes from where TensorRT's own allocator takes it: the driver's pool
// for what belongs to a stream, the driver itself for the rest. Thread-safe.
class GpuAllocator final : public trt::IGpuAllocator {
 public:
  // For the device whose context is current.
  GpuAllocator();

  void* allocate(uint64_t size, uint64_t alignment, trt::AllocatorFlags flags) noexcept override;
  bool deallocate(void* memory) noexcept override;
  void* allocateAsync(uint64_t size, uint64_t alignment, trt::AllocatorFlags flags,
                      cudaStream_t stream) noexcept override;
  bool deallocateAsync(void* memory, cudaStream_t stream) noexcept override;

  uint64_t allocated_bytes() const { return allocated_bytes_; }

  // Before a step whose failure ThrowRefusal shall explain.
  void ForgetRefusal();
  // Throws what the driver answered when it last refused memory: Error(kOutOfMemory | kCuda | kCudaContextLost). `advice` ends
  // the message. Returns where it refused none.
  void ThrowRefusal(const std::string& advice);

 private:
  struct Block {
    uint64_t size = 0;
    bool of_pool = false;
  };
  struct Refusal {
    uint64_t size = 0;
    CUresult result = CUDA_SUCCESS;
  };

  CUresult Take(uint64_t size, CUstream stream, CUdeviceptr* pointer, bool* of_pool) const;

  CUcontext context_ = nullptr;
  std::atomic<uint64_t> allocated_bytes_ = 0;
  std::mutex mutex_;  // guards what follows
  std::unordered_map<void*, Block> blocks_;
  std::optional<Refusal> refusal_;
};

}  // namespace trtnode::TRT_NODE_ABI
