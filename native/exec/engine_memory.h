// What an engine holds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trtnode {

// Bytes.
struct EngineMemory {
  size_t lanes = 0;
  uint64_t weights = 0;   // what TensorRT holds without its contexts
  uint64_t context = 0;   // of one context, as TensorRT reports it
  uint64_t contexts = 0;  // of all of them; a block that several share counts once
  uint64_t tensors = 0;   // inputs and outputs on the GPU, of all lanes
  uint64_t staging = 0;   // pinned memory of the host, lent or idle
};

}  // namespace trtnode
