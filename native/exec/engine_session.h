// A loaded engine and all that it needs to run, with one order of death: lanes, engine, then pinned memory.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "cuda/device.h"
#include "exec/engine_memory.h"
#include "exec/engine_weights.h"
#include "exec/lanes.h"
#include "exec/layer_profile.h"
#include "exec/manual_context.h"
#include "exec/pinned_pool.h"
#include "trt/library.h"

namespace trtnode {

struct RefittableWeights {
  std::vector<WeightsInfo> all;
  std::vector<std::string> missing;
};

class EngineSession {
 public:
  // Deserializes the plan, then frees its bytes. Long: not for the JS thread. Throws Error(kOutOfMemory) before it makes
  // execution contexts that do not fit.
  static std::shared_ptr<EngineSession> Load(const LibraryFiles& files, const LoadSpec& spec,
                                             ByteBlock* plan, int device,
                                             const LaneOptions& options = {});

  ~EngineSession() { Close(Pending::kFinish); }
  EngineSession(const EngineSession&) = delete;
  EngineSession& operator=(const EngineSession&) = delete;

  const Device& device() const { return device_; }
  Flavour flavour() const { return flavour_; }
  const LibraryVersion& version() const { return version_; }
  const std::vector<TensorInfo>& inputs() const { return inputs_; }
  const std::vector<TensorInfo>& outputs() const { return outputs_; }
  const std::vector<Profile>& profiles() const { return profiles_; }
  bool closed();
  uint64_t device_memory_bytes() const { return device_memory_bytes_; }
  uint64_t streamable_weights_bytes() const { return streamable_weights_bytes_; }
  uint64_t weight_streaming_budget_bytes() const { return weight_streaming_budget_bytes_; }
  bool refittable() const { return refittable_; }
  HardwareCompatibility hardware_compatibility_level() const {
    return hardware_compatibility_level_;
  }
  int aux_streams() const { return aux_streams_; }
  // Whether inference may ask for its value. Throws Error(kEngineClosed).
  bool IsDebugTensor(const std::string& name);

  // With the number of lanes that was chosen.
  const LaneOptions& options() const { return options_; }
  size_t lanes() const { return static_cast<size_t>(options_.lanes); }
  std::vector<LaneGraphs> GraphState();

  // The same plan for the same call as long as anybody has it, and mostly longer: lanes know their graphs by it.
  std::shared_ptr<const CallPlan> PlanCall(int profile, std::vector<Dims> input_dims);
  // Throws Error(kEngineClosed).
  PinnedLease TakeStaging(size_t size);
  // Thread-safe. The job's `done` is always called, at once with Error(kQueueFull | kEngineClosed | kCudaContextLost | kRefit).
  void Submit(std::shared_ptr<InferJob> job);
  // Tells that Submit comes at once: a lane's thread may wake meanwhile.
  void Expect();
  // On the calling thread, when a lane is free, before what is queued. Sets the job's error; does not call `done`. Wakes no
  // other thread unless one waits for the lane.
  void RunNow(InferJob* job);
  // Runs the job once on each lane and makes a graph of it where it can. Throws what it failed with. Long: not for the JS thread.
  void Warm(InferJob* job);
  // True: it was still queued, will never run, and its `done` is never called.
  bool Cancel(const InferJob* job);
  // What is queued fails with Error(kEngineClosed); what runs goes on.
  void DiscardQueued();
  std::string Inspect();
  // They throw Error(kRefit) while weights are missing, and Error(kEngineClosed). Long: not for the JS thread.
  std::shared_ptr<ManualContext> CreateContext(int profile);
  LayerProfile ProfileLayers(const LayerProfileSpec& spec);
  // Zeros once it is closed.
  EngineMemory Memory();

  // Gives the engine new weights after what was submitted before, and returns those that are still missing: the engine keeps what it
  // was given until none is. Long: not for the JS thread.
  std::vector<std::string> Refit(RefitSource source);
  RefittableWeights ListWeights();
  FileDigest Serialize(const std::string& plan_path);

  // Finishes (or discards) what was submitted and frees everything but the outputs that JavaScript still holds.
  // Idempotent; a second caller waits for the first. Long: not for the JS thread.
  void Close(Pending pending);

 private:
  static std::shared_ptr<EngineSession> Load(const Device& device, Backend& backend,
                                             const LoadSpec& spec, const LaneOptions& options,
                                             ByteBlock* plan, OperationLog* log);
  EngineSession(const Device& device, const Backend& backend, std::shared_ptr<LoadedEngine> engine,
                std::unique_ptr<EngineWeights> weights, const LaneOptions& options);
  // What inference is to fail with; none when there are lanes for it.
  std::optional<Error> LanesFor(std::shared_ptr<Lanes>* lanes);
  // Throws Error(kOutOfMemory).
  std::shared_ptr<Lanes> MakeLanes(const std::shared_ptr<LoadedEngine>& engine) const;
  // Throws Error(kEngineClosed).
  std::shared_ptr<LoadedEngine> OpenEngine();
  // Runs `work` on the engine and its weights, one at a time.
  template <typename Work>
  auto WithWeights(Work work);
  void ApplyWeights(const std::shared_ptr<LoadedEngine>& engine, OperationLog* log);

  const Device& device_;
  const Flavour flavour_;
  const LibraryVersion version_;
  const std::shared_ptr<PinnedPool> pool_;
  ManualContexts contexts_;

  std::mutex close_mutex_;
  std::mutex weights_mutex_;  // guards weights_; taken before mutex_
  std::unique_ptr<EngineWeights> weights_;
  std::mutex mutex_;  // guards what follows, not what the pointers point to
  std::shared_ptr<LoadedEngine> engine_;
  std::shared_ptr<Lanes> lanes_;  // null before an engine without weights has got them
  std::vector<std::string> missing_;
  std::map<std::pair<int, std::vector<Dims>>, std::shared_ptr<const CallPlan>> calls_;

  // Copies, so that they can be asked for after the engine is closed.
  const std::vector<TensorInfo> inputs_;
  const std::vector<TensorInfo> outputs_;
  const std::vector<Profile> profiles_;
  const uint64_t device_memory_bytes_;
  const uint64_t streamable_weights_bytes_;
  const uint64_t weight_streaming_budget_bytes_;
  const bool refittable_;
  const HardwareCompatibility hardware_compatibility_level_;
  const int aux_streams_;
  const LaneOptions options_;
};

}  // namespace trtnode
