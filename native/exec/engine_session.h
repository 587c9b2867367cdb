// A loaded engine and all that it needs to run, with one order of death: lane, engine, then pinned memory.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/file.h"
#include "cuda/device.h"
#include "exec/lane.h"
#include "exec/pinned_pool.h"
#include "trt/library.h"

namespace trtnode {

class EngineSession {
 public:
  // Deserializes the plan, then frees its bytes. Long: not for the JS thread.
  static std::shared_ptr<EngineSession> Load(const LibraryFiles& files, ByteBlock* plan,
                                             int device);

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

  // Throws Error(kEngineClosed).
  PinnedLease TakeStaging(size_t size);
  void Submit(std::shared_ptr<InferJob> job);
  void RunNow(InferJob* job);
  std::string Inspect();

  // Finishes (or discards) what was submitted and frees everything but the outputs that JavaScript still holds.
  // Idempotent; a second caller waits for the first. Long: not for the JS thread.
  void Close(Pending pending);

 private:
  static std::shared_ptr<EngineSession> Load(const Device& device, Backend& backend,
                                             ByteBlock* plan, OperationLog* log);
  EngineSession(const Device& device, const Backend& backend, std::unique_ptr<LoadedEngine> engine);
  std::shared_ptr<Lane> OpenLane();

  const Device& device_;
  const Flavour flavour_;
  const LibraryVersion version_;
  const std::shared_ptr<PinnedPool> pool_;

  std::mutex mutex_;  // guards the two pointers below, not what they point to
  std::mutex close_mutex_;
  std::shared_ptr<LoadedEngine> engine_;
  std::shared_ptr<Lane> lane_;

  // Copies, so that they can be asked for after the engine is closed.
  const std::vector<TensorInfo> inputs_;
  const std::vector<TensorInfo> outputs_;
  const std::vector<Profile> profiles_;
  const uint64_t device_memory_bytes_;
};

}  // namespace trtnode
