#include "core/contained_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"

namespace trtnode {
namespace {

Error Refused(const std::string& location, const char* reason, const std::string& finding,
              const char* next) {
  return Error(ErrorCode::kExternalData,
               "the model keeps tensors in \"" + location + "\", but " + finding + ". " + next)
      .With("location", location)
      .With("reason", std::string(reason));
}

// Where an open file lies, with no link left in it.
std::filesystem::path PathOf(const Descriptor& file) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file.get()));
}

bool IsInside(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const std::filesystem::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != ".." && *relative.begin() != ".";
}

}  // namespace

Descriptor OpenContained(const std::string& folder, const std::string& location) {
  constexpr const char* kPutBeside =
      "Put the file itself, not a link to it, beside the model or into a folder below it";
  const Descriptor root(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    throw Refused(location, "missing",
                  std::string("the model's folder cannot be opened: ") + std::strerror(errno),
                  "Check its permissions");
  }
  // O_NONBLOCK keeps open() from waiting for a FIFO's writer; regular files ignore it.
  Descriptor file(
      openat(root.get(), location.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    const bool absent = errno == ENOENT || errno == ENOTDIR;
    throw Refused(location, absent ? "missing" : "unreadable",
                  absent ? std::string("there is no such file in the model's folder")
                         : std::string("it cannot be opened: ") + std::strerror(errno),
                  absent ? "Copy it along with the model" : "Check its permissions");
  }
  struct stat info = {};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    throw Refused(location, "not-a-file", "that is not a regular file", kPutBeside);
  }
  if (!IsInside(PathOf(file), PathOf(root))) {
    throw Refused(location, "outside", "that leads out of the model's folder", kPutBeside);
  }
  // A hard link shows no path but the one it was opened by.
  if (info.st_nlink > 1) {
    throw Refused(location, "hard-link",
                  "that file has other names (hard links), so it may be any file of this machine",
                  "Replace it by a copy of its own");
  }
  return file;
}

std::string IdentityOf(const Descriptor& file) {
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return "";
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

Descriptor ReopenContained(const std::string& folder, const std::string& location,
                           const std::string& identity) {
  Descriptor file = OpenContained(folder, location);
  if (IdentityOf(file) == identity) return file;
  throw Refused(location, "changed", "that file was changed or replaced after it was examined",
                "Leave the model alone until it is built, and build again");
}

ContainedDigest HashContained(const std::string& folder, const std::string& location) {
  const Descriptor file = OpenContained(folder, location);
  try {
    // First: a file that changes while it is read must not have the identity of its end.
    std::string identity = IdentityOf(file);
    return {HashOpenFile(file, location), std::move(identity)};
  } catch (const Error& error) {
    throw Refused(location, "unreadable", error.message(), "Check the disk and its permissions");
  }
}

}  // namespace trtnode
