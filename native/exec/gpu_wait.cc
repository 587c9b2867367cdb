#include "exec/gpu_wait.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace trtnode {
namespace {

constexpr std::chrono::milliseconds kLongestSpin(1);
// Between two questions: each takes the driver's locks, which other lanes want for their work.
constexpr int kPausesPerQuestion = 16;

std::atomic<unsigned> spinning = 0;

bool MaySpin() {
  static const unsigned most = std::max(1U, std::thread::hardware_concurrency() / 2);
  if (spinning.fetch_add(1, std::memory_order_relaxed) < most) return true;
  spinning.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

}  // namespace

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

SpinPermit::SpinPermit() : granted_(MaySpin()) {}

SpinPermit::~SpinPermit() {
  if (granted_) spinning.fetch_sub(1, std::memory_order_relaxed);
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
