#include "core/activity.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace trtnode {
namespace {

// A build or a load may take minutes; an exit must not.
constexpr std::chrono::seconds kLongestWait(5);

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  // Entries stay when they come to 0: most environments come again.
  std::map<Environment, int> inside;
  // By an 'exit' listener: of one environment. By a handler of exit(): of all.
  std::optional<Environment> exiting_environment;
  bool exiting = false;
  std::thread::id exiting_thread;
  std::chrono::steady_clock::time_point deadline;  // of all handlers together, set by the first
  std::set<const void*> reasons;

  bool IsEmpty() const {
    return std::ranges::all_of(inside, [](const auto& entry) { return entry.second == 0; });
  }
  bool IsEmpty(Environment environment) const {
    const auto own = inside.find(environment);
    return own == inside.end() || own->second == 0;
  }
  bool IsClosedTo(Environment environment) const {
    return exiting || exiting_environment == environment;
  }
};

State& GetState() {
  static State& state = *new State;  // used while the process exits
  return state;
}

Environment& Current() {
  static thread_local Environment current = nullptr;
  return current;
}

template <typename Done>
void WaitForThoseInside(State* state, std::unique_lock<std::mutex>* lock, Done done) {
  using Clock = std::chrono::steady_clock;
  if (state->deadline == Clock::time_point{}) state->deadline = Clock::now() + kLongestWait;
  state->exiting_thread = std::this_thread::get_id();
  state->changed.wait_until(*lock, state->deadline, done);
}

void WaitAtExit() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  state.exiting = true;
  WaitForThoseInside(&state, &lock, [&] { return state.IsEmpty(); });
}

}  // namespace

Environment CurrentEnvironment() { return Current(); }

void SetCurrentEnvironment(Environment environment) { Current() = environment; }

void BeginExit() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  const Environment environment = Current();
  state.exiting_environment = environment;
  WaitForThoseInside(&state, &lock, [&] { return state.IsEmpty(environment); });
}

void EndEnvironment() {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.exiting_environment == Current()) state.exiting_environment.reset();
  const auto own = state.inside.find(Current());
  if (own != state.inside.end() && own->second == 0) state.inside.erase(own);
  state.changed.notify_all();
}

Activity::Activity() {
  State& state = GetState();
  std::unique_lock<std::mutex> lock(state.mutex);
  const Environment environment = Current();
  if (std::this_thread::get_id() != state.exiting_thread) {
    state.changed.wait(lock, [&] { return !state.IsClosedTo(environment); });
  }
  ++state.inside[environment];
}

Activity::~Activity() {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (--state.inside.find(Current())->second > 0) return;
  // Whoever waits for that has said so before.
  if (state.exiting || state.exiting_environment) state.changed.notify_all();
}

bool Activity::IsExiting(Environment environment) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  return state.IsClosedTo(environment);
}

void WaitForActivitiesAtExit(const void* reason) {
  State& state = GetState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.reasons.insert(reason).second) static_cast<void>(std::atexit(WaitAtExit));
}

}  // namespace trtnode
