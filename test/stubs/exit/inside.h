// TEST ONLY. The threads inside of a library, and the library's end: exit() destroys what its functions use, so a thread that
// is inside by then, or enters later, crashes sooner or later. Here it aborts each time, and says where it was. Each library
// has its own copy of this.
#pragma once

#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

#include "driver/api.h"

namespace stub {

// The stay of a thread in a function that the library exports.
class Inside {
 public:
  explicit Inside(const char* function = __builtin_FUNCTION()) : function_(function) {
    State& state = Get();
    const std::lock_guard<std::mutex> lock(state.mutex);
    if (state.ended) Die(function_ + " was entered after exit() had destroyed its library");
    state.functions.insert(function_);
  }
  ~Inside() {
    State& state = Get();
    const std::lock_guard<std::mutex> lock(state.mutex);
    state.functions.erase(state.functions.find(function_));
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  // What happens when a library opens another one in the middle of a function: that one's exit handlers are newer than all
  // that there are, and exit() calls the newest first. Each place does it once.
  static void OpenAnotherLibrary(const char* place = __builtin_FUNCTION()) {
    State& state = Get();
    const std::lock_guard<std::mutex> lock(state.mutex);
    if (state.places.insert(place).second) static_cast<void>(std::atexit(End));
  }

 private:
  struct State {
    std::mutex mutex;
    std::multiset<std::string> functions;
    std::set<std::string> places;
    bool ended = false;
  };
  struct EndWithTheLibrary {
    ~EndWithTheLibrary() { End(); }
  };

  static State& Get() {
    static State& state = *new State;  // threads may come after the end: that is what this is for
    return state;
  }

  static void End() {
    State& state = Get();
    const std::lock_guard<std::mutex> lock(state.mutex);
    state.ended = true;
    if (state.functions.empty()) return;
    Die("exit() destroyed the library while a thread was inside of " + *state.functions.begin());
  }

  // Registered when the library is opened.
  static inline const EndWithTheLibrary end_with_the_library_;

  const std::string function_;
};

}  // namespace stub
