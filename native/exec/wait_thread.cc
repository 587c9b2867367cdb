#include "exec/wait_thread.h"

#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "cuda/device.h"

namespace trtnode {
namespace {

// Most waits are for work of microseconds: it looks without a pause for so long after something came or ended, then it naps.
constexpr std::chrono::microseconds kSpin(200);
constexpr std::chrono::microseconds kNap(50);

}  // namespace

WaitThread::~WaitThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void WaitThread::Await(const Device& device, Ready ready, Then then) {
  const std::lock_guard<std::mutex> lock(mutex_);
  arrived_.push_back({&device, std::move(ready), std::move(then)});
  changed_.notify_one();
  if (thread_.joinable()) return;
  try {
    thread_ = std::thread([this] {
      SetCurrentEnvironment(environment_);
      ThreadMain();
    });
  } catch (const std::system_error& error) {
    arrived_.pop_back();
    throw Error(ErrorCode::kOutOfMemory, std::string("the system gave no thread: ") + error.what());
  }
}

void WaitThread::ThreadMain() {
  std::vector<Wait> waits;
  Clock::time_point active = Clock::now();
  while (Take(&waits, &active)) {
    if (Poll(&waits)) {
      active = Clock::now();
    } else if (Clock::now() - active > kSpin) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait_for(lock, kNap, [this] { return stopping_ || !arrived_.empty(); });
    } else {
      std::this_thread::yield();
    }
  }
  const Activity activity;
  for (Wait& wait : waits) {
    wait.device->TryMakeCurrent();
    wait = Wait{};
  }
}

bool WaitThread::Take(std::vector<Wait>* waits, Clock::time_point* active) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (waits->empty()) {
    changed_.wait(lock, [this] { return stopping_ || !arrived_.empty(); });
  }
  if (!arrived_.empty()) *active = Clock::now();
  for (Wait& wait : arrived_) waits->push_back(std::move(wait));
  arrived_.clear();
  return !stopping_;
}

bool WaitThread::Poll(std::vector<Wait>* waits) {
  const Activity activity;
  std::vector<Wait> left;
  for (Wait& wait : *waits) {
    std::optional<Error> error;
    try {
      wait.device->MakeCurrent();
      if (!wait.ready()) {
        left.push_back(std::move(wait));
        continue;
      }
    } catch (const Error& thrown) {
      error = thrown;
    } catch (const std::exception& thrown) {
      error = Error(ErrorCode::kInternal, thrown.what());
    }
    wait.ready = nullptr;
    wait.then(error);
    wait.then = nullptr;  // here, where the device is current: what it holds may be device memory
  }
  const bool ended = left.size() < waits->size();
  waits->swap(left);
  return ended;
}

}  // namespace trtnode
