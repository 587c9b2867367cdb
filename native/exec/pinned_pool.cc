#include "exec/pinned_pool.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace trtnode {
namespace {

// Powers of two up to 1 MiB, then whole MiBs: few classes for small blocks, little waste for large ones.
size_t SizeClass(size_t size) {
  constexpr size_t kMiB = size_t{1} << 20;
  if (size <= kMiB) return std::bit_ceil(std::max<size_t>(size, 4096));
  return (size + kMiB - 1) / kMiB * kMiB;
}

}  // namespace

PinnedLease::PinnedLease(std::shared_ptr<PinnedPool> pool, std::unique_ptr<PinnedBuffer> buffer)
    : pool_(std::move(pool)), buffer_(std::move(buffer)) {}

PinnedLease::~PinnedLease() { Return(); }

PinnedLease::PinnedLease(PinnedLease&& other) noexcept = default;

PinnedLease& PinnedLease::operator=(PinnedLease&& other) noexcept {
  if (this != &other) {
    Return();
    pool_ = std::move(other.pool_);
    buffer_ = std::move(other.buffer_);
  }
  return *this;
}

void PinnedLease::Return() {
  if (buffer_) pool_->GiveBack(std::move(buffer_));
  pool_.reset();
}

PinnedLease PinnedPool::Take(size_t size) {
  const size_t size_class = SizeClass(size);
  std::unique_ptr<PinnedBuffer> buffer;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& blocks = idle_[size_class];
    if (!blocks.empty()) {
      buffer = std::move(blocks.back());
      blocks.pop_back();
      idle_bytes_ -= size_class;
    } else {
      // Where no lane's thread works there is nobody who frees them.
      const auto found = std::ranges::find_if(
          surplus_, [&](const auto& block) { return block->size() == size_class; });
      if (found != surplus_.end()) {
        buffer = std::move(*found);
        surplus_.erase(found);
        has_surplus_.store(!surplus_.empty(), std::memory_order_relaxed);
        bytes_.fetch_add(size_class, std::memory_order_relaxed);
      }
    }
  }
  if (!buffer) {
    buffer = std::make_unique<PinnedBuffer>(device_, size_class);
    bytes_.fetch_add(size_class, std::memory_order_relaxed);
  }
  return PinnedLease(shared_from_this(), std::move(buffer));
}

void PinnedPool::GiveBack(std::unique_ptr<PinnedBuffer> buffer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t returned = buffer->size();
  if (closed_) {  // freed here
    bytes_.fetch_sub(returned, std::memory_order_relaxed);
    return;
  }
  idle_bytes_ += returned;
  idle_[returned].push_back(std::move(buffer));
  // Largest first; of the size in use now one block stays whatever it takes, or every call would pin it anew.
  for (auto size = idle_.rbegin(); size != idle_.rend() && idle_bytes_ > kMaxIdleBytes; ++size) {
    auto& blocks = size->second;
    const size_t kept = size->first == returned ? 1 : 0;
    while (blocks.size() > kept && idle_bytes_ > kMaxIdleBytes) {
      idle_bytes_ -= size->first;
      bytes_.fetch_sub(size->first, std::memory_order_relaxed);
      surplus_.push_back(std::move(blocks.back()));
      has_surplus_.store(true, std::memory_order_relaxed);
      blocks.pop_back();
    }
  }
}

void PinnedPool::FreeSurplus() {
  std::vector<std::unique_ptr<PinnedBuffer>> surplus;  // freed after the lock is gone
  const std::lock_guard<std::mutex> lock(mutex_);
  surplus.swap(surplus_);
  has_surplus_.store(false, std::memory_order_relaxed);
}

void PinnedPool::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  idle_.clear();
  surplus_.clear();
  has_surplus_.store(false, std::memory_order_relaxed);
  bytes_.fetch_sub(idle_bytes_, std::memory_order_relaxed);
  idle_bytes_ = 0;
}

}  // namespace trtnode
