// What the hardware allows: the driver calls and TensorRT calls of an inference in plain C++, on the same plan and the same bytes as
// bench/speed.mjs gives to trt-node.
//
//   floor op=latency plan=a.engine shape.image=1x3x224x224 input.image=image.bin   one request; its answer as JSON on stdout
//   floor                                                                         requests on stdin, one a line, words apart by tabs
//
// op=latency     wall clock of one inference after the other. `arrays=pageable`: the input is copied from an ordinary array into pinned
//                memory and the output into a fresh one; `pinned` (default): neither. Microseconds, and CPU time an inference.
// op=events      time between CUDA events around the copies in, the network, and the copies out
// op=throughput  `streams`, a thread each, for `seconds`; `depth` inferences of a stream are enqueued before it waits (trtexec: 2)
// op=load        milliseconds from the file to the first result, `iterations` times
// op=hop         microseconds from one thread's word until another, asleep, has it: by a condition variable, and by eventfd and epoll, which
//                is how a thread wakes Node's event loop. No GPU is in it.
// op=forget      drops the plans
//
// For all: `graph` is on (the network alone is captured), whole (the copies too) or off (enqueueV3); `wait` is synchronize (spinning),
// query (spinning in C++) or block (asleep until the GPU's interrupt); `profile`, `device`, `warm-ups`, `iterations`; `output.<name>` names a file that the output is written to.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "floor_answer.h"
#include "floor_cuda.h"
#include "floor_engine.h"
#include "floor_hop.h"
#include "floor_request.h"

namespace trtnode_floor {
namespace {

using Clock = std::chrono::steady_clock;

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Waits for all that is on a stream.
class Waiter {
 public:
  explicit Waiter(const std::string& how) : query_(how == "query"), block_(how == "block") {
    if (!query_ && !block_ && how != "synchronize") throw std::runtime_error("no wait " + how);
    if (block_) {
      const unsigned flags = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING;
      Check(Cuda::Get().EventCreate(event_.put(), flags), "cuEventCreate");
    }
  }

  void operator()(CUstream stream) const {
    const Cuda& cuda = Cuda::Get();
    if (query_) {
      CUresult result = CUDA_ERROR_NOT_READY;
      while (result == CUDA_ERROR_NOT_READY) result = cuda.StreamQuery(stream);
      Check(result, "cuStreamQuery");
    } else if (block_) {
      Check(cuda.EventRecord(event_.get(), stream), "cuEventRecord");
      Check(cuda.EventSynchronize(event_.get()), "cuEventSynchronize");
    } else {
      Check(cuda.StreamSynchronize(stream), "cuStreamSynchronize");
    }
  }

 private:
  bool query_;
  bool block_;
  OwnedEvent event_;
};

void WriteOutputs(Slot& slot, const Request& request) {
  for (const Tensor& output : slot.outputs()) {
    const std::string key = "output." + output.name;
    if (!request.Has(key)) continue;
    std::ofstream file(request.Text(key), std::ios::binary);
    file.write(static_cast<const char*>(output.host.get()),
               static_cast<std::streamsize>(output.size));
  }
}

// One inference, from the caller's arrays to the caller's arrays.
void InferOnce(Slot& slot, bool pageable, const Waiter& wait,
               std::vector<std::unique_ptr<char[]>>* results) {
  if (pageable) {
    for (const Tensor& input : slot.inputs()) {
      std::memcpy(input.host.get(), input.pageable.data(), input.size);
    }
  }
  slot.Run();
  wait(slot.stream());
  if (!pageable) return;
  for (size_t i = 0; i < slot.outputs().size(); ++i) {
    const Tensor& output = slot.outputs()[i];
    // Not make_unique: that would write zeros first.
    std::unique_ptr<char[]> fresh(new char[output.size]);
    std::memcpy(fresh.get(), output.host.get(), output.size);
    (*results)[i] = std::move(fresh);
  }
}

std::string Latency(const Plan& plan, const Request& request) {
  Slot slot(plan, request);
  const bool pageable = request.Text("arrays", "pinned") == "pageable";
  const Waiter wait(request.Text("wait", "synchronize"));
  std::vector<std::unique_ptr<char[]>> results(slot.outputs().size());
  for (int i = request.Integer("warm-ups", 50); i > 0; --i) {
    InferOnce(slot, pageable, wait, &results);
  }
  std::vector<double> wall(static_cast<size_t>(request.Integer("iterations", 500)));
  const double cpu = CpuSeconds();
  for (double& time : wall) {
    const Clock::time_point start = Clock::now();
    InferOnce(slot, pageable, wait, &results);
    time = MicrosecondsSince(start);
  }
  const double cpu_each = (CpuSeconds() - cpu) * 1e6 / static_cast<double>(wall.size());
  WriteOutputs(slot, request);
  return "{" + Field("wall", Json(wall)) + "," + Field("cpu", cpu_each) + "}";
}

std::string Events(const Plan& plan, const Request& request) {
  const Cuda& cuda = Cuda::Get();
  Slot slot(plan, request);
  OwnedEvent events[4];
  for (OwnedEvent& event : events) Check(cuda.EventCreate(event.put(), 0), "cuEventCreate");
  const auto record = [&](int i) {
    Check(cuda.EventRecord(events[i].get(), slot.stream()), "cuEventRecord");
  };
  const Waiter wait("synchronize");
  std::vector<double> spans[3];
  const int warm_ups = request.Integer("warm-ups", 50);
  const int iterations = request.Integer("iterations", 500);
  for (int i = -warm_ups; i < iterations; ++i) {
    record(0);
    slot.CopyIn();
    record(1);
    slot.Compute();
    record(2);
    slot.CopyOut();
    record(3);
    wait(slot.stream());
    for (int span = 0; span < 3 && i >= 0; ++span) {
      float milliseconds = 0;
      Check(cuda.EventElapsedTime(&milliseconds, events[span].get(), events[span + 1].get()),
            "cuEventElapsedTime");
      spans[span].push_back(static_cast<double>(milliseconds) * 1000);
    }
  }
  WriteOutputs(slot, request);
  return "{" + Field("h2d", Json(spans[0])) + "," + Field("compute", Json(spans[1])) + "," +
         Field("d2h", Json(spans[2])) + "}";
}

// What the threads of one measurement share.
struct Race {
  std::atomic<int> ready = 0;
  std::atomic<bool> counting = false;
  std::atomic<bool> stop = false;
  std::atomic<long> completed = 0;
  std::vector<std::exception_ptr> failures;
};

// Keeps one stream busy until `stop`: `depth` inferences are enqueued before the first of them is waited for.
void KeepBusy(Slot& slot, size_t depth, Race* race, std::exception_ptr* failure) {
  const Cuda& cuda = Cuda::Get();
  bool is_ready = false;
  try {
    Check(cuda.CtxSetCurrent(cuda.context), "cuCtxSetCurrent");
    std::vector<OwnedEvent> done(depth);
    for (OwnedEvent& event : done) {
      Check(cuda.EventCreate(event.put(), CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    }
    const auto begin = [&](size_t i) {
      slot.Run();
      Check(cuda.EventRecord(done[i].get(), slot.stream()), "cuEventRecord");
    };
    for (size_t i = 0; i < depth; ++i) begin(i);
    race->ready += 1;
    is_ready = true;
    for (size_t next = 0; !race->stop.load(std::memory_order_relaxed); next = (next + 1) % depth) {
      Check(cuda.EventSynchronize(done[next].get()), "cuEventSynchronize");
      if (race->counting.load(std::memory_order_relaxed)) {
        race->completed.fetch_add(1, std::memory_order_relaxed);
      }
      begin(next);
    }
    Check(cuda.StreamSynchronize(slot.stream()), "cuStreamSynchronize");
  } catch (...) {
    *failure = std::current_exception();
    if (!is_ready) race->ready += 1;
  }
}

std::string Throughput(const Plan& plan, const Request& request) {
  const auto streams = static_cast<size_t>(request.Integer("streams", 1));
  const auto depth = static_cast<size_t>(request.Integer("depth", 1));
  std::vector<std::unique_ptr<Slot>> slots;
  for (size_t i = 0; i < streams; ++i) slots.push_back(std::make_unique<Slot>(plan, request));
  Race race;
  race.failures.resize(streams);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < streams; ++i) {
    threads.emplace_back([&, i] { KeepBusy(*slots[i], depth, &race, &race.failures[i]); });
  }
  while (race.ready < static_cast<int>(streams)) std::this_thread::yield();
  const auto sleep = [](double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  };
  sleep(request.Number("warm-up-seconds", 0.2));
  const double cpu = CpuSeconds();
  const Clock::time_point start = Clock::now();
  race.counting = true;
  sleep(request.Number("seconds", 1));
  race.counting = false;
  const double seconds = MicrosecondsSince(start) / 1e6;
  const double cpu_seconds = CpuSeconds() - cpu;
  race.stop = true;
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : race.failures) {
    if (failure) std::rethrow_exception(failure);
  }
  const auto completed = static_cast<double>(race.completed.load());
  WriteOutputs(*slots[0], request);
  return "{" + Field("count", completed) + "," + Field("seconds", seconds) + "," +
         Field("perSecond", completed / seconds) + "," + Field("cpuSeconds", cpu_seconds) + "}";
}

std::string Load(const Request& request) {
  std::vector<double> milliseconds;
  for (int i = request.Integer("iterations", 3); i > 0; --i) {
    const Clock::time_point start = Clock::now();
    const Plan plan(request.Text("plan"));
    // Its constructor runs the network once.
    Slot slot(plan, request);
    milliseconds.push_back(MicrosecondsSince(start) / 1000);
    WriteOutputs(slot, request);
  }
  return "{" + Field("milliseconds", Json(milliseconds)) + "}";
}

class Floor {
 public:
  std::string Answer(const Request& request) {
    if (request.Text("op") == "hop") return Hop(request.Integer("iterations", 500));
    if (!open_) Cuda::Open(request.Integer("device", 0));
    open_ = true;
    const std::string& op = request.Text("op");
    if (op == "forget") {
      plans_.clear();
      return "{}";
    }
    if (op == "about") return "{" + Field("tensorrt", static_cast<double>(Plan::Version())) + "}";
    if (op == "load") return Load(request);
    std::unique_ptr<Plan>& plan = plans_[request.Text("plan")];
    if (!plan) plan = std::make_unique<Plan>(request.Text("plan"));
    if (op == "latency") return Latency(*plan, request);
    if (op == "events") return Events(*plan, request);
    if (op == "throughput") return Throughput(*plan, request);
    throw std::runtime_error("there is no op " + op);
  }

 private:
  bool open_ = false;
  std::map<std::string, std::unique_ptr<Plan>> plans_;
};

std::vector<std::string> WordsOf(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; std::getline(stream, word, '\t');) words.push_back(word);
  return words;
}

bool Serve(Floor* floor, const std::vector<std::string>& words) {
  try {
    std::cout << floor->Answer(Request(words)) << std::endl;
    return true;
  } catch (const std::exception& error) {
    std::cout << "{" << Field("error", Json(std::string(error.what()))) << "}" << std::endl;
    return false;
  }
}

}  // namespace
}  // namespace trtnode_floor

int main(int count, char** words) {
  trtnode_floor::Floor floor;
  if (count > 1) return trtnode_floor::Serve(&floor, {words + 1, words + count}) ? 0 : 1;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) trtnode_floor::Serve(&floor, trtnode_floor::WordsOf(line));
  }
  return 0;
}
