#include "exec/poll_pace.h"

namespace trtnode {
namespace {

constexpr std::chrono::microseconds kLongestLook(10);
// A turn that takes longer did something else.
constexpr std::chrono::microseconds kQuietTurn(20);

// Engines that the calling thread looks for.
thread_local unsigned looked_for = 0;

}  // namespace

bool PollPace::OnSubmitted() {
  OnCompleted();
  return waiting_ != Waiting::kBlock && Look();
}

void PollPace::OnCompleted() {
  if (waiting_ == Waiting::kAuto) last_news_ = Clock::now();
}

bool PollPace::GoesOn() {
  switch (waiting_) {
    case Waiting::kBlock:
      return false;
    case Waiting::kSpin:
      return Look();
    case Waiting::kAuto:
      return Clock::now() - last_news_ < kLongestSpin && Look();
  }
  return false;
}

bool PollPace::Look() {
  if (waiting_ == Waiting::kAuto && !permit_.Take()) return false;
  if (!looks_) ++looked_for;
  looks_ = true;
  return true;
}

void PollPace::Rest() {
  permit_.GiveBack();
  if (looks_) --looked_for;
  looks_ = false;
}

PollPace::Clock::duration PollPace::Patience() const {
  const bool is_alone = looked_for == 1;
  const bool is_quiet = Clock::now() - last_turn_ < kQuietTurn;
  return is_alone && is_quiet ? kLongestLook : Clock::duration::zero();
}

}  // namespace trtnode
