// The CUDA graphs of one lane, those that were used last, and what is known of calls that may become one.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda/graph.h"
#include "trt/types.h"

namespace trtnode {

// What a graph is good for. It holds the network alone, never the copies: host addresses play no part.
struct GraphKey {
  uint64_t call = 0;  // CallPlan::id: profile and dims
  // Of each input, then each output, where it is not the lane's own memory; else 0. A swapped pair is two graphs.
  std::vector<CUdeviceptr> external;
  // Of all shape tensors, one after the other: they decide dims, and kernels have read them.
  std::vector<unsigned char> host_values;

  bool operator==(const GraphKey& other) const = default;
};

struct GraphEntry {
  GraphKey key;
  Graph graph;
  bool refused = false;   // its capture failed once; another would too
  bool outdated = false;  // it had a graph, which other dims took from it
  size_t uses = 0;        // without a graph, since the context was last told other dims
  std::vector<Dims> output_dims;
  std::vector<size_t> output_bytes;
};

class GraphCache {
 public:
  explicit GraphCache(size_t max_graphs) : max_graphs_(max_graphs) {}

  // The entry of this key, an empty one when there was none. Valid until the next call.
  GraphEntry* Find(const GraphKey& key);

  // After an entry got its graph: others make room.
  void Trim();

  // Their addresses or weights are gone. Nothing of them may be running.
  void DropGraphs();

  // The context is told other dims, values or another profile: its graphs rest on what TensorRT kept of those before, and what was
  // used in turns with others is not captured anew each time. Nothing of them may be running.
  void Outdate();

  size_t graphs() const;

 private:
  const size_t max_graphs_;
  std::vector<std::unique_ptr<GraphEntry>> entries_;  // the one that was used last first
};

}  // namespace trtnode
