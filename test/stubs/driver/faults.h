// TEST ONLY. Which call of which function fails, and how.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace stub {

// "cuMemAlloc:3=2,cuStreamSynchronize:1+=700,cuEventCreate:2=throw": the third cuMemAlloc answers 2
// (CUDA_ERROR_OUT_OF_MEMORY), every cuStreamSynchronize 700, and the second cuEventCreate throws std::bad_alloc. Calls are
// counted from the moment that the faults are set; names are without version (_v2).
class Faults {
 public:
  void Set(const std::string& specification);

  // Counts a call. The code that it fails with, 0 when it does not; or throws.
  int Next(const std::string& function);

  std::map<std::string, int> Calls();

 private:
  struct Fault {
    std::string function;
    int call = 0;
    bool and_later = false;
    bool throws = false;
    int code = 0;
  };
  static Fault Parse(const std::string& text);

  std::mutex mutex_;
  std::vector<Fault> faults_;
  std::map<std::string, int> calls_;
};

}  // namespace stub
