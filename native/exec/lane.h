// A lane: a stream, execution contexts, the device memory of its tensors and its CUDA graphs. One inference at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cuda/memory.h"
#include "cuda/stream.h"
#include "exec/data_dependent_output.h"
#include "exec/gpu_wait.h"
#include "exec/graph_cache.h"
#include "exec/infer_job.h"
#include "exec/lane_context.h"
#include "exec/lane_options.h"
#include "exec/pinned_pool.h"
#include "exec/shared_context_memory.h"
#include "trt/backend.h"

namespace trtnode {

struct LaneGraphs {
  size_t held = 0;  // now
  uint64_t captured = 0;
  uint64_t replays = 0;
  uint64_t eager = 0;   // inferences without a graph
  std::string refusal;  // why the last of these could not become a graph; empty: none was refused
};

// Used by one thread at a time, but for what says otherwise.
class Lane {
 public:
  // The device's context must be current. `shared`: null where the lane has activation memory of its own.
  Lane(const Device& device, std::shared_ptr<LoadedEngine> engine, std::shared_ptr<PinnedPool> pool,
       const LaneOptions& options, std::shared_ptr<SharedContextMemory> shared);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Returns when the GPU is done with it. Sets `error` instead of throwing. The caller holds an Activity. `idle_caller`: it
  // waits for this inference alone.
  void Execute(InferJob* job, bool idle_caller);

  const Stream& stream() const { return stream_; }

  // Their weights are about to change. The device's context must be current.
  void DropGraphs();

  // Any thread.
  LaneGraphs graphs() const;
  // Device memory of its tensors.
  size_t tensor_bytes() const { return tensor_bytes_.load(std::memory_order_relaxed); }

 private:
  void Run(InferJob* job);
  // Where the network reads and writes: what of it is not the lane's own is part of the key of a graph.
  void ChooseBindings(const InferJob& job);
  void ReadHostInputs(const InferJob& job);
  void ReadHostInput(const InferJob& job, size_t input);
  // The shape's own, or the one that is told whatever comes. `entry`: null for an inference that never becomes a graph. Throws
  // Error(kOutOfMemory).
  std::shared_ptr<LaneContext> ContextFor(const GraphEntry* entry);
  std::shared_ptr<LaneContext> MakeContext();
  // The same beside contexts that shapes have: null where it fails, which is no fault of the inference then.
  std::shared_ptr<LaneContext> TryContext();
  void TellAddresses(const InferJob& job);
  void PlaceDataDependent(size_t index);
  // Whether it lies in pinned memory of the lane's that kernels read and write over the bus.
  bool IsDirectInput(size_t index, size_t bytes) const;
  bool IsDirectOutput(size_t index) const;
  unsigned char* DirectMemory(std::vector<PinnedLease>* memory, size_t index);
  // Where the network reads and writes it.
  CUdeviceptr InputPointer(size_t index) const;
  CUdeviceptr OutputPointer(size_t index) const;
  bool IsOverwritten(size_t input) const;
  void Grow(DeviceBuffer* buffer, size_t size);
  void CountTensorBytes();
  // Before anything runs: `bytes` of the outputs, 0 where they depend on the data.
  void CheckTargets(const InferJob& job, const std::vector<size_t>& bytes) const;
  void CheckTarget(const OutputTarget& target, size_t output, size_t bytes) const;
  void CopyInputs(const InferJob& job);
  void CopyInput(const InferJob& job, size_t index);
  void FillDirectInput(const InferJob& job, size_t index);
  void RunNetwork(InferJob* job, const GraphEntry* replayed);
  void EnqueueNetwork();
  // With the values of the job's debug tensors.
  void EnqueueDebugged(InferJob* job);
  // Takes over what TensorRT told of outputs that depend on the data.
  void CompleteOutputs(InferJob* job, const std::vector<Dims>& dims,
                       const std::vector<size_t>& bytes);
  // Memory for what comes with the output; may be pinned or taken now, which no event shall count.
  void TakeOutputMemory(InferJob* job);
  void CopyOutputs(InferJob* job);
  // Whoever uses the job's device memory on another stream from now on waits for this one.
  void MarkUse(const InferJob& job);
  // The stream has been waited for, so that nobody needs to wait for the mark.
  static void ForgetUse(const InferJob& job);
  void CaptureBehind(GraphEntry* entry);
  void KeepContext(GraphEntry* entry);
  // After the stream has been waited for: what is on the host already.
  void CopyHostOutputs(InferJob* job);
  void CollectTiming(InferJob* job) const;
  void Refuse(const std::string& why);
  void CountGraphs();

  const Device& device_;
  // Shared with the session: a call that is still running when the session closes keeps the engine alive.
  const std::shared_ptr<LoadedEngine> engine_;
  const std::shared_ptr<PinnedPool> pool_;
  const LaneOptions options_;
  const std::shared_ptr<SharedContextMemory> shared_;
  // Destroyed in reverse: the contexts before the stream and the memory that they were given.
  const Stream stream_;
  const GpuWait wait_;
  const Event before_h2d_, after_h2d_, before_compute_, after_compute_, before_d2h_, after_d2h_;
  DeviceMemory::SharedEvent
      used_;  // behind the last inference with device memory; null before the first
  const DeviceBuffer activations_;  // empty where they are shared with other lanes
  std::vector<DeviceBuffer> input_memory_;
  std::vector<DeviceBuffer> output_memory_;
  std::vector<PinnedLease> direct_inputs_;
  std::vector<PinnedLease> direct_outputs_;
  std::vector<std::unique_ptr<DataDependentOutput>> data_dependent_;  // null for the other outputs
  bool has_host_inputs_ = false;
  std::vector<std::optional<size_t>> aliases_;  // of each output: the input whose memory it shares
  // NVIDIA asks for a context of its own for each shape that was captured, as graphs rest on what TensorRT keeps of a context's
  // dims. Null while each context is some shape's.
  std::shared_ptr<LaneContext> any_shape_;
  GraphCache cache_;
  bool captures_ = false;          // an inference may become a graph
  bool no_more_contexts_ = false;  // the last attempt to make one failed

  // Of the inference that runs now.
  bool direct_ = false;  // small tensors stay on the host
  GraphKey key_;
  std::shared_ptr<LaneContext> context_;

  std::atomic<size_t> tensor_bytes_ = 0;
  std::atomic<size_t> held_ = 0;
  std::atomic<uint64_t> captured_ = 0;
  std::atomic<uint64_t> replays_ = 0;
  std::atomic<uint64_t> eager_ = 0;
  mutable std::mutex refusal_mutex_;
  std::string refusal_;  // guarded by it
};

}  // namespace trtnode
