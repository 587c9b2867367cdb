// TEST ONLY. What stands in JavaScript's place: jobs that are filled, submitted and waited for.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "exec/engine_session.h"

namespace sanitize {

using Floats = std::vector<float>;
using SharedSession = std::shared_ptr<trtnode::EngineSession>;

SharedSession Load(const std::string& plan, const trtnode::LaneOptions& options = {},
                   int device = 0);

trtnode::LaneOptions WithLanes(int lanes, trtnode::GraphMode graphs = trtnode::GraphMode::kAuto);

// `count` numbers that differ from each other; none is zero.
Floats Counting(size_t count, float from);

// One inference of an engine of floats.
class Request {
 public:
  // Inputs in the engine's order, staged; shape tensors are int64 and take the first number. Outputs are wanted fresh.
  Request(SharedSession session, const std::vector<Floats>& inputs);

  trtnode::InferJob& job() { return *job_; }
  const std::shared_ptr<trtnode::InferJob>& shared_job() { return job_; }

  void Submit();
  // Returns when `done` was called.
  void Wait();
  bool IsDone();
  void RunNow() { session_->RunNow(job_.get()); }
  bool Cancel() { return session_->Cancel(job_.get()); }

  const std::optional<trtnode::Error>& error() const { return job_->error; }
  Floats Output(size_t index) const;
  // Throws unless it succeeded and output `index` is this.
  void ExpectOutput(size_t index, const Floats& expected) const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    int done = 0;
  };

  const SharedSession session_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  const std::shared_ptr<trtnode::InferJob> job_ = std::make_shared<trtnode::InferJob>();
};

// Submits one inference of the identity, waits for it, and looks at what comes out.
void InferIdentity(const SharedSession& session, size_t count, float from);

// Runs `work(0)` … `work(count - 1)` on threads of their own; throws what the first of them threw.
void OnThreads(int count, const std::function<void(int)>& work);

}  // namespace sanitize
