// All lanes of an engine and the one queue that they take their work from, in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "exec/lane.h"

namespace trtnode {

// What every use of a closed engine fails with.
Error EngineClosed();

// What becomes of submitted inferences when an engine closes.
enum class Pending { kFinish, kDiscard };

class Lanes {
 public:
  // `options.lanes` of them. The device's context must be current.
  Lanes(const Device& device, const std::shared_ptr<LoadedEngine>& engine,
        const std::shared_ptr<PinnedPool>& pool, const LaneOptions& options);
  // Finishes what was submitted.
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // Thread-safe, as all that follows. `done` is always called, at once when the queue is full, the lanes have stopped or the
  // context is lost.
  void Submit(std::shared_ptr<InferJob> job);

  // A job will be submitted at once: where all threads sleep, one wakes meanwhile and looks for it, though for no longer than a wake-up or two
  // would have taken.
  void Expect();

  // True: the job was still queued and is gone; its `done` is never called.
  bool Cancel(const InferJob* job);

  // Runs the job on the calling thread, which holds an Activity, on the first lane that is free; before what is queued. Sets
  // `error` instead of throwing.
  void RunNow(InferJob* job);

  // Runs the job once on each lane and makes a graph of it where it can. Throws what it failed with. The caller holds no Activity.
  void RunOnEach(InferJob* job);

  // Runs `work` on the calling thread, with the device's context current, after what was submitted before; nothing else runs on
  // the lanes meanwhile, and their graphs are dropped. Throws what it threw, or Error(kEngineClosed). The caller holds no Activity.
  // What it threw, inferences fail with too, those that were submitted meanwhile, until such work succeeds.
  void RunExclusive(const std::function<void(const Stream&)>& work);

  // Fails what is queued with Error(kEngineClosed), but for exclusive work. What runs goes on.
  void DiscardQueued();

  // Finishes what was submitted, or only what is running now and fails the rest; refuses what comes later. Returns when
  // nothing runs any more.
  void Stop(Pending pending);

  std::vector<LaneGraphs> Graphs() const;
  // Device memory of all lanes' tensors.
  size_t TensorBytes() const;

 private:
  using Clock = InferJob::Clock;
  enum class State { kLooking, kAsleep, kRunning };

  struct Worker {
    std::unique_ptr<Lane> lane;
    std::thread thread;
    State state = State::kLooking;  // of the thread
    bool busy = false;              // the lane has an inference, this thread's or another's
    std::condition_variable wake;
    Clock::time_point last_work;
    Clock::time_point expects_until;
  };

  // Exclusive work's place in the queue. It lives on the stack of the thread that waits for it.
  struct Barrier {
    std::condition_variable changed;
    bool discarded = false;
  };

  struct Item {
    std::shared_ptr<InferJob> job;
    Barrier* barrier;  // null for a job
  };

  void ThreadMain(Worker* worker);
  // False when there will be none any more.
  bool AwaitWork(Worker* worker);
  // True once something is queued; false when it has spun for long enough.
  bool Spin(const Worker& worker) const;
  Clock::duration SpinTime() const;
  // The next job, which is this worker's then; null when others were faster.
  std::shared_ptr<InferJob> Take(Worker* worker);
  void Finish(Worker* worker);
  // For a thread that is no worker: waits for this lane, or for any. Null when the job cannot be run; it has the error then.
  Worker* Claim(Worker* only, InferJob* job);
  void Release(Worker* worker);
  void Execute(Worker* worker, InferJob* job, bool idle_caller);

  // The mutex is held for all that follow.
  std::vector<std::shared_ptr<InferJob>> TakeQueued();
  bool CanTake(const Worker& worker) const;
  bool CanBegin(const Barrier& barrier) const;
  bool AllIdle() const;
  // What a job is to fail with instead of being run.
  std::optional<Error> Failure() const;
  void CountQueue();
  // Wakes as many sleeping threads as there is work for.
  void WakeWorkers();
  // After a lane became free.
  void PassOn();

  const Device& device_;
  const std::shared_ptr<PinnedPool> pool_;
  const LaneOptions options_;
  std::vector<std::unique_ptr<Worker>> workers_;

  mutable std::mutex mutex_;  // guards what follows, and the workers' states
  std::condition_variable lane_free_;
  std::deque<Item> queue_;
  size_t jobs_ = 0;      // queued, or running on a worker's thread
  size_t claiming_ = 0;  // threads that wait in Claim; lanes take nothing meanwhile
  bool exclusive_ = false;
  bool stopping_ = false;
  std::optional<Error> unusable_;  // what exclusive work left behind
  std::optional<Error> lost_;      // no call on this GPU will succeed again
  // What a spinning thread looks at: the queue is not empty, or the lanes are stopping. Away from what the others write.
  struct alignas(64) News {
    std::atomic<bool> there = false;
  };
  const std::unique_ptr<News> news_ = std::make_unique<News>();
};

}  // namespace trtnode
