#include "core/activity.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

namespace trtnode {
namespace {

// A build or a load may take minutes; an exit must not.
constexpr std::chrono::seconds kLongestWait(5);

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool exiting = false;
  std::thread::id exiting_thread;
  std::chrono::steady_clock::time_point deadline;  // of all handlers together, set by the first
  std::set<const void*> reasons;
};

State& GetState() {
  static State& state = *new State;  // used while the process exits
  return state;
}

}  // namespace

void BeginExit() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  if (!state.exiting) state.deadline = std::chrono::steady_clock::now() + kLongestWait;
  state.exiting = true;
  state.exiting_thread = std::this_thread::get_id();
  state.changed.wait_until(lock, state.deadline, [&] { return state.inside == 0; });
}

Activity::Activity() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  const bool may_enter = std::this_thread::get_id() == state.exiting_thread;
  state.changed.wait(lock, [&] { return !state.exiting || may_enter; });
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
  if (state.reasons.insert(reason).second) static_cast<void>(std::atexit(BeginExit));
}

}  // namespace trtnode
