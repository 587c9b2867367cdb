// The CUDA graphs of one lane, those that were used last, and what is known of calls that may become one.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/graph.h"
#include "exec/lane_context.h"

namespace trtnode {

// What a graph is good for. It holds the network alone, never the copies: host addresses play no part.
struct GraphKey {
  uint64_t call = 0;  // CallPlan::id: profile and dims
  // Of each input, then each output, where it is not the lane's own memory; else 0. A swapped pair is two graphs.
  std::vector<CUdeviceptr> external;
  // Of all shape tensors, one after the other: they decide dims, and kernels have read them.
  std::vector<unsigned char> host_values;

  bool operator==(const GraphKey& other) const = default;
  // What a context is told besides addresses: its graphs rest on what TensorRT keeps of that.
  bool SameShape(const GraphKey& other) const {
    return call == other.call && host_values == other.host_values;
  }
};

struct GraphEntry {
  GraphKey key;
  // What its shape has for itself once a graph was captured of it: never told another shape. Entries of one shape have the same.
  std::shared_ptr<LaneContext> context;
  Graph graph;
  bool refused = false;  // its capture failed once; another would too
  size_t uses = 0;       // that count for its next graph
  size_t replays = 0;    // of its graph
};

// Nothing of what it is to drop may be running.
class GraphCache {
 public:
  explicit GraphCache(size_t max_graphs);

  // The entry of this key, an empty one when there was none. Valid until the next call.
  GraphEntry* Find(const GraphKey& key);

  // The context that the key's shape has for itself; null where it has none.
  std::shared_ptr<LaneContext> ContextOf(const GraphKey& key) const;

  // Whether a shape has a context for itself.
  bool HasContexts() const;

  // Whether an entry without a graph was used often enough for one, where not each becomes one at once. `is_full`: it would take
  // the place of another, whatever `max_graphs` says.
  bool HasEarned(const GraphEntry& entry, bool is_full) const;

  // After an entry got its graph: others make room. Returns a context that no shape has any more; null where there is none.
  std::shared_ptr<LaneContext> Trim();

  // The context of the shape that was not used for longest, whose graphs go; null where no shape has one.
  std::shared_ptr<LaneContext> TakeOldest();

  // The graphs of a context go; it is no shape's any more.
  void Release(const std::shared_ptr<LaneContext>& context);

  // Their addresses or weights are gone.
  void DropGraphs();

  size_t graphs() const;

 private:
  // A use that comes once would not pay for a capture.
  static constexpr size_t kFewestUses = 2;

  void MakeRoom(GraphEntry* entry);

  const size_t max_graphs_;
  size_t wanted_uses_ = kFewestUses;
  std::vector<std::unique_ptr<GraphEntry>> entries_;  // the one that was used last first
};

}  // namespace trtnode
