#include "exec/pinned_registry.h"

#include <utility>

namespace trtnode {

struct PinnedRegistry::Lent {
  explicit Lent(PinnedLease memory) : lease(std::move(memory)) {}
  // The block is forgotten before the lease goes back and may be lent anew.
  ~Lent() { Get().Forget(lease.data()); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  PinnedLease lease;
};

PinnedRegistry& PinnedRegistry::Get() {
  // Never destroyed: leases come back while the process exits.
  static PinnedRegistry& registry = *new PinnedRegistry;
  return registry;
}

std::shared_ptr<void> PinnedRegistry::Lend(PinnedLease lease, size_t size) {
  const unsigned char* const address = lease.data();
  auto lent = std::make_shared<Lent>(std::move(lease));
  const std::lock_guard<std::mutex> lock(mutex_);
  blocks_[address] = {size, lent};
  return lent;
}

std::shared_ptr<void> PinnedRegistry::Find(const void* address, size_t size) {
  const auto* const begin = static_cast<const unsigned char*>(address);
  std::shared_ptr<Lent> lent;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto block = blocks_.upper_bound(begin);
    if (block == blocks_.begin()) return nullptr;
    --block;
    const auto offset = static_cast<size_t>(begin - block->first);
    if (offset > block->second.size || size > block->second.size - offset) return nullptr;
    lent = block->second.lent.lock();
  }
  return lent;
}

void PinnedRegistry::Forget(const unsigned char* address) {
  const std::lock_guard<std::mutex> lock(mutex_);
  blocks_.erase(address);
}

}  // namespace trtnode
