#include "napi/completions.h"

#include "exec/gpu_wait.h"
#include "napi/env_state.h"

namespace trtnode {
namespace {

// Between two looks at the clock.
constexpr int kPausesPerGlance = 8;

}  // namespace

Completions::Completions(EnvState* state, WakeListener* listener)
    : state_(state),
      listener_(state->AddListener(listener)),
      js_thread_(std::this_thread::get_id()) {}

void Completions::Disconnect() { state_->RemoveListener(listener_); }

void Completions::Submitting() {
  submitting_ = true;
  refused_ = false;
}

bool Completions::Submitted() {
  submitting_ = false;
  return !refused_;
}

void Completions::Push(uint32_t slot) {
  if (std::this_thread::get_id() == js_thread_ && submitting_) {
    refused_ = true;
    return;
  }
  bool wakes = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Whoever takes the first takes those behind it too.
    wakes = wakes_ && done_.empty();
    done_.push_back(slot);
    has_done_.store(true, std::memory_order_release);
  }
  if (wakes) state_->Wake(listener_);
}

const std::vector<uint32_t>& Completions::Take() {
  taken_.clear();
  if (!has_done_.load(std::memory_order_acquire)) return taken_;
  const std::lock_guard<std::mutex> lock(mutex_);
  taken_.swap(done_);
  has_done_.store(false, std::memory_order_relaxed);
  return taken_;
}

bool Completions::Await(std::chrono::steady_clock::duration longest) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point until = Clock::now() + longest;
  do {
    for (int i = 0; i < kPausesPerGlance; ++i) {
      if (has_done_.load(std::memory_order_acquire)) return true;
      Pause();
    }
  } while (Clock::now() < until);
  return false;
}

void Completions::StayAwake() {
  if (awake_) return;
  awake_ = true;
  const std::lock_guard<std::mutex> lock(mutex_);
  wakes_ = false;
}

bool Completions::Sleep() {
  if (!awake_) return true;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!done_.empty()) return false;
  wakes_ = true;
  awake_ = false;
  return true;
}

}  // namespace trtnode
