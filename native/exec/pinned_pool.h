// Pinned host memory is slow to take (milliseconds) and fast to copy from, so blocks are kept for the next request.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/memory.h"

namespace trtnode {

class Device;
class PinnedPool;

// A block that goes back to its pool when it is destroyed, on whichever thread that is.
class PinnedLease {
 public:
  PinnedLease() = default;
  PinnedLease(std::shared_ptr<PinnedPool> pool, std::unique_ptr<PinnedBuffer> buffer);
  ~PinnedLease();
  PinnedLease(PinnedLease&& other) noexcept;
  PinnedLease& operator=(PinnedLease&& other) noexcept;
  PinnedLease(const PinnedLease&) = delete;
  PinnedLease& operator=(const PinnedLease&) = delete;

  explicit operator bool() const { return buffer_ != nullptr; }
  unsigned char* data() const { return static_cast<unsigned char*>(buffer_->data()); }
  size_t size() const { return buffer_->size(); }
  void Return();

 private:
  std::shared_ptr<PinnedPool> pool_;
  std::unique_ptr<PinnedBuffer> buffer_;
};

class PinnedPool : public std::enable_shared_from_this<PinnedPool> {
 public:
  explicit PinnedPool(const Device& device) : device_(device) {}

  // At least `size` bytes, 256-byte aligned. Throws Error(kOutOfMemory | kCuda).
  PinnedLease Take(size_t size);

  // Whether FreeSurplus has anything to do.
  bool HasSurplus() const { return has_surplus_.load(std::memory_order_relaxed); }
  // Frees what was kept beyond the limit. Freeing waits for the GPU, so leases that come back on the JS thread leave it to
  // the lane.
  void FreeSurplus();

  // Frees what is not lent, and from now on whatever comes back.
  void Close();

  // Pinned now, lent or idle.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  friend class PinnedLease;
  void GiveBack(std::unique_ptr<PinnedBuffer> buffer);

  // Beyond this much idle memory, blocks of other sizes than the one that came back last become surplus.
  static constexpr size_t kMaxIdleBytes = size_t{256} << 20;

  const Device& device_;
  std::mutex mutex_;
  bool closed_ = false;
  size_t idle_bytes_ = 0;
  std::map<size_t, std::vector<std::unique_ptr<PinnedBuffer>>> idle_;  // by size class
  std::vector<std::unique_ptr<PinnedBuffer>> surplus_;
  std::atomic<bool> has_surplus_ = false;
  std::atomic<size_t> bytes_ = 0;
};

}  // namespace trtnode
