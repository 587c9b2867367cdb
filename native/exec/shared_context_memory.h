// One block of activation memory for the execution contexts of several lanes. Their networks take turns on the GPU; no thread
// waits for that.
#pragma once

#include <mutex>

#include "core/error.h"
#include "cuda/memory.h"
#include "cuda/stream.h"

namespace trtnode {

class SharedContextMemory {
 public:
  // Throws Error(kOutOfMemory).
  SharedContextMemory(const Device& device, size_t size)
      : memory_(device), size_(size), free_(device, EventKind::kUntimed) {
    memory_.Reserve(size);
  }

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
