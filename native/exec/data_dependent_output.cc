#include "exec/data_dependent_output.h"

#include <algorithm>
#include <new>

#include "cuda/device.h"

namespace trtnode {

void* DataDependentOutput::Reserve(size_t size_bytes, size_t alignment) noexcept {
  try {
    try {
      // TensorRT may be on another of the GPUs, or ask from a thread of its own.
      device_.MakeCurrent();
      // The driver aligns to 256 bytes. TensorRT 10.6 asks for more.
      alignment = std::max<size_t>(alignment, 1);
      memory_->Reserve(size_bytes + alignment - 1);
      pointer_ = (memory_->pointer() + alignment - 1) / alignment * alignment;
      return reinterpret_cast<void*>(pointer_);  // NOLINT(performance-no-int-to-ptr)
    } catch (const Error& error) {
      failure_ = error;
    } catch (const std::bad_alloc&) {
      failure_ = Error(ErrorCode::kOutOfMemory, "the machine has not enough free memory");
    } catch (const std::exception& error) {
      failure_ = Error(ErrorCode::kInternal, error.what());
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch)
    // Not even the reason could be kept; TensorRT fails for want of memory all the same.
  }
  return nullptr;
}

void DataDependentOutput::SetDims(const int64_t* dims, size_t rank) noexcept {
  if (rank > kMaxRank) return;
  std::copy_n(dims, rank, dims_.begin());
  rank_ = rank;
}

std::optional<Dims> DataDependentOutput::dims() const {
  if (!rank_) return std::nullopt;
  return Dims(dims_.begin(), dims_.begin() + static_cast<std::ptrdiff_t>(*rank_));
}

void DataDependentOutput::Forget() {
  rank_.reset();
  failure_.reset();
}

}  // namespace trtnode
