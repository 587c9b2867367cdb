#include "core/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "core/error.h"

namespace trtnode {

FolderLock FolderLock::Take(const std::string& folder, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kRetry(20);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  FolderLock lock;
  lock.folder_ = Descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.folder_) {
    throw Error(ErrorCode::kWrite, "cannot open " + folder + ": " + std::strerror(errno))
        .With("path", folder);
  }
  while (flock(lock.folder_.get(), LOCK_EX | LOCK_NB) != 0) {
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

}  // namespace trtnode
