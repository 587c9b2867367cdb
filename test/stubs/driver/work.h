// TEST ONLY. What the machine's devices work on: streams and events, and graphs of what streams were captured with.
#pragma once

#include <cuda.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "driver/api.h"

namespace stub {

using Clock = std::chrono::steady_clock;

struct Device {
  int ordinal = 0;
  std::string name;
  int compute_major = 0;
  int compute_minor = 0;
  size_t total_bytes = 0;
  size_t used_bytes = 0;
  size_t allocations = 0;
  CUresult lost = CUDA_SUCCESS;
};

struct Stream;

// A place in the order of a stream. The stream may be destroyed, which waits for its work: then the place has been reached.
struct Position {
  std::shared_ptr<Stream> stream;
  uint64_t count = 0;

  bool Reached() const;
};

struct Work {
  std::function<void()> run;
  Clock::time_point end;
  Position after;  // of another stream, which has to be reached first
};

// A capture that has begun: what is put on its streams is kept for a graph.
struct Capture {
  Stream* origin = nullptr;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  bool broken = false;
  bool ended = false;
  std::vector<Kernel> nodes;
  // Of streams that wait for events of the capture: how much was put on each, and how much of that the origin waits for.
  struct Fork {
    size_t nodes = 0;
    size_t joined = 0;
  };
  std::map<Stream*, Fork> forks;
};

// Work in order. It runs when someone waits for it, asks for it, or frees memory: as late as a GPU could be, and always in
// the same order, so that memory which was let go too early is found every time. TRT_NODE_STUB_EAGER=1 runs what takes no
// time at once, as early as a GPU could.
struct Stream : std::enable_shared_from_this<Stream> {
  Device* device = nullptr;
  std::deque<Work> queue;
  Clock::time_point end;   // of all that was queued
  uint64_t queued = 0;     // pieces of work, ever
  uint64_t completed = 0;  // of those
  std::shared_ptr<Capture> capture;
};

inline bool Position::Reached() const { return stream == nullptr || stream->completed >= count; }

struct Event {
  Device* device = nullptr;
  bool timed = true;
  bool recorded = false;
  Clock::time_point time;
  Position position;
  // Where it was last recorded on a stream that was being captured, and how much had been put on that stream.
  std::shared_ptr<Capture> capture;
  Stream* captured_on = nullptr;
  size_t captured_nodes = 0;
};

using GraphNodes = std::shared_ptr<const std::vector<Kernel>>;

// A CUgraph or a CUgraphExec.
struct Graph {
  Device* device = nullptr;
  GraphNodes nodes;
  bool executable = false;
};

}  // namespace stub
