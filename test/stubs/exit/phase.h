// TEST ONLY. Moments inside of a library that a test waits for (openPhase in test/fixtures/native/stubs.cjs).
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "driver/api.h"

namespace stub {

// Where TRT_NODE_STUB_PHASE names this function, its first thread writes to the named pipe `entered` of the folder
// TRT_NODE_STUB_PIPES, waits for a byte in `leave`, and stays so much longer: whoever wrote the byte exits meanwhile. Read
// each time, as a process sets them when it has prepared itself.
inline void ReachPhase(const char* function = __builtin_FUNCTION()) {
  const char* const wanted = std::getenv("TRT_NODE_STUB_PHASE");
  if (wanted == nullptr || std::strcmp(wanted, function) != 0) return;
  const std::string folder = std::getenv("TRT_NODE_STUB_PIPES");
  static std::atomic<bool> reached = false;
  if (reached.exchange(true)) return;
  const int entered = open((folder + "/entered").c_str(), O_WRONLY | O_CLOEXEC);
  const int leave = open((folder + "/leave").c_str(), O_RDONLY | O_CLOEXEC);
  char byte = 'x';
  if (write(entered, &byte, 1) != 1 || read(leave, &byte, 1) != 1) Die("a pipe of the phase broke");
  close(entered);
  close(leave);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

}  // namespace stub
