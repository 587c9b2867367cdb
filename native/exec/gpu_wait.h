// How a thread waits for the GPU, and how many threads may spin.
#pragma once

#include <chrono>

#include "cuda/stream.h"
#include "exec/lane_options.h"

namespace trtnode {

// How long Waiting::kAuto spins for the GPU: a lane's thread for the inference that it runs, JavaScript since it heard of any.
inline constexpr std::chrono::milliseconds kLongestSpin(1);

// Tells the processor that a loop waits.
void Pause();

// The right to spin for Waiting::kAuto. Half of the machine's processors at most do: other work needs some too.
class SpinPermit {
 public:
  SpinPermit();
  ~SpinPermit();
  SpinPermit(const SpinPermit&) = delete;
  SpinPermit& operator=(const SpinPermit&) = delete;

  bool granted() const { return granted_; }

 private:
  const bool granted_;
};

// The same of a JavaScript thread, which looks for several engines in turns: whatever their number, it takes one processor. One permit is left
// for the lane that it waits for, as that saves two wake-ups and this one: a machine of less than four processors has none for
// JavaScript. Each engine has one of these, which stays on its thread.
class ThreadSpinPermit {
 public:
  ThreadSpinPermit() = default;
  ~ThreadSpinPermit() { GiveBack(); }
  ThreadSpinPermit(const ThreadSpinPermit&) = delete;
  ThreadSpinPermit& operator=(const ThreadSpinPermit&) = delete;

  // False: not now. Both may be called when that is so already.
  bool Take();
  void GiveBack();

 private:
  bool taken_ = false;
};

class GpuWait {
 public:
  GpuWait(const Device& device, Waiting waiting)
      : waiting_(waiting), sleep_(device, EventKind::kBlocking) {}

  // Returns when the stream has run what is on it; throws what that failed with. `idle_caller`: the calling thread has nothing
  // better to do than to spin.
  void Wait(const Stream& stream, bool idle_caller) const;

 private:
  void Sleep(const Stream& stream) const;

  const Waiting waiting_;
  const Event sleep_;
};

}  // namespace trtnode
