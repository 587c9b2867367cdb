// Copies that JavaScript asks for between the host and device memory, beside the inferences' own.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/stream.h"
#include "exec/device_memory.h"
#include "exec/pinned_pool.h"

namespace trtnode {

// Of one device. Thread-safe; each call makes the device's context current and returns before the copy is done.
class Copies {
 public:
  using SharedEvent = DeviceMemory::SharedEvent;

  explicit Copies(const Device& device);
  // Waits for what is under way: not for the JS thread.
  ~Copies();
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  // Pinned memory for the host's side. Throws Error(kOutOfMemory | kCuda).
  PinnedLease TakePinned(size_t size);
  // Frees pinned memory beyond what is worth keeping: not for the JS thread.
  void FreeSurplus() { pool_->FreeSurplus(); }

  // `to` and `from` on the host must be pinned, and stay, until the event is done.
  SharedEvent ToHost(void* to, DeviceMemory* from, size_t offset, size_t size);
  SharedEvent ToDevice(DeviceMemory* to, size_t offset, const void* from, size_t size);
  SharedEvent OnDevice(DeviceMemory* to, DeviceMemory* from, size_t size);

 private:
  struct Slot {
    Stream stream;
    SharedEvent last;
  };
  // One whose copies are done where there is one, so that no copy waits behind another that waits for the network.
  Slot& IdleSlot();
  static SharedEvent Record(Slot* slot);

  static constexpr size_t kMaxStreams = 4;

  const Device& device_;
  const std::shared_ptr<PinnedPool> pool_;
  std::mutex mutex_;  // guards what follows
  std::vector<Slot> slots_;
  size_t next_ = 0;
};

}  // namespace trtnode
