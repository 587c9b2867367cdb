// How long JavaScript looks for completions by itself before it sleeps and is woken: waking an event loop that sleeps takes a system call
// and a switch of threads, which on a virtual machine is more than many a network takes.
#pragma once

#include <chrono>

#include "exec/gpu_wait.h"
#include "exec/lane_options.h"

namespace trtnode {

// Of one engine; used on the JS thread, and destroyed there.
class PollPace {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PollPace(Waiting waiting) : waiting_(waiting) {}
  ~PollPace() { Rest(); }
  PollPace(const PollPace&) = delete;
  PollPace& operator=(const PollPace&) = delete;

  // Something was submitted: whether to look for it.
  bool OnSubmitted();
  // Something was complete.
  void OnCompleted();
  // Whether to look again, after a look that found nothing.
  bool GoesOn();
  // Nobody looks any more.
  void Rest();

  // How long a look may last: a turn of the event loop takes microseconds, in which nobody looks. Zero where the loop has other
  // things to do, or to look for.
  Clock::duration Patience() const;
  // The look is over: the event loop turns now.
  void OnTurn() { last_turn_ = Clock::now(); }

 private:
  bool Look();

  const Waiting waiting_;
  Clock::time_point last_news_;
  Clock::time_point last_turn_;
  ThreadSpinPermit permit_;
  bool looks_ = false;
};

}  // namespace trtnode
