// TEST ONLY. Which call of which function fails, and how.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace stub {

// What becomes of one call.
struct Fate {
  bool throws = false;  // std::bad_alloc
  int code = 0;         // what it answers; 0: as if nothing had been said about it
};

// "cuMemAlloc:3=2,cuStreamSynchronize:1+=700,cuEventCreate:2=throw,cuGraphLaunch:1+=slow2000": the third cuMemAlloc answers 2
// (CUDA_ERROR_OUT_OF_MEMORY), every cuStreamSynchronize 700, the second cuEventCreate throws std::bad_alloc, and every
// cuGraphLaunch keeps its caller for 2,000 microseconds. Calls are counted from the moment that the faults are set; names
// are without version (_v2).
class Faults {
 public:
  void Set(const std::string& specification);

  // Counts a call, and stays where it is to be slow: no lock of the machine may be held.
  Fate Next(const std::string& function);

  std::map<std::string, int> Calls();

 private:
  struct Fault {
    std::string function;
    int call = 0;
    bool and_later = false;
    Fate fate;
    int microseconds = 0;
  };
  static Fault Parse(const std::string& text);

  std::mutex mutex_;
  std::vector<Fault> faults_;
  std::map<std::string, int> calls_;
};

}  // namespace stub
