// Large content in chunks of a fixed size, on several threads: one alone hashes a plan slower than TensorRT opens it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/sha256.h"

namespace trtnode {

// Part of the definition of `plan.chunksSha256` in a manifest: it never changes.
constexpr size_t kChunkBytes = size_t{4} << 20;

// The last may be smaller.
struct Chunk {
  size_t index;
  size_t offset;
  size_t size;
};

// Calls `work` once for each chunk of `size` bytes, in any order and on a few threads at once, of which the caller's is one. What
// it throws ends the rest and is thrown.
void ForEachChunk(size_t size, const std::function<void(const Chunk&)>& work);

// SHA-256 of the SHA-256 digests of the chunks, one behind the other.
class ChunkDigests {
 public:
  explicit ChunkDigests(size_t size);
  // Thread-safe for different chunks.
  void Hash(const Chunk& chunk, const uint8_t* data);
  // Once every chunk was hashed. Lower-case hex.
  std::string FinishHex() const;

 private:
  std::vector<Sha256Digest> digests_;
};

std::string ChunksSha256(const uint8_t* data, size_t size);

}  // namespace trtnode
