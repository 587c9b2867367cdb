// A loaded engine and all that it needs to run, with one order of death: lane, engine, then pinned memory.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/file.h"
#include "cuda/device.h"
#include "exec/engine_weights.h"
#include "exec/lane.h"
#include "exec/pinned_pool.h"
#include "trt/library.h"

namespace trtnode {

struct RefittableWeights {
  std::vector<WeightsInfo> all;
  std::vector<std::string> missing;
};

class EngineSession {
 public:
  // Deserializes the plan, then frees its bytes. Long: not for the JS thread.
  static std::shared_ptr<EngineSession> Load(const LibraryFiles& files, const LoadSpec& spec,
                                             ByteBlock* plan, int device);

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

  // Throws Error(kEngineClosed).
  PinnedLease TakeStaging(size_t size);
  // They fail with Error(kRefit) while weights are missing.
  void Submit(std::shared_ptr<InferJob> job);
  void RunNow(InferJob* job);
  std::string Inspect();

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
                                             const LoadSpec& spec, ByteBlock* plan,
                                             OperationLog* log);
  EngineSession(const Device& device, const Backend& backend, std::shared_ptr<LoadedEngine> engine,
                std::unique_ptr<EngineWeights> weights);
  // What inference is to fail with; none when there is a lane for it.
  std::optional<Error> LaneFor(std::shared_ptr<Lane>* lane);
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

  std::mutex close_mutex_;
  std::mutex weights_mutex_;  // guards weights_; taken before mutex_
  std::unique_ptr<EngineWeights> weights_;
  std::mutex mutex_;  // guards what follows, not what the pointers point to
  std::shared_ptr<LoadedEngine> engine_;
  std::shared_ptr<Lane> lane_;  // null before an engine without weights has got them
  std::vector<std::string> missing_;

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
};

}  // namespace trtnode
