// Pinned memory that was lent to JavaScript, found again by its address, so that an array on it needs no copy.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "exec/pinned_pool.h"

namespace trtnode {

// Of the process: an array of one engine may be an input of another.
class PinnedRegistry {
 public:
  static PinnedRegistry& Get();

  // From now on the lease's first `size` bytes are found, until nobody holds what this returns. Then it goes back to its pool.
  std::shared_ptr<void> Lend(PinnedLease lease, size_t size);

  // What keeps the memory where it is, when all of [address, address + size) lies in one lease; else null. Whoever uses the
  // memory holds it meanwhile: JavaScript may let go of the array at any time.
  std::shared_ptr<void> Find(const void* address, size_t size);

 private:
  struct Lent;
  struct Block {
    size_t size;
    std::weak_ptr<Lent> lent;
  };
  void Forget(const unsigned char* address);

  std::mutex mutex_;
  std::map<const unsigned char*, Block> blocks_;
};

}  // namespace trtnode
