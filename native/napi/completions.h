// Inferences that are done, on their way to JavaScript: many with one wake-up.
#pragma once

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
  // Made on the JS thread. `polled`: JavaScript asks by itself, and is never woken.
  Completions(EnvState* state, WakeListener* listener, bool polled);

  // JS thread: nobody is told any more.
  void Disconnect();

  // JS thread: until Submitted, a slot that is pushed from this thread was refused at once.
  void Submitting();
  bool Submitted();

  // Any thread, once for each submission.
  void Push(uint32_t slot);
  // JS thread: the slots since the last call.
  std::vector<uint32_t> Take();

 private:
  EnvState* const state_;
  const uint64_t listener_;
  const bool polled_;
  // Of the JS thread.
  const std::thread::id js_thread_;
  bool submitting_ = false;
  bool refused_ = false;

  std::mutex mutex_;  // guards what follows
  std::vector<uint32_t> done_;
};

}  // namespace trtnode
