// How an engine runs what is asked of it.
#pragma once

#include <cstddef>

namespace trtnode {

// How a lane waits, for work and for the GPU.
enum class Waiting {
  kBlock,  // it sleeps at once: no processor time, and two wake-ups of a thread in each inference
  kSpin,   // for the GPU it always spins; for work while there was some in the last 100 ms
  kAuto,  // for the GPU up to 1 ms, for work up to 200 us after the last, with half of the machine's processors at most
};

enum class GraphMode {
  kOff,
  kOn,    // captured behind the first inference of its kind
  kAuto,  // behind the second in a row: what comes once would not pay for its capture
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
  // TensorRT's NVTX ranges.
  bool nvtx = false;
};

}  // namespace trtnode
