// A thread that waits for the GPU in JavaScript's stead, so that no promise needs a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/activity.h"
#include "core/error.h"

namespace trtnode {

class Device;

class WaitThread {
 public:
  // Whether the wait is over; may throw. Called again and again, with the device's context current.
  using Ready = std::function<bool()>;
  // What to do then, with the error that `Ready` threw.
  using Then = std::function<void(const std::optional<Error>& error)>;

  // Its thread works for `environment`, and begins with the first wait.
  explicit WaitThread(Environment environment) : environment_(environment) {}
  // Drops what has not come, and all that its functions hold, with the device's context current.
  ~WaitThread();
  WaitThread(const WaitThread&) = delete;
  WaitThread& operator=(const WaitThread&) = delete;

  // Both are called on the thread, one wait after the other; what they hold is let go there too. Throws
  // Error(kOutOfMemory) where the system gives no thread.
  void Await(const Device& device, Ready ready, Then then);

 private:
  struct Wait {
    const Device* device;
    Ready ready;
    Then then;
  };
  using Clock = std::chrono::steady_clock;

  void ThreadMain();
  // Moves what has arrived to `waits`; sleeps while there is nothing to wait for. False: it shall stop.
  bool Take(std::vector<Wait>* waits, Clock::time_point* active);
  // True when a wait ended.
  static bool Poll(std::vector<Wait>* waits);

  const Environment environment_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<Wait> arrived_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace trtnode
