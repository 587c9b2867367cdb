// An advisory lock on a folder, held between processes and threads; the kernel drops it when its holder dies.
#pragma once

#include <chrono>
#include <string>
#include <utility>

namespace trtnode {

class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() { Release(); }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // Waits for whoever holds it. On a file system without such locks (NFS has none on folders) it holds nothing. Throws
  // Error(kWrite) when the folder cannot be opened or `timeout` has passed.
  static FolderLock Take(const std::string& folder, std::chrono::milliseconds timeout);

  void Release();

 private:
  int fd_ = -1;
};

}  // namespace trtnode
