// How a thread waits for the GPU, and how many threads may spin.
#pragma once

#include "cuda/stream.h"
#include "exec/lane_options.h"

namespace trtnode {

// Tells the processor that a loop waits.
void Pause();

// The right to spin for Waiting::kAuto. Half of the machine's processors at most do: JavaScript needs some too.
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
