// How an engine runs what is asked of it.
#pragma once

#include <cstddef>

namespace trtnode {

// How a lane waits for work and for the GPU, and JavaScript for completions.
enum class Waiting {
  kBlock,  // they sleep at once: no processor time, and three wake-ups of a thread in each inference
  kSpin,  // for the GPU and completions they always spin; for work while there was some in the last 100 ms
  kAuto,  // for the GPU up to 1 ms, for work up to 200 us after the last, for completions up to 1 ms after the last submission
          // or completion, with half of the machine's processors at most
};

enum class GraphMode {
  kOff,
  kOn,  // captured behind the first inference of its kind
  // Behind the second: what comes once would not pay for its capture. Where more kinds come in turns than there is room for, behind
  // later ones.
  kAuto,
};

enum class ContextMemory {
  kSeparate,
  kShared,  // one block for all lanes' contexts: their networks run one after the other, their copies beside them
};

struct LaneOptions {
  // 0: two where the activation memory of two contexts fits into a tenth of the GPU's memory, else one.
  int lanes = 0;
  Waiting waiting = Waiting::kAuto;
  GraphMode graphs = GraphMode::kAuto;
  // Of one lane; the one that was not used for longest makes room.
  size_t max_graphs = 16;
  // Of requests that wait because every lane has one.
  size_t queue_limit = 1024;
  ContextMemory context_memory = ContextMemory::kSeparate;
  // Small inputs and outputs lie in pinned memory that kernels use, where the GPU can.
  bool direct_tensors = true;
  // TensorRT's NVTX ranges.
  bool nvtx = false;
};

}  // namespace trtnode
