// What it costs to wake a thread: the hop that every inference pays whose caller or lane is asleep.
#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "floor_answer.h"

namespace trtnode_floor {

// A thread that sleeps in `sleep` until `wake` is called, and says when it woke.
template <typename Wake, typename Sleep>
std::vector<double> HopTimes(int iterations, const Wake& wake, const Sleep& sleep) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  std::atomic<bool> stop = false;
  std::atomic<Clock::rep> woken = 0;
  std::thread sleeper([&] {
    while (true) {
      sleep();
      woken.store(Clock::now().time_since_epoch().count(), std::memory_order_release);
      if (stop) return;
    }
  });
  for (int i = 0; i <= iterations; ++i) {
    // Long enough for it to be asleep again.
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    if (i == iterations) stop = true;
    woken = 0;
    const Clock::time_point start = Clock::now();
    wake();
    Clock::rep end = 0;
    while ((end = woken.load(std::memory_order_acquire)) == 0) {
    }
    const Clock::duration hop(end - start.time_since_epoch().count());
    if (i < iterations) times.push_back(std::chrono::duration<double, std::micro>(hop).count());
  }
  sleeper.join();
  return times;
}

inline std::string Hop(int iterations) {
  std::mutex mutex;
  std::condition_variable changed;
  bool has_news = false;
  const std::vector<double> by_condition = HopTimes(
      iterations,
      [&] {
        {
          const std::lock_guard<std::mutex> lock(mutex);
          has_news = true;
        }
        changed.notify_one();
      },
      [&] {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return has_news; });
        has_news = false;
      });

  const int event = eventfd(0, EFD_CLOEXEC);
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest = {};
  interest.events = EPOLLIN;
  epoll_ctl(poll, EPOLL_CTL_ADD, event, &interest);
  const std::vector<double> by_epoll = HopTimes(
      iterations, [&] { eventfd_write(event, 1); },
      [&] {
        epoll_event found = {};
        eventfd_t count = 0;
        epoll_wait(poll, &found, 1, -1);
        eventfd_read(event, &count);
      });
  close(poll);
  close(event);
  return "{" + Field("condition", Json(by_condition)) + "," + Field("epoll", Json(by_epoll)) + "}";
}

}  // namespace trtnode_floor
