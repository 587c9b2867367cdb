// Activation memory of execution contexts, and one block of it for those of several lanes. Their networks take turns on the GPU;
// no thread waits for that.
#pragma once

#include <mutex>
#include <string>

#include "core/error.h"
#include "cuda/memory.h"
#include "cuda/stream.h"

namespace trtnode {

// Throws Error(kOutOfMemory).
inline DeviceBuffer TakeActivationMemory(const Device& device, size_t size) {
  DeviceBuffer memory(device);
  try {
    memory.Reserve(size);
    return memory;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    throw Error(ErrorCode::kOutOfMemory,
                "the GPU has not the " + std::to_string(size) +
                    " bytes that an execution context needs for its activations. Free GPU memory, "
                    "use smaller profiles or fewer lanes, share the contexts' memory "
                    "(contextMemory: 'shared'), or stream weights (weightStreaming at build, "
                    "weightStreamingBudget at load)")
        .With("bytes", static_cast<double>(size));
  }
}

class SharedContextMemory {
 public:
  // Throws Error(kOutOfMemory).
  SharedContextMemory(const Device& device, size_t size)
      : memory_(TakeActivationMemory(device, size)),
        size_(size),
        free_(device, EventKind::kUntimed) {}

  void* address() const { return memory_.address(); }
  size_t size() const { return size_; }

  // While it lives, what is put on the stream runs after what others have put on theirs, and before what they will.
  class Turn {
   public:
    Turn(SharedContextMemory* memory, const Stream& stream)
        : memory_(*memory), lock_(memory_.mutex_), stream_(stream) {
      stream.Wait(memory_.free_);
    }
    ~Turn() {
      try {
        memory_.free_.Record(stream_);
      } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
        // Only a lost context refuses this, and every other call then.
      }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    SharedContextMemory& memory_;
    const std::lock_guard<std::mutex> lock_;
    const Stream& stream_;
  };

 private:
  DeviceBuffer memory_;
  const size_t size_;
  std::mutex mutex_;
  const Event free_;  // recorded behind the last network
};

}  // namespace trtnode
