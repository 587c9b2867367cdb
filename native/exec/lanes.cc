#include "exec/lanes.h"

#include <algorithm>
#include <utility>

#include "core/activity.h"
#include "cuda/device.h"

namespace trtnode {
namespace {

// How long a thread looks for work after the last before it sleeps. Whoever awaits one inference before the next submits it
// within microseconds, and waking a sleeping thread costs more than that.
constexpr std::chrono::microseconds kAutoSpin(200);
constexpr std::chrono::milliseconds kLongSpin(100);
// The same for what was announced: whoever announces it has bytes to copy first, which takes a microsecond for some ten thousand of them.
constexpr std::chrono::microseconds kExpectSpin(200);
// Between two looks at the clock.
constexpr int kPausesPerLook = 32;

// Of a job that ran before: whoever waits for the same may not want its log.
Error Repeated(const Error& error) {
  Error repeated(error.code(), error.message());
  for (const auto& [key, value] : error.details()) repeated.With(key, value);
  return repeated;
}

Error QueueFull(size_t limit) {
  return Error(ErrorCode::kQueueFull,
               "every lane is busy and " + std::to_string(limit) +
                   " requests wait already, which is the queueLimit. Send fewer at a time, or "
                   "load the engine with more lanes or a longer queue")
      .With("queueLimit", static_cast<double>(limit));
}

void Refuse(const std::vector<std::shared_ptr<InferJob>>& jobs) {
  for (const auto& job : jobs) {
    job->error = EngineClosed();
    job->done();
  }
}

Error DeadlineMissed() {
  return {ErrorCode::kDeadline, "the request's deadline passed before a lane was free for it"};
}

}  // namespace

Error EngineClosed() {
  return Error(ErrorCode::kEngineClosed, "the engine is closed. Load it again to use it");
}

Lanes::Lanes(const Device& device, const std::shared_ptr<LoadedEngine>& engine,
             const std::shared_ptr<PinnedPool>& pool, const LaneOptions& options)
    : device_(device), pool_(pool), options_(options) {
  std::shared_ptr<SharedContextMemory> shared;
  if (options.context_memory == ContextMemory::kShared) {
    shared = std::make_shared<SharedContextMemory>(device, engine->DeviceMemoryBytes());
  }
  for (int i = 0; i < options.lanes; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->lane = std::make_unique<Lane>(device, engine, pool, options, shared);
    workers_.push_back(std::move(worker));
  }
  try {
    for (const auto& worker : workers_) {
      worker->thread = std::thread([this, worker = worker.get(), on = CurrentEnvironment()] {
        SetCurrentEnvironment(on);
        ThreadMain(worker);
      });
    }
  } catch (...) {
    Stop(Pending::kDiscard);
    throw;
  }
}

Lanes::~Lanes() { Stop(Pending::kFinish); }

void Lanes::Submit(std::shared_ptr<InferJob> job) {
  job->error.reset();
  job->submitted = Clock::now();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) {
      job->error = EngineClosed();
    } else if (lost_) {
      job->error = Repeated(*lost_);
    } else if (jobs_ >= options_.queue_limit + workers_.size()) {
      job->error = QueueFull(options_.queue_limit);
    } else {
      queue_.push_back({std::move(job), nullptr});
      ++jobs_;
      CountQueue();
      WakeWorkers();
      return;
    }
  }
  job->done();
}

void Lanes::Expect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_ || exclusive_ || !queue_.empty()) return;
  const auto looks = [](const auto& worker) {
    return !worker->busy && worker->state == State::kLooking;
  };
  if (std::ranges::any_of(workers_, looks)) return;
  const auto sleeps = [](const auto& worker) {
    return !worker->busy && worker->state == State::kAsleep;
  };
  const auto found = std::ranges::find_if(workers_, sleeps);
  if (found == workers_.end()) return;
  Worker& worker = **found;
  worker.expects_until = Clock::now() + kExpectSpin;
  worker.state = State::kLooking;
  worker.wake.notify_one();
}

bool Lanes::Cancel(const InferJob* job) {
  std::shared_ptr<InferJob> cancelled;  // freed after the lock is gone
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = std::find_if(queue_.begin(), queue_.end(),
                                  [job](const Item& item) { return item.job.get() == job; });
  if (found == queue_.end()) return false;
  cancelled = std::move(found->job);
  queue_.erase(found);
  --jobs_;
  CountQueue();
  // Exclusive work may be first in the queue now.
  PassOn();
  return true;
}

void Lanes::RunNow(InferJob* job) {
  job->error.reset();
  job->submitted = Clock::now();
  Worker* const worker = Claim(nullptr, job);
  if (worker == nullptr) return;
  Execute(worker, job, true);
  Release(worker);
}

void Lanes::RunOnEach(InferJob* job) {
  job->warm = true;
  for (const auto& worker : workers_) {
    const Activity activity;
    job->error.reset();
    job->submitted = Clock::now();
    if (Claim(worker.get(), job) != nullptr) {
      Execute(worker.get(), job, true);
      Release(worker.get());
    }
    if (job->error) throw Error(*job->error);
  }
}

void Lanes::RunExclusive(const std::function<void(const Stream&)>& work) {
  Barrier barrier;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (stopping_) throw EngineClosed();
    queue_.push_back({nullptr, &barrier});
    CountQueue();
  }
  std::optional<Activity> activity;
  while (!activity) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      barrier.changed.wait(lock, [&] { return barrier.discarded || CanBegin(barrier); });
      if (barrier.discarded) throw EngineClosed();
    }
    // Not under the lock, and not with the lanes in hand: it may never return, and an exit's handlers infer.
    activity.emplace();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (barrier.discarded) throw EngineClosed();
    exclusive_ = CanBegin(barrier);
    if (!exclusive_) activity.reset();
  }
  std::optional<Error> failure;
  std::exception_ptr thrown;
  try {
    device_.MakeCurrent();
    for (const auto& worker : workers_) worker->lane->DropGraphs();
    work(workers_.front()->lane->stream());
  } catch (const Error& error) {
    failure = error;
    thrown = std::current_exception();
  } catch (const std::exception& error) {
    failure = Error(ErrorCode::kInternal, error.what());
    thrown = std::current_exception();
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    unusable_ = std::move(failure);
    exclusive_ = false;
    queue_.pop_front();
    CountQueue();
    PassOn();
  }
  if (thrown) std::rethrow_exception(thrown);
}

void Lanes::DiscardQueued() {
  std::vector<std::shared_ptr<InferJob>> discarded;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    discarded = TakeQueued();
    CountQueue();
    PassOn();
  }
  Refuse(discarded);
}

void Lanes::Stop(Pending pending) {
  std::vector<std::shared_ptr<InferJob>> discarded;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (pending == Pending::kDiscard) {
      discarded = TakeQueued();
      // The first may be running: it takes itself out.
      while (queue_.size() > (exclusive_ ? 1 : 0)) {
        queue_.back().barrier->discarded = true;
        queue_.back().barrier->changed.notify_one();
        queue_.pop_back();
      }
    }
    CountQueue();
    PassOn();
    lane_free_.notify_all();
  }
  Refuse(discarded);
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  lane_free_.wait(lock, [this] { return AllIdle() && !exclusive_; });
}

void Lanes::ThreadMain(Worker* worker) {
  while (AwaitWork(worker)) {
    std::shared_ptr<InferJob> job;
    {
      // Before the lane is taken: it may never return, and an exit's handlers infer.
      const Activity activity;
      job = Take(worker);
      if (!job) continue;
      Execute(worker, job.get(), false);
      Finish(worker);
    }
    job->done();
    job.reset();
    if (pool_->HasSurplus()) {
      const Activity activity;
      pool_->FreeSurplus();
    }
  }
}

bool Lanes::AwaitWork(Worker* worker) {
  std::unique_lock<std::mutex> lock(mutex_);
  bool spun = false;
  while (!CanTake(*worker)) {
    if (stopping_ && queue_.empty()) return false;
    if (!spun && !news_->there.load(std::memory_order_relaxed)) {
      lock.unlock();
      spun = !Spin(*worker);
      lock.lock();
      continue;
    }
    worker->state = State::kAsleep;
    worker->wake.wait(lock, [worker] { return worker->state != State::kAsleep; });
    spun = false;
  }
  return true;
}

Lanes::Clock::duration Lanes::SpinTime() const {
  switch (options_.waiting) {
    case Waiting::kBlock:
      return Clock::duration::zero();
    case Waiting::kAuto:
      return kAutoSpin;
    case Waiting::kSpin:
      return kLongSpin;
  }
  return Clock::duration::zero();
}

bool Lanes::Spin(const Worker& worker) const {
  const Clock::time_point until = std::max(worker.expects_until, worker.last_work + SpinTime());
  if (Clock::now() >= until) return false;
  std::optional<SpinPermit> permit;
  if (options_.waiting != Waiting::kSpin && !permit.emplace().granted()) return false;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (news_->there.load(std::memory_order_acquire)) return true;
      Pause();
    }
  } while (Clock::now() < until);
  return false;
}

std::shared_ptr<InferJob> Lanes::Take(Worker* worker) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!CanTake(*worker)) return nullptr;
  std::shared_ptr<InferJob> job = std::move(queue_.front().job);
  queue_.pop_front();
  CountQueue();
  worker->state = State::kRunning;
  worker->busy = true;
  worker->expects_until = {};
  job->error = Failure();
  return job;
}

void Lanes::Finish(Worker* worker) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard<std::mutex> lock(mutex_);
  worker->last_work = now;
  worker->state = State::kLooking;
  worker->busy = false;
  --jobs_;
  PassOn();
}

Lanes::Worker* Lanes::Claim(Worker* only, InferJob* job) {
  const auto find = [&]() -> Worker* {
    if (exclusive_) return nullptr;
    // Behind exclusive work that waits for the lanes, or it would never come to them; but not when the process exits, as its
    // thread may not be let in any more.
    const bool yields = !queue_.empty() && queue_.front().barrier != nullptr &&
                        !Activity::IsExiting(CurrentEnvironment());
    if (yields) return nullptr;
    for (const auto& worker : workers_) {
      if (!worker->busy && (only == nullptr || only == worker.get())) return worker.get();
    }
    return nullptr;
  };
  std::unique_lock<std::mutex> lock(mutex_);
  Worker* found = stopping_ ? nullptr : find();
  if (found == nullptr && !stopping_) {
    ++claiming_;
    lane_free_.wait(lock, [&] { return stopping_ || (found = find()) != nullptr; });
    --claiming_;
  }
  job->error = stopping_ ? EngineClosed() : Failure();
  if (job->error) {
    job->outputs.clear();
    found = nullptr;
  } else {
    found->busy = true;
  }
  // They took nothing while this thread waited, or were woken for the lane that it has now.
  if (claiming_ == 0 && !queue_.empty()) WakeWorkers();
  return found;
}

void Lanes::Release(Worker* worker) {
  const std::lock_guard<std::mutex> lock(mutex_);
  worker->busy = false;
  PassOn();
}

void Lanes::Execute(Worker* worker, InferJob* job, bool idle_caller) {
  if (!job->error && job->deadline && Clock::now() > *job->deadline) job->error = DeadlineMissed();
  if (job->error) {
    job->outputs.clear();
    return;
  }
  worker->lane->Execute(job, idle_caller);
  if (!job->error || job->error->code() != ErrorCode::kCudaContextLost) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!lost_) lost_ = job->error;
}

bool Lanes::CanTake(const Worker& worker) const {
  return !worker.busy && claiming_ == 0 && !queue_.empty() && queue_.front().job != nullptr;
}

bool Lanes::CanBegin(const Barrier& barrier) const {
  return queue_.front().barrier == &barrier && !exclusive_ && AllIdle();
}

bool Lanes::AllIdle() const {
  return std::ranges::none_of(workers_, [](const auto& worker) { return worker->busy; });
}

std::optional<Error> Lanes::Failure() const {
  if (lost_) return Repeated(*lost_);
  return unusable_;
}

void Lanes::CountQueue() {
  news_->there.store(stopping_ || !queue_.empty(), std::memory_order_release);
}

void Lanes::WakeWorkers() {
  size_t wanted = stopping_ ? workers_.size() : queue_.size();
  for (const auto& worker : workers_) {
    if (wanted > 0 && worker->state == State::kLooking && !worker->busy) --wanted;
  }
  for (const auto& worker : workers_) {
    if (wanted == 0) return;
    if (worker->state != State::kAsleep || (worker->busy && !stopping_)) continue;
    worker->state = State::kLooking;
    worker->wake.notify_one();
    --wanted;
  }
}

void Lanes::PassOn() {
  if (claiming_ > 0 || stopping_) lane_free_.notify_all();
  if (!queue_.empty() && queue_.front().barrier != nullptr) {
    queue_.front().barrier->changed.notify_one();
    if (!stopping_) return;
  }
  if (!queue_.empty() || stopping_) WakeWorkers();
}

std::vector<std::shared_ptr<InferJob>> Lanes::TakeQueued() {
  const auto first = std::stable_partition(queue_.begin(), queue_.end(),
                                           [](const Item& item) { return item.barrier; });
  std::vector<std::shared_ptr<InferJob>> jobs;
  for (auto item = first; item != queue_.end(); ++item) jobs.push_back(std::move(item->job));
  queue_.erase(first, queue_.end());
  jobs_ -= jobs.size();
  return jobs;
}

std::vector<LaneGraphs> Lanes::Graphs() const {
  std::vector<LaneGraphs> graphs;
  graphs.reserve(workers_.size());
  for (const auto& worker : workers_) graphs.push_back(worker->lane->graphs());
  return graphs;
}

size_t Lanes::TensorBytes() const {
  size_t bytes = 0;
  for (const auto& worker : workers_) bytes += worker->lane->tensor_bytes();
  return bytes;
}

}  // namespace trtnode
