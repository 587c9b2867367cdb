// An advisory lock on a folder, held between processes and threads; the kernel drops it when its holder dies.
#pragma once

#include <chrono>
#include <string>

#include "core/descriptor.h"

namespace trtnode {

class FolderLock {
 public:
  // Waits for whoever holds it. On a file system without such locks (NFS has none on folders) it holds nothing. Throws
  // Error(kWrite) when the folder cannot be opened or `timeout` has passed.
  static FolderLock Take(const std::string& folder, std::chrono::milliseconds timeout);

  void Release() { folder_ = Descriptor(); }

 private:
  Descriptor folder_;
};

}  // namespace trtnode
