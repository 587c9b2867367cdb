// TEST ONLY. Of the library as a whole: its version, and what no stub implements.
#pragma once

#include <string>

namespace stub {

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;

  std::string Text() const {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  }
};

// A released version of this ABI, or what TRT_NODE_STUB_VERSION says where that has the ABI's major number.
Version LibraryVersion();

// Dies when the library is older than the method: a vtable of that version has no such slot.
void Since(int major, int minor, const char* method);

// A method that trt-node did not use when the stub was written.
[[noreturn]] void NotImplemented(const char* method);

}  // namespace stub
