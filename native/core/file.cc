#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <mutex>
#include <system_error>

#include "core/chunks.h"
#include "core/descriptor.h"
#include "core/error.h"
#include "core/sha256.h"

namespace trtnode {
namespace {

constexpr size_t kSliceBytes = size_t{4} << 20;

Error NotReadable(const std::string& path, const char* why) {
  return Error(ErrorCode::kEngineNotFound, "cannot read " + path + ": " + why).With("path", path);
}

Error NotWritten(const std::string& path, const char* step, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Error(ErrorCode::kWrite,
               std::string("cannot ") + step + " " + path + ": " + std::strerror(error) +
                   (full ? ". Make room there, or raise the limit" : ". Check the folder"))
      .With("path", path)
      .With("step", std::string(step))
      .With("errno", static_cast<double>(error));
}

// O_NONBLOCK keeps open() from waiting for a FIFO's writer; regular files ignore it.
Descriptor OpenRegular(const std::string& path, uint64_t* size) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) throw NotReadable(path, std::strerror(errno));
  struct stat info = {};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    throw NotReadable(path, S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file");
  }
  *size = static_cast<uint64_t>(info.st_size);
  return file;
}

size_t ReadSome(int fd, const std::string& path, uint8_t* to, size_t size) {
  while (true) {
    const ssize_t count = read(fd, to, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) throw NotReadable(path, std::strerror(errno));
  }
}

Error BecameShorter(const std::string& path) {
  return NotReadable(path, "it became shorter while it was read");
}

void ReadWhole(int fd, const std::string& path, uint8_t* to, const Chunk& chunk) {
  size_t done = 0;
  while (done < chunk.size) {
    const ssize_t count =
        pread(fd, to + done, chunk.size - done, static_cast<off_t>(chunk.offset + done));
    if (count == 0) throw BecameShorter(path);
    if (count > 0) {
      done += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      throw NotReadable(path, std::strerror(errno));
    }
  }
}

}  // namespace

ByteBlock::ByteBlock(size_t size) : size_(size) {
  // A plan is touched once: in small pages, half of the time of reading it goes to the page faults.
  constexpr size_t kHugePageBytes = size_t{2} << 20;
  const bool large = size >= 2 * kHugePageBytes;
  const size_t whole = (size + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  data_.reset(static_cast<uint8_t*>(large ? std::aligned_alloc(kHugePageBytes, whole)
                                          : std::malloc(std::max<size_t>(size, 1))));
  if (!data_) {
    throw Error(ErrorCode::kOutOfMemory,
                "the machine has not enough free memory for " + std::to_string(size) + " bytes");
  }
  if (large) madvise(data_.get(), whole, MADV_HUGEPAGE);
}

void ByteBlock::Free::operator()(uint8_t* data) const { std::free(data); }

ByteBlock ReadFile(const std::string& path, FileDigest* digest) {
  uint64_t size = 0;
  const Descriptor file = OpenRegular(path, &size);
  ByteBlock block(size);
  // Read on another thread, as hashing takes longer than reading.
  std::mutex mutex;
  std::condition_variable changed;
  size_t read = 0;
  bool ended = false;
  const auto read_all = [&] {
    const auto tell = [&](size_t done, bool end) {
      const std::lock_guard<std::mutex> lock(mutex);
      read = done;
      ended = end;
      changed.notify_one();
    };
    size_t done = 0;
    try {
      while (done < size) {
        const size_t count = ReadSome(file.get(), path, block.data() + done,
                                      std::min<size_t>(kSliceBytes, size - done));
        if (count == 0) throw BecameShorter(path);
        done += count;
        tell(done, false);
      }
    } catch (...) {
      tell(done, true);
      throw;
    }
    tell(done, true);
  };
  std::future<void> reading;
  try {
    if (size > kSliceBytes) reading = std::async(std::launch::async, read_all);
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // No thread to be had: it only takes longer.
  }
  if (!reading.valid()) read_all();
  Sha256 hash;
  size_t hashed = 0;
  while (hashed < size) {
    size_t until = 0;
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return ended || read > hashed; });
      until = read;
    }
    if (until == hashed) break;
    hash.Update(block.data() + hashed, until - hashed);
    hashed = until;
  }
  if (reading.valid()) reading.get();
  *digest = {hash.FinishHex(), size, ""};
  return block;
}

ByteBlock ReadFileInChunks(const std::string& path, std::string* chunks_sha256) {
  uint64_t size = 0;
  const Descriptor file = OpenRegular(path, &size);
  ByteBlock block(size);
  ChunkDigests digests(chunks_sha256 == nullptr ? 0 : size);
  ForEachChunk(size, [&](const Chunk& chunk) {
    uint8_t* const to = block.data() + chunk.offset;
    ReadWhole(file.get(), path, to, chunk);
    // On the thread that has it in its cache.
    if (chunks_sha256 != nullptr) digests.Hash(chunk, to);
  });
  if (chunks_sha256 != nullptr) *chunks_sha256 = digests.FinishHex();
  return block;
}

std::string IdentityOf(const Descriptor& file, const std::string& path) {
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) throw NotReadable(path, std::strerror(errno));
  std::string identity;
  for (const int64_t part :
       {static_cast<int64_t>(info.st_dev), static_cast<int64_t>(info.st_ino),
        static_cast<int64_t>(info.st_size), static_cast<int64_t>(info.st_mtim.tv_sec),
        static_cast<int64_t>(info.st_mtim.tv_nsec), static_cast<int64_t>(info.st_ctim.tv_sec),
        static_cast<int64_t>(info.st_ctim.tv_nsec)}) {
    identity += std::to_string(part) + ":";
  }
  return identity;
}

HashedFile HashFile(const std::string& path, const KeepGoing& keep_going) {
  uint64_t size = 0;
  const Descriptor file = OpenRegular(path, &size);
  return HashOpenFile(file, path, keep_going);
}

HashedFile HashOpenFile(const Descriptor& file, const std::string& path,
                        const KeepGoing& keep_going) {
  // First: a file that changes while it is read must not have the identity of its end.
  std::string identity = IdentityOf(file, path);
  const ByteBlock slice(kSliceBytes);
  Sha256 hash;
  uint64_t total = 0;
  while (const size_t count = ReadSome(file.get(), path, slice.data(), slice.size())) {
    if (!keep_going()) throw Error(ErrorCode::kInternal, "the reading of " + path + " was ended");
    hash.Update(slice.data(), count);
    total += count;
  }
  return {{hash.FinishHex(), total, ""}, std::move(identity)};
}

FileDigest WriteNewFile(const std::string& path, const void* data, size_t size) {
  const auto not_written = [&path](const char* step, int error) {
    return NotWritten(path, step, error);
  };
  const auto failed = [&](const char* step) {
    const int error = errno;
    unlink(path.c_str());
    return not_written(step, error);
  };
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) throw not_written("create", errno);
  const auto* bytes = static_cast<const uint8_t*>(data);
  Sha256 hash;
  size_t done = 0;
  while (done < size) {
    const ssize_t count = write(file.get(), bytes + done, std::min(kSliceBytes, size - done));
    if (count < 0) {
      if (errno == EINTR) continue;
      throw failed("write");
    }
    hash.Update(bytes + done, static_cast<size_t>(count));
    done += static_cast<size_t>(count);
  }
  if (fsync(file.get()) != 0) throw failed("fsync");
  if (file.Close() != 0) throw failed("close");
  return {hash.FinishHex(), size, ""};
}

FileDigest WriteNewPlan(const std::string& path, const void* data, size_t size) {
  FileDigest digest = WriteNewFile(path, data, size);
  digest.chunks_sha256 = ChunksSha256(static_cast<const uint8_t*>(data), size);
  return digest;
}

FileDigest ReplaceFile(const std::string& path, const void* data, size_t size) {
  static std::atomic<unsigned> count = 0;
  const std::string temporary =
      path + "." + std::to_string(getpid()) + "-" + std::to_string(count++) + ".tmp";
  FileDigest digest = WriteNewFile(temporary, data, size);
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    throw NotWritten(path, "replace", error);
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  // The file is in place already, so a file system that cannot do this has lost nothing.
  const Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened) static_cast<void>(fsync(opened.get()));
  return digest;
}

}  // namespace trtnode
