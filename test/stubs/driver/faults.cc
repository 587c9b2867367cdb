#include "driver/faults.h"

#include <chrono>
#include <sstream>
#include <thread>

#include "driver/api.h"

namespace stub {

Faults::Fault Faults::Parse(const std::string& text) {
  const size_t colon = text.find(':');
  const size_t equals = text.find('=');
  if (colon == std::string::npos || equals == std::string::npos || equals < colon + 2) {
    Die("expected faults like cuMemAlloc:3=2 but received " + text);
  }
  Fault fault;
  fault.function = text.substr(0, colon);
  fault.and_later = text[equals - 1] == '+';
  fault.call = std::stoi(text.substr(colon + 1, equals - colon - 1));
  const std::string how = text.substr(equals + 1);
  constexpr std::string_view kSlow = "slow";
  fault.fate.throws = how == "throw";
  if (how.starts_with(kSlow)) {
    fault.microseconds = std::stoi(how.substr(kSlow.size()));
  } else if (!fault.fate.throws) {
    fault.fate.code = std::stoi(how);
  }
  return fault;
}

void Faults::Set(const std::string& specification) {
  const std::lock_guard<std::mutex> lock(mutex_);
  faults_.clear();
  calls_.clear();
  std::istringstream list(specification);
  for (std::string text; std::getline(list, text, ',');) faults_.push_back(Parse(text));
}

Fate Faults::Next(const std::string& function) {
  Fate fate;
  int microseconds = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int call = ++calls_[function];
    for (const Fault& fault : faults_) {
      if (fault.function != function) continue;
      if (call != fault.call && !(fault.and_later && call > fault.call)) continue;
      fate = fault.fate;
      microseconds = fault.microseconds;
      break;
    }
  }
  if (microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  return fate;
}

std::map<std::string, int> Faults::Calls() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return calls_;
}

}  // namespace stub
