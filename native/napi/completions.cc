#include "napi/completions.h"

#include <utility>

#include "napi/env_state.h"

namespace trtnode {

Completions::Completions(EnvState* state, WakeListener* listener, bool polled)
    : state_(state),
      listener_(state->AddListener(listener)),
      polled_(polled),
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
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = done_.empty();
    done_.push_back(slot);
  }
  // Whoever takes the first takes those behind it too.
  if (first && !polled_) state_->Wake(listener_);
}

std::vector<uint32_t> Completions::Take() {
  std::vector<uint32_t> done;
  const std::lock_guard<std::mutex> lock(mutex_);
  done.swap(done_);
  return done;
}

}  // namespace trtnode
