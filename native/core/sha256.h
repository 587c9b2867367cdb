// SHA-256 (FIPS 180-4), with the processor's SHA instructions where it has them: plans of gigabytes are hashed at load.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace trtnode {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  void Update(const void* data, size_t size);
  // The object is spent afterwards.
  Sha256Digest Finish();
  // The same in lower-case hex.
  std::string FinishHex();

 private:
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_ = {};
  size_t pending_size_ = 0;
  uint64_t total_size_ = 0;
};

}  // namespace trtnode
