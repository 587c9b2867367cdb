// TEST ONLY. Files that are read and hashed by several threads.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "check.h"
#include "core/chunks.h"
#include "core/file.h"

namespace sanitize {
namespace {

using trtnode::ByteBlock;
using trtnode::Chunk;
using trtnode::ErrorCode;
using trtnode::FileDigest;

// Two whole chunks and a part of one; every byte tells its place.
std::vector<uint8_t> SomeBytes() {
  std::vector<uint8_t> bytes(2 * trtnode::kChunkBytes + 12345);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 31 + i / 4096);
  return bytes;
}

struct TemporaryFile {
  TemporaryFile()
      : path(std::filesystem::temp_directory_path() /
             ("trt-node-chunks-" + std::to_string(std::rand()) + ".bin")) {}
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::filesystem::path path;
};

TRT_NODE_CHECK(a_plan_is_read_and_hashed_by_several_threads) {
  const std::vector<uint8_t> bytes = SomeBytes();
  const TemporaryFile file;
  const FileDigest written = trtnode::WriteNewPlan(file.path, bytes.data(), bytes.size());
  for (int i = 0; i < 4; ++i) {
    std::string digest;
    const ByteBlock read = trtnode::ReadFileInChunks(file.path, &digest);
    ExpectEqual(read.size(), bytes.size(), "size");
    Expect(std::memcmp(read.data(), bytes.data(), bytes.size()) == 0, "other bytes were read");
    Expect(digest == written.chunks_sha256, "other digests than of what was written");
    Expect(trtnode::ReadFileInChunks(file.path, nullptr).size() == bytes.size(), "unhashed size");
  }
}

TRT_NODE_CHECK(what_fails_in_one_chunk_ends_the_others) {
  for (size_t failing = 0; failing < 8; ++failing) {
    const auto error = ErrorOf([&] {
      trtnode::ForEachChunk(8 * trtnode::kChunkBytes, [&](const Chunk& chunk) {
        if (chunk.index == failing) {
          throw trtnode::Error(ErrorCode::kEngineNotFound, "chunk " + std::to_string(failing));
        }
      });
    });
    ExpectError(error, ErrorCode::kEngineNotFound, "a chunk that fails");
  }
}

}  // namespace
}  // namespace sanitize
