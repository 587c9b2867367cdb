#include "trt/abi/gpu_allocator.h"

#include "cuda/driver.h"

namespace trtnode::TRT_NODE_ABI {

GpuAllocator::GpuAllocator() {
  CheckCuda(Driver::Get().table().CtxGetCurrent(&context_), "cuCtxGetCurrent");
}

CUresult GpuAllocator::Take(uint64_t size, CUstream stream, CUdeviceptr* pointer,
                            bool* of_pool) const {
  const DriverTable& driver = Driver::Get().table();
  const auto take = [&] {
    if (stream != nullptr) {
      const CUresult result = driver.MemAllocAsync(pointer, size, stream);
      *of_pool = result == CUDA_SUCCESS;
      // Some GPUs have no pools.
      if (result != CUDA_ERROR_NOT_SUPPORTED) return result;
    }
    return driver.MemAlloc(pointer, size);
  };
  const CUresult result = take();
  // A thread of TensorRT's own.
  if (result != CUDA_ERROR_INVALID_CONTEXT) return result;
  driver.CtxSetCurrent(context_);
  return take();
}

void* GpuAllocator::allocate(uint64_t size, uint64_t alignment,
                             trt::AllocatorFlags flags) noexcept {
  return allocateAsync(size, alignment, flags, nullptr);
}

// The alignment is never more than the driver's own.
void* GpuAllocator::allocateAsync(uint64_t size, uint64_t /*alignment*/,
                                  trt::AllocatorFlags /*flags*/, cudaStream_t stream) noexcept {
  if (size == 0) return nullptr;
  try {
    CUdeviceptr pointer = 0;
    bool of_pool = false;
    const CUresult result = Take(size, stream, &pointer, &of_pool);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (result != CUDA_SUCCESS) {
      refusal_ = {size, result};
      return nullptr;
    }
    auto* const memory = reinterpret_cast<void*>(pointer);  // NOLINT(performance-no-int-to-ptr)
    blocks_[memory] = {size, of_pool};
    allocated_bytes_ += size;
    return memory;
  } catch (...) {
    return nullptr;
  }
}

bool GpuAllocator::deallocate(void* memory) noexcept { return deallocateAsync(memory, nullptr); }

bool GpuAllocator::deallocateAsync(void* memory, cudaStream_t stream) noexcept {
  if (memory == nullptr) return true;
  try {
    Block block;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = blocks_.find(memory);
      if (found == blocks_.end()) return false;
      block = found->second;
      blocks_.erase(found);
      allocated_bytes_ -= block.size;
    }
    const DriverTable& driver = Driver::Get().table();
    const auto pointer = reinterpret_cast<CUdeviceptr>(memory);
    const CUresult result = block.of_pool && stream != nullptr
                                ? driver.MemFreeAsync(pointer, stream)
                                : driver.MemFree(pointer);
    return result == CUDA_SUCCESS;
  } catch (...) {
    return false;
  }
}

void GpuAllocator::ForgetRefusal() {
  const std::lock_guard<std::mutex> lock(mutex_);
  refusal_.reset();
}

void GpuAllocator::ThrowRefusal(const std::string& advice) {
  std::optional<Refusal> refusal;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    refusal = refusal_;
  }
  if (!refusal) return;
  if (refusal->result == CUDA_ERROR_OUT_OF_MEMORY) {
    throw Error(ErrorCode::kOutOfMemory, "the GPU has not the " + std::to_string(refusal->size) +
                                             " bytes of memory that TensorRT asked for. " + advice)
        .With("bytes", static_cast<double>(refusal->size));
  }
  CheckCuda(refusal->result, "cuMemAlloc");
}

}  // namespace trtnode::TRT_NODE_ABI
