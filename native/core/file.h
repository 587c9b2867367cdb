// Reading and writing plan and model files: regular files alone, gigabytes, hashed on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace trtnode {

class Descriptor;

struct FileDigest {
  std::string sha256;
  uint64_t size_bytes = 0;
  std::string chunks_sha256;  // of a plan that was written here; else empty
};

// A block of bytes that owns its memory; malloc'd, so that gigabytes are not zeroed first.
class ByteBlock {
 public:
  ByteBlock() = default;
  // Throws Error(kOutOfMemory).
  explicit ByteBlock(size_t size);

  uint8_t* data() const { return data_.get(); }
  size_t size() const { return size_; }
  void Reset() {
    data_.reset();
    size_ = 0;
  }

 private:
  struct Free {
    void operator()(uint8_t* data) const;
  };
  std::unique_ptr<uint8_t[], Free> data_;
  size_t size_ = 0;
};

// Reads a regular file whole and hashes it. A missing, unreadable or special file throws Error(kEngineNotFound).
ByteBlock ReadFile(const std::string& path, FileDigest* digest);

// The same on several threads. `chunks_sha256`: see ChunkDigests; null: nothing is hashed.
ByteBlock ReadFileInChunks(const std::string& path, std::string* chunks_sha256);

// Asked between two slices of a long read; false ends it with Error(kInternal).
using KeepGoing = std::function<bool()>;

struct HashedFile {
  FileDigest digest;
  std::string identity;
};

// What tells this state of this file from any other: where it is stored, its size, and when it last changed. `path` is for
// messages. lib/onnx/model-file.ts writes the same.
std::string IdentityOf(const Descriptor& file, const std::string& path);

// The digest alone, in constant memory.
HashedFile HashFile(const std::string& path, const KeepGoing& keep_going);

// The same of an open file, from where it stands to its end; `path` is for messages.
HashedFile HashOpenFile(const Descriptor& file, const std::string& path,
                        const KeepGoing& keep_going);

// Creates `path`, which must not exist, writes and fsyncs it. On failure nothing is left and Error(kWrite) is thrown.
FileDigest WriteNewFile(const std::string& path, const void* data, size_t size);

// The same, with `chunks_sha256` in the digest.
FileDigest WriteNewPlan(const std::string& path, const void* data, size_t size);

// Writes a file beside `path` and puts it in its place, so that at any moment one of the two stands there, whole. On failure
// the old one does, and Error(kWrite) is thrown.
FileDigest ReplaceFile(const std::string& path, const void* data, size_t size);

}  // namespace trtnode
