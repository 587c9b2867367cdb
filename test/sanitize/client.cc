#include "client.h"

#include <cstdlib>
#include <cstring>

#include "check.h"
#include "stub_machine.h"

namespace sanitize {

using trtnode::Dims;
using trtnode::EngineSession;
using trtnode::InferJob;
using trtnode::InputSource;
using trtnode::OutputTarget;

SharedSession Load(const std::string& plan, const trtnode::LaneOptions& options, int device) {
  const char* const library = std::getenv("TRT_NODE_STUB_LIBRARY");
  if (library == nullptr) throw Failure("TRT_NODE_STUB_LIBRARY is not set: run test:sanitize");
  trtnode::ByteBlock bytes = PlanOf(plan);
  return EngineSession::Load({library, ""}, {}, &bytes, device, options);
}

trtnode::LaneOptions WithLanes(int lanes, trtnode::GraphMode graphs) {
  trtnode::LaneOptions options;
  options.lanes = lanes;
  options.graphs = graphs;
  return options;
}

Floats Counting(size_t count, float from) {
  Floats numbers(count);
  for (size_t i = 0; i < count; ++i) numbers[i] = from + static_cast<float>(i);
  return numbers;
}

Request::Request(SharedSession session, const std::vector<Floats>& inputs)
    : session_(std::move(session)) {
  std::vector<Dims> dims;
  for (const Floats& input : inputs) dims.push_back({static_cast<int64_t>(input.size())});
  job_->call = session_->PlanCall(0, std::move(dims));
  job_->staging = session_->TakeStaging(job_->call->staging_bytes);
  for (size_t i = 0; i < inputs.size(); ++i) {
    unsigned char* const to = job_->staging.data() + job_->call->staging_offsets[i];
    if (session_->inputs()[i].type == trtnode::DataType::kInt64) {
      const auto value = static_cast<int64_t>(inputs[i].front());
      std::memcpy(to, &value, sizeof(value));
    } else {
      if (!inputs[i].empty()) std::memcpy(to, inputs[i].data(), inputs[i].size() * sizeof(float));
    }
  }
  job_->inputs.resize(inputs.size());
  job_->targets.resize(session_->outputs().size());
  for (OutputTarget& target : job_->targets) target.kind = OutputTarget::Kind::kFresh;
  job_->done = [state = state_] {
    const std::lock_guard<std::mutex> lock(state->mutex);
    ++state->done;
    state->changed.notify_all();
  };
}

void Request::Submit() { session_->Submit(job_); }

void Request::Wait() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->changed.wait(lock, [this] { return state_->done > 0; });
  if (state_->done > 1) throw Failure("done was called twice");
}

bool Request::IsDone() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->done > 0;
}

Floats Request::Output(size_t index) const {
  const trtnode::InferOutput& output = job_->outputs.at(index);
  Floats numbers(output.size_bytes / sizeof(float));
  if (!numbers.empty()) std::memcpy(numbers.data(), output.memory.data(), output.size_bytes);
  return numbers;
}

void Request::ExpectOutput(size_t index, const Floats& expected) const {
  ExpectNoError(job_->error, "an inference");
  Expect(Output(index) == expected, "output " + std::to_string(index) + " is another's");
}

void InferIdentity(const SharedSession& session, size_t count, float from) {
  const Floats x = Counting(count, from);
  Request request(session, {x});
  request.Submit();
  request.Wait();
  request.ExpectOutput(0, x);
}

void OnThreads(int count, const std::function<void(int)>& work) {
  std::mutex mutex;
  std::string failure;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      try {
        work(i);
      } catch (const std::exception& error) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (failure.empty()) failure = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.empty()) throw Failure(failure);
}

}  // namespace sanitize
