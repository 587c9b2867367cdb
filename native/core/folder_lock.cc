#include "core/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "core/error.h"

namespace trtnode {

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  if (this != &other) {
    Release();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

FolderLock FolderLock::Take(const std::string& folder, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kRetry(20);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  FolderLock lock;
  lock.fd_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock.fd_ < 0) {
    throw Error(ErrorCode::kWrite, "cannot open " + folder + ": " + std::strerror(errno))
        .With("path", folder);
  }
  while (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) {
      lock.Release();
      return lock;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorCode::kWrite, "another process is writing plans to " + folder +
                                         " and does not finish; try again when it has")
          .With("path", folder);
    }
    std::this_thread::sleep_for(kRetry);
  }
  return lock;
}

void FolderLock::Release() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace trtnode
