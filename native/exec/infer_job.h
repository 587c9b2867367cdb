// One inference: what goes in, then what came out.
#pragma once

#include <cuda.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "exec/call_plan.h"
#include "exec/debug_values.h"
#include "exec/device_memory.h"
#include "exec/pinned_pool.h"

namespace trtnode {

// Milliseconds. queue, enqueue, total: host monotonic clock; h2d, compute, d2h: CUDA events.
struct InferTiming {
  double queue = 0;
  double enqueue = 0;
  double h2d = 0;
  double compute = 0;
  double d2h = 0;
  double total = 0;
};

// Where an input's bytes are until the inference is done.
struct InputSource {
  enum class Kind {
    kStaged,  // in the job's staging, at the plan's offset
    kPinned,  // at `host`, in pinned memory that `keep` keeps, or in the job's staging
    kDevice,  // at the start of `memory`
  };
  Kind kind = Kind::kStaged;
  const void* host = nullptr;
  std::shared_ptr<void> keep;
  std::shared_ptr<DeviceMemory> memory;
};

// Where an output is to go.
struct OutputTarget {
  enum class Kind {
    kNone,
    kFresh,      // to pinned memory that comes with the output
    kPinned,     // to `host`, in pinned memory that `keep` keeps
    kNewDevice,  // to device memory that comes with the output
    kDevice,     // to the start of `memory`
  };
  Kind kind = Kind::kNone;
  void* host = nullptr;
  size_t capacity = 0;  // of `host`; too little is Error(kInvalidArg)
  std::shared_ptr<void> keep;
  std::shared_ptr<DeviceMemory> memory;
};

struct InferOutput {
  Dims dims;
  size_t size_bytes = 0;
  PinnedLease memory;                    // of kFresh
  std::shared_ptr<DeviceMemory> device;  // of kNewDevice and kDevice
};

// Owned by whoever submitted it; a lane uses it until `done` is called. One at a time, it may be used again: what came out
// is overwritten.
struct InferJob {
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<const CallPlan> call;
  std::vector<InputSource> inputs;    // one per input
  std::vector<OutputTarget> targets;  // one per output
  // Of the plan's staging_bytes, where an input is kStaged; what ordinary arrays need, else.
  PinnedLease staging;
  // When a lane has not begun it by then, it fails with Error(kDeadline). Lanes look when they come to it: whoever wants to
  // know in time cancels it then.
  std::optional<Clock::time_point> deadline;
  bool timed = false;
  // Tensors inside of the network whose values are wanted too: it then runs without a graph.
  std::vector<std::string> debug;
  bool warm = false;  // becomes a graph behind its first run, in GraphMode::kAuto too
  Clock::time_point submitted;
  // On its device memory, from Submit until it is done: whoever frees it waits for the job.
  std::vector<DeviceMemory::Hold> holds;

  std::vector<InferOutput> outputs;      // one per output, unless there is an error
  std::vector<DebugValue> debug_values;  // as `debug`, unless there is an error
  InferTiming timing;
  std::optional<Error> error;
  // Called once, on a lane's thread or by Submit and Close. The job is the owner's again from then on.
  std::function<void()> done;
};

}  // namespace trtnode
