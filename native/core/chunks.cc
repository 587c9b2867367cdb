#include "core/chunks.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <system_error>
#include <thread>

namespace trtnode {
namespace {

// More of them only wait for memory.
constexpr size_t kThreads = 4;

size_t CountChunks(size_t size) { return (size + kChunkBytes - 1) / kChunkBytes; }

}  // namespace

void ForEachChunk(size_t size, const std::function<void(const Chunk&)>& work) {
  const size_t count = CountChunks(size);
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    try {
      while (true) {
        const size_t index = next.fetch_add(1, std::memory_order_relaxed);
        if (index >= count) return;
        const size_t offset = index * kChunkBytes;
        work({index, offset, std::min(kChunkBytes, size - offset)});
      }
    } catch (...) {
      next.store(count, std::memory_order_relaxed);
      throw;
    }
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t threads = std::min({kThreads, cores, count});
  // Destroyed before what the threads use: each waits for its own.
  std::vector<std::future<void>> helpers;
  try {
    while (helpers.size() + 1 < threads) {
      helpers.push_back(std::async(std::launch::async, run));
    }
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // No thread to be had: it only takes longer.
  }
  run();
  for (std::future<void>& helper : helpers) helper.get();
}

ChunkDigests::ChunkDigests(size_t size) : digests_(CountChunks(size)) {}

void ChunkDigests::Hash(const Chunk& chunk, const uint8_t* data) {
  Sha256 hash;
  hash.Update(data, chunk.size);
  digests_[chunk.index] = hash.Finish();
}

std::string ChunkDigests::FinishHex() const {
  Sha256 hash;
  for (const Sha256Digest& digest : digests_) hash.Update(digest.data(), digest.size());
  return hash.FinishHex();
}

std::string ChunksSha256(const uint8_t* data, size_t size) {
  ChunkDigests digests(size);
  ForEachChunk(size, [&](const Chunk& chunk) { digests.Hash(chunk, data + chunk.offset); });
  return digests.FinishHex();
}

}  // namespace trtnode
