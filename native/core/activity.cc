#include "core/activity.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>

namespace trtnode {
namespace {

// A build or a load may take minutes; an exit must not.
constexpr std::chrono::seconds kLongestWait(5);

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool exiting = false;
  std::chrono::steady_clock::time_point deadline;  // of all handlers together, set by the first
  std::set<const void*> reasons;
};

State& GetState() {
  static State& state = *new State;  // used while the process exits
  return state;
}

void WaitAtExit() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  if (!state.exiting) state.deadline = std::chrono::steady_clock::now() + kLongestWait;
  state.exiting = true;
  state.changed.wait_until(lock, state.deadline, [&] { return state.inside == 0; });
}

}  // namespace

Activity::Activity() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  state.changed.wait(lock, [&] { return !state.exiting; });
  ++state.inside;
}

Activity::~Activity() {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  --state.inside;
  if (state.exiting) state.changed.notify_all();
}

bool Activity::ProcessIsExiting() {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  return state.exiting;
}

void WaitForActivitiesAtExit(const void* reason) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.reasons.insert(reason).second) static_cast<void>(std::atexit(WaitAtExit));
}

}  // namespace trtnode
