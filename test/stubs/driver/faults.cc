#include "driver/faults.h"

#include <new>
#include <sstream>

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
  fault.throws = how == "throw";
  if (!fault.throws) fault.code = std::stoi(how);
  return fault;
}

void Faults::Set(const std::string& specification) {
  const std::lock_guard<std::mutex> lock(mutex_);
  faults_.clear();
  calls_.clear();
  std::istringstream list(specification);
  for (std::string text; std::getline(list, text, ',');) faults_.push_back(Parse(text));
}

int Faults::Next(const std::string& function) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int call = ++calls_[function];
  for (const Fault& fault : faults_) {
    if (fault.function != function) continue;
    if (call != fault.call && !(fault.and_later && call > fault.call)) continue;
    if (fault.throws) throw std::bad_alloc();
    return fault.code;
  }
  return 0;
}

std::map<std::string, int> Faults::Calls() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return calls_;
}

}  // namespace stub
