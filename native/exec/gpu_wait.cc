#include "exec/gpu_wait.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace trtnode {
namespace {

// Between two questions: each takes the driver's locks, which other lanes want for their work.
constexpr int kPausesPerQuestion = 16;

std::atomic<unsigned> spinning = 0;

// `left`: permits that are not the caller's to take.
bool MaySpin(unsigned left) {
  static const unsigned most = std::max(1U, std::thread::hardware_concurrency() / 2);
  if (spinning.fetch_add(1, std::memory_order_relaxed) + left < most) return true;
  spinning.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void SpinsNoMore() { spinning.fetch_sub(1, std::memory_order_relaxed); }

// Of the calling thread: how many ThreadSpinPermits are taken.
thread_local unsigned taken_on_thread = 0;

}  // namespace

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

SpinPermit::SpinPermit() : granted_(MaySpin(0)) {}

SpinPermit::~SpinPermit() {
  if (granted_) SpinsNoMore();
}

bool ThreadSpinPermit::Take() {
  if (taken_) return true;
  if (taken_on_thread == 0 && !MaySpin(1)) return false;
  ++taken_on_thread;
  taken_ = true;
  return true;
}

void ThreadSpinPermit::GiveBack() {
  if (!taken_) return;
  taken_ = false;
  if (--taken_on_thread == 0) SpinsNoMore();
}

void GpuWait::Wait(const Stream& stream, bool idle_caller) const {
  switch (waiting_) {
    case Waiting::kBlock:
      Sleep(stream);
      return;
    case Waiting::kSpin:
      stream.Synchronize();
      return;
    case Waiting::kAuto:
      break;
  }
  if (idle_caller) {
    stream.Synchronize();
    return;
  }
  {
    using Clock = std::chrono::steady_clock;
    const SpinPermit permit;
    const Clock::time_point until = Clock::now() + kLongestSpin;
    while (permit.granted() && Clock::now() < until) {
      if (stream.Done()) return;
      for (int i = 0; i < kPausesPerQuestion; ++i) Pause();
    }
  }
  Sleep(stream);
}

void GpuWait::Sleep(const Stream& stream) const {
  sleep_.Record(stream);
  sleep_.Synchronize();
}

}  // namespace trtnode
