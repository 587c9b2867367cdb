// TEST ONLY. Every call of the driver fails once, in each way: errors are typed, nothing hangs, nothing is left behind.
#include <algorithm>

#include "check.h"
#include "client.h"
#include "stub_machine.h"

namespace sanitize {
namespace {

using trtnode::Error;
using trtnode::ErrorCode;
using trtnode::GraphMode;
using trtnode::Pending;

// Everything that can ask the driver for something: what fails in a release has nobody to go to.
constexpr const char* kFunctions[] = {
    "cuCtxSetCurrent",    "cuCtxGetCurrent",     "cuMemGetInfo",         "cuMemAlloc",
    "cuMemAllocAsync",    "cuMemHostAlloc",      "cuMemcpyHtoDAsync",    "cuMemcpyDtoHAsync",
    "cuMemcpyDtoDAsync",  "cuStreamCreate",      "cuStreamQuery",        "cuStreamSynchronize",
    "cuStreamWaitEvent",  "cuStreamIsCapturing", "cuStreamBeginCapture", "cuStreamEndCapture",
    "cuGraphInstantiate", "cuGraphUpload",       "cuGraphLaunch",        "cuEventCreate",
    "cuEventRecord",      "cuEventQuery",        "cuEventSynchronize",   "cuEventElapsedTime",
};

// Three inferences, of which the later ones are replays of the first one's graph.
std::optional<Error> InferThrice(const SharedSession& session) {
  for (int i = 0; i < 3; ++i) {
    const Floats x = Counting(6, static_cast<float>(i) + 0.5F);
    Request request(session, {x});
    request.job().timed = i == 2;
    request.Submit();
    request.Wait();
    if (request.error()) return request.error();
    request.ExpectOutput(0, x);
  }
  return std::nullopt;
}

std::optional<Error> LoadInferClose(const trtnode::LaneOptions& options) {
  std::optional<Error> error;
  const auto load_error = ErrorOf([&] {
    const SharedSession session = Load(kIdentity, options);
    error = InferThrice(session);
    session->Close(Pending::kFinish);
  });
  return load_error ? load_error : error;
}

void FailEachCall(const trtnode::LaneOptions& options, const std::string& how,
                  std::initializer_list<ErrorCode> codes) {
  int failed = 0;
  for (const char* function : kFunctions) {
    SetFaults("");
    ExpectNoError(LoadInferClose(options), "without a fault");
    const int calls = CallsOf(function);
    // How often a lane asks whether the GPU is done depends on the clock.
    for (int call = 1; call <= std::min(calls, 12); ++call) {
      const std::string fault = std::string(function) + ':' + std::to_string(call) + '=' + how;
      SetFaults(fault);
      const std::optional<Error> error = LoadInferClose(options);
      if (error) {
        ++failed;
        Expect(std::find(codes.begin(), codes.end(), error->code()) != codes.end(),
               fault + ": " + trtnode::ErrorCodeName(error->code()) + ": " + error->message());
      }
      SetFaults("");
      ExpectNothingHeld(fault);
    }
  }
  Expect(failed >= 8, "only " + std::to_string(failed) + " calls failed");
}

TRT_NODE_CHECK(each_call_out_of_memory) {
  FailEachCall(WithLanes(2, GraphMode::kOn), "2", {ErrorCode::kOutOfMemory});
}

TRT_NODE_CHECK(each_call_fails) {
  FailEachCall(WithLanes(1, GraphMode::kOn), "1", {ErrorCode::kCuda});
}

TRT_NODE_CHECK(each_call_loses_the_context) {
  FailEachCall(WithLanes(2, GraphMode::kOn), "700", {ErrorCode::kCudaContextLost});
}

// Where TensorRT asks for memory, all that it learns is that there is none.
TRT_NODE_CHECK(each_call_throws) {
  FailEachCall(WithLanes(2, GraphMode::kAuto), "throw",
               {ErrorCode::kOutOfMemory, ErrorCode::kInternal, ErrorCode::kDeserialize});
}

TRT_NODE_CHECK(slow_calls) {
  for (const char* function : {"cuStreamEndCapture", "cuGraphLaunch", "cuMemcpyHtoDAsync",
                               "cuEventRecord", "cuStreamQuery", "cuMemHostAlloc"}) {
    const SharedSession session = Load(kIdentity, WithLanes(3, GraphMode::kOn));
    SetFaults(std::string(function) + ":1+=slow500");
    OnThreads(4, [&](int thread) {
      for (int i = 0; i < 6; ++i) InferIdentity(session, 5, static_cast<float>(thread * 10 + i));
    });
    SetFaults("");
    session->Close(Pending::kFinish);
  }
  ExpectNothingHeld("close");
}

// The inference of this number loses the context while lanes are at work and more is queued.
TRT_NODE_CHECK(a_context_is_lost_under_load) {
  for (const GraphMode graphs : {GraphMode::kOff, GraphMode::kOn}) {
    const SharedSession poisoned =
        Load(std::string(kIdentity) + "delay 100\npoison 20 700\n", WithLanes(3, graphs));
    const SharedSession other = Load(kIdentity, WithLanes(2, graphs));
    OnThreads(5, [&](int thread) {
      const SharedSession& session = thread < 3 ? poisoned : other;
      for (int i = 0; i < 30; ++i) {
        const Floats x = Counting(5, static_cast<float>(thread * 100 + i));
        std::unique_ptr<Request> request;
        const auto refused =
            ErrorOf([&] { request = std::make_unique<Request>(session, std::vector<Floats>{x}); });
        if (refused) {
          ExpectError(refused, ErrorCode::kCudaContextLost, "staging");
          continue;
        }
        request->Submit();
        request->Wait();
        if (!request->error()) continue;
        ExpectError(request->error(), ErrorCode::kCudaContextLost, "after a lost context");
      }
    });
    for (const SharedSession& session : {poisoned, other}) {
      const auto error = ErrorOf([&] {
        Request request(session, {Counting(5, 1)});
        request.Submit();
        request.Wait();
        if (request.error()) throw Error(*request.error());
      });
      ExpectError(error, ErrorCode::kCudaContextLost, "an inference after a lost context");
      session->Close(Pending::kFinish);
    }
    ExpectNothingHeld("close");
    SetFaults("");
  }
}

TRT_NODE_CHECK(out_of_pinned_memory_under_load) {
  const SharedSession session = Load(kIdentity, WithLanes(3, GraphMode::kOn));
  SetFaults("cuMemHostAlloc:6+=2");
  OnThreads(4, [&](int thread) {
    std::vector<std::unique_ptr<Request>> kept;
    for (int i = 0; i < 20; ++i) {
      const Floats x = Counting(static_cast<size_t>(100 << (i % 8)), static_cast<float>(thread));
      const auto error = ErrorOf([&] {
        auto request = std::make_unique<Request>(session, std::vector<Floats>{x});
        request->Submit();
        request->Wait();
        if (request->error()) throw Error(*request->error());
        request->ExpectOutput(0, x);
        kept.push_back(std::move(request));
      });
      if (error) ExpectError(error, ErrorCode::kOutOfMemory, "out of pinned memory");
    }
  });
  SetFaults("");
  InferIdentity(session, 5, 1);
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

}  // namespace
}  // namespace sanitize
