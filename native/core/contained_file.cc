#include "core/contained_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"

namespace trtnode {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPutBeside =
    "Put the file itself, not a link to it, beside the model or into a folder below it";

Error Refused(const std::string& location, const char* reason, const std::string& finding,
              const char* next) {
  return Error(ErrorCode::kExternalData,
               "the model keeps tensors in \"" + location + "\", but " + finding + ". " + next)
      .With("location", location)
      .With("reason", std::string(reason));
}

Error NotOpened(const std::string& location, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return Refused(location, "missing", "there is no such file in the model's folder",
                   "Copy it along with the model");
  }
  const char* next = error == EMFILE || error == ENFILE
                         ? "Raise the limit of open files (ulimit -n), or save the model with "
                           "fewer files of external data"
                     : error == ELOOP || error == ENAMETOOLONG ? kPutBeside
                                                               : "Check its permissions";
  return Refused(location, "unreadable",
                 std::string("it cannot be opened: ") + std::strerror(error), next);
}

std::string LinkTo(const Descriptor& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

// Where an open file lies, with no link left in it.
fs::path PathOf(const Descriptor& file, const std::string& location) {
  std::error_code error;
  fs::path path = fs::read_symlink(LinkTo(file), error);
  if (!error) return path;
  throw Refused(location, "unreadable",
                "/proc does not tell where it lies (" + error.message() + ")",
                "External data needs a mounted /proc and paths of less than 4 KiB");
}

bool IsInside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != ".." && *relative.begin() != ".";
}

struct stat StatOf(const Descriptor& file, const std::string& location) {
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) throw NotOpened(location, errno);
  return info;
}

}  // namespace

Descriptor OpenContained(const std::string& folder, const std::string& location) {
  const Descriptor root(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    throw Refused(location, "missing",
                  std::string("the model's folder cannot be opened: ") + std::strerror(errno),
                  "Check its permissions");
  }
  // O_PATH finds the file and does nothing to it: opening a FIFO would wait, and opening a device may do anything.
  const Descriptor found(openat(root.get(), location.c_str(), O_PATH | O_CLOEXEC));
  if (!found) throw NotOpened(location, errno);
  const struct stat info = StatOf(found, location);
  if (!S_ISREG(info.st_mode)) {
    throw Refused(location, "not-a-file", "that is not a regular file", kPutBeside);
  }
  if (!IsInside(PathOf(found, location), PathOf(root, location))) {
    throw Refused(location, "outside", "that leads out of the model's folder", kPutBeside);
  }
  // A hard link shows no path but the one it was opened by.
  if (info.st_nlink > 1) {
    throw Refused(location, "hard-link",
                  "that file has other names (hard links), so it may be any file of this machine",
                  "Replace it by a copy of its own");
  }
  Descriptor file(open(LinkTo(found).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw NotOpened(location, errno);
  return file;
}

void RequireIdentity(const Descriptor& file, const std::string& location,
                     const std::string& identity) {
  if (IdentityOf(file, location) == identity) return;
  throw Refused(location, "changed", "that file was changed or replaced after it was examined",
                "Leave the model alone until it is built, and build again");
}

HashedFile HashContained(const std::string& folder, const std::string& location,
                         const KeepGoing& keep_going) {
  const Descriptor file = OpenContained(folder, location);
  try {
    return HashOpenFile(file, location, keep_going);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kEngineNotFound) throw;
    throw Refused(location, "unreadable", error.message(), "Check the disk and its permissions");
  }
}

}  // namespace trtnode
