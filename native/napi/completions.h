// Inferences that are done, on their way to JavaScript: many with one wake-up.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace trtnode {

class EnvState;
class WakeListener;

// Shared with the lanes: they push while whoever made them may be gone.
class Completions {
 public:
  // Made on the JS thread, which sleeps.
  Completions(EnvState* state, WakeListener* listener);

  // JS thread: nobody is told any more.
  void Disconnect();

  // JS thread: until Submitted, a slot that is pushed from this thread was refused at once.
  void Submitting();
  bool Submitted();

  // Any thread, once for each submission.
  void Push(uint32_t slot);
  // JS thread: the slots since the last call. Valid until the next.
  const std::vector<uint32_t>& Take();

  // JS thread: waits for something to take, spinning. False: there was nothing for so long.
  bool Await(std::chrono::steady_clock::duration longest) const;

  // JS thread: it looks by itself from now on, and is not woken.
  void StayAwake();
  // JS thread: it is woken from now on. False, and nothing changes, when there is something to take.
  bool Sleep();

 private:
  EnvState* const state_;
  const uint64_t listener_;
  // Of the JS thread.
  const std::thread::id js_thread_;
  bool submitting_ = false;
  bool refused_ = false;
  bool awake_ = false;
  std::vector<uint32_t> taken_;

  std::mutex mutex_;  // guards what follows
  std::vector<uint32_t> done_;
  bool wakes_ = true;  // the first of `done_` wakes JavaScript

  std::atomic<bool> has_done_ = false;  // `done_` is not empty
};

}  // namespace trtnode
