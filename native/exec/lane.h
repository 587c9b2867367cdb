// A lane: one thread, one stream, one execution context and the device memory of its tensors.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "cuda/memory.h"
#include "cuda/stream.h"
#include "exec/data_dependent_output.h"
#include "exec/pinned_pool.h"
#include "trt/backend.h"

namespace trtnode {

// Milliseconds. queue, enqueue, total: host monotonic clock; h2d, compute, d2h: CUDA events.
struct InferTiming {
  double queue = 0;
  double enqueue = 0;
  double h2d = 0;
  double compute = 0;
  double d2h = 0;
  double total = 0;
};

struct InferOutput {
  Dims dims;
  size_t size_bytes = 0;
  PinnedLease memory;  // empty where the output was not wanted
};

// One inference: what goes in, then what came out. Owned by whoever submitted it; the lane uses it until `done`.
struct InferJob {
  using Clock = std::chrono::steady_clock;

  int profile = 0;
  std::vector<Dims> input_dims;       // one per input
  std::vector<size_t> input_offsets;  // of each input in `staging`
  std::vector<size_t> input_bytes;
  size_t staging_bytes = 0;
  PinnedLease staging;
  std::vector<bool> wanted;  // one per output
  bool timed = false;
  Clock::time_point submitted;

  std::vector<InferOutput> outputs;
  InferTiming timing;
  std::optional<Error> error;
  std::function<void()> done;  // called once, on the lane's thread
};

// What every use of a closed engine fails with.
Error EngineClosed();

// What becomes of submitted inferences when a lane stops.
enum class Pending { kFinish, kDiscard };

class Lane {
 public:
  Lane(const Device& device, std::shared_ptr<LoadedEngine> engine,
       std::shared_ptr<PinnedPool> pool);
  // Finishes what was submitted.
  ~Lane();

  // Thread-safe. The job's `done` is always called, with `error` set when it failed or the lane has stopped.
  void Submit(std::shared_ptr<InferJob> job);

  // Runs the job on the calling thread, which holds an Activity, after whichever inference is running now. Sets `error`
  // instead of throwing.
  void RunNow(InferJob* job);

  // Runs `work` on the lane's thread, with the device's context current, after what was submitted before; nothing else runs on
  // the engine meanwhile. Returns when it has; throws what it threw, or Error(kEngineClosed). The caller holds no Activity.
  // What it threw, inferences fail with too, those that were submitted meanwhile, until such work succeeds.
  void RunExclusive(std::function<void(const Stream&)> work);

  // Finishes what was submitted, or only what is running now and fails the rest; refuses what comes later. Returns when
  // the thread has ended.
  void Stop(Pending pending);

 private:
  using ExclusiveWork = std::packaged_task<void(const Stream&)>;
  using Work = std::variant<std::shared_ptr<InferJob>, ExclusiveWork>;

  void ThreadMain();
  std::optional<Work> NextWork();
  void Do(const std::shared_ptr<InferJob>& job);
  void Do(ExclusiveWork& work);
  // False when the lane has stopped; the work is the caller's then.
  bool Queue(Work& work);
  void Execute(InferJob* job);
  void Enqueue(InferJob* job);
  void PlaceInputs(const InferJob& job);
  // Memory for the outputs whose dims are known before TensorRT runs, and a way to ask for the others'.
  void PlaceOutputs(InferJob* job);
  void PlaceDataDependent(size_t index);
  void RunNetwork();
  // Takes over what TensorRT told of outputs that depend on the data.
  void CompleteOutputs(InferJob* job);
  void CopyOutputs(InferJob* job);
  // After the stream has been waited for.
  void CopyHostOutputs(InferJob* job) const;
  // Tells TensorRT the profile, dims and values of shape tensors where they differ from the inference before: each of these
  // calls costs it microseconds.
  void SetInputs(const InferJob& job);
  void SetAddress(const TensorInfo& tensor, void* address, void** known);
  void CollectTiming(InferJob* job) const;

  const Device& device_;
  // Shared with the session: a call that is still running when the session closes keeps the engine alive.
  const std::shared_ptr<LoadedEngine> engine_;
  const std::shared_ptr<PinnedPool> pool_;
  // One inference at a time on the context; held by the lane's thread or by RunNow's caller.
  std::mutex execute_mutex_;
  std::optional<Error> unusable_;  // guarded by it
  // Destroyed in reverse: the context before the stream and the memory that it was given.
  const Stream stream_;
  const Event before_h2d_, before_compute_, after_compute_, before_d2h_, after_d2h_;
  std::vector<DeviceBuffer> input_memory_;
  std::vector<DeviceBuffer> output_memory_;
  std::vector<std::unique_ptr<DataDependentOutput>> data_dependent_;  // null for the other outputs
  // Tensors that TensorRT reads and writes on the host. It keeps their addresses, so they are the lane's own.
  std::vector<PinnedLease> host_inputs_;
  std::vector<PinnedLease> host_outputs_;
  const std::unique_ptr<Execution> execution_;
  // What the context was last told.
  int profile_ = 0;
  bool shapes_known_ = false;
  std::vector<Dims> input_dims_;
  std::vector<Dims> output_dims_;
  std::vector<void*> input_addresses_;
  std::vector<void*> output_addresses_;

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<Work> queue_;
  bool stopping_ = false;
  std::atomic<bool> has_news_ = false;  // something was queued, or the lane is stopping
  std::thread thread_;
};

}  // namespace trtnode
