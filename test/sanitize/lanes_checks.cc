// TEST ONLY. Lanes under load.
#include <atomic>

#include "check.h"
#include "client.h"
#include "stub_machine.h"

namespace sanitize {
namespace {

using trtnode::ContextMemory;
using trtnode::ErrorCode;
using trtnode::GraphMode;
using trtnode::LaneOptions;
using trtnode::Pending;
using trtnode::Waiting;

// Each thread keeps several inferences under way, of dims of its own.
void InferFromThreads(const SharedSession& session, int threads, int rounds) {
  OnThreads(threads, [&](int thread) {
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::unique_ptr<Request>> requests;
      std::vector<Floats> inputs;
      for (int i = 0; i < 4; ++i) {
        const auto count = static_cast<size_t>((thread * 7 + round + i) % 5 * 3);
        inputs.push_back(
            Counting(count, static_cast<float>(thread * 1000 + round * 10 + i) + 0.5F));
        requests.push_back(std::make_unique<Request>(session, std::vector<Floats>{inputs.back()}));
        requests.back()->Submit();
      }
      for (size_t i = 0; i < requests.size(); ++i) {
        requests[i]->Wait();
        requests[i]->ExpectOutput(0, inputs[i]);
      }
    }
  });
}

void LoadInferClose(const std::string& plan, const LaneOptions& options, int rounds) {
  const SharedSession session = Load(plan, options);
  ExpectEqual(static_cast<int>(session->lanes()), options.lanes, "lanes");
  InferFromThreads(session, 4, rounds);
  session->Close(Pending::kFinish);
}

TRT_NODE_CHECK(one_inference) {
  const SharedSession session = Load(kIdentity);
  InferIdentity(session, 5, 0.5F);
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(lanes_and_graphs) {
  for (const int lanes : {1, 2, 4}) {
    for (const GraphMode graphs : {GraphMode::kOff, GraphMode::kOn, GraphMode::kAuto}) {
      LoadInferClose(kIdentity, WithLanes(lanes, graphs), 60);
    }
  }
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(ways_to_wait) {
  for (const Waiting waiting : {Waiting::kBlock, Waiting::kSpin, Waiting::kAuto}) {
    LaneOptions options = WithLanes(3);
    options.waiting = waiting;
    LoadInferClose(std::string(kIdentity) + "delay 200\n", options, 10);
  }
  ExpectNothingHeld("close");
}

// Threads that were told to expect work: it comes, comes to another lane, or never comes.
TRT_NODE_CHECK(expected_work) {
  for (const Waiting waiting : {Waiting::kBlock, Waiting::kAuto}) {
    LaneOptions options = WithLanes(2);
    options.waiting = waiting;
    const SharedSession session = Load(kIdentity, options);
    OnThreads(4, [&](int thread) {
      for (int i = 0; i < 100; ++i) {
        session->Expect();
        if (i % 7 == 0) continue;
        const Floats x = Counting(static_cast<size_t>(i % 3), static_cast<float>(thread * 100 + i));
        Request request(session, {x});
        if (i % 5 == 0) {
          request.RunNow();
        } else {
          request.Submit();
          request.Wait();
        }
        request.ExpectOutput(0, x);
      }
    });
    session->Expect();
    session->Close(Pending::kFinish);
    session->Expect();
  }
  ExpectNothingHeld("close");
}

// The stub dies when two lanes use the one block at a time.
TRT_NODE_CHECK(shared_context_memory) {
  for (const GraphMode graphs : {GraphMode::kOff, GraphMode::kOn}) {
    LaneOptions options = WithLanes(4, graphs);
    options.context_memory = ContextMemory::kShared;
    LoadInferClose(std::string(kIdentity) + "delay 100\n", options, 10);
  }
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(submit_beside_run_now) {
  const SharedSession session = Load(std::string(kIdentity) + "delay 50\n", WithLanes(2));
  OnThreads(6, [&](int thread) {
    for (int i = 0; i < 150; ++i) {
      const Floats x = Counting(static_cast<size_t>(i % 3), static_cast<float>(thread * 100 + i));
      Request request(session, {x});
      if (thread % 2 == 0) {
        request.RunNow();
      } else {
        request.Submit();
        request.Wait();
      }
      request.ExpectOutput(0, x);
    }
  });
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(dims_that_data_and_values_decide) {
  for (const GraphMode graphs : {GraphMode::kOff, GraphMode::kOn}) {
    const SharedSession session = Load(kEverything, WithLanes(3, graphs));
    OnThreads(4, [&](int thread) {
      for (int i = 0; i < 40; ++i) {
        const size_t count = 2 + static_cast<size_t>((thread + i) % 6);
        Floats x = Counting(count, static_cast<float>(thread * 100 + i) + 0.5F);
        x.front() = 0;
        const size_t rows = count / 2;
        Request request(session, {x, {static_cast<float>(rows)}});
        request.Submit();
        request.Wait();
        request.ExpectOutput(0, x);
        request.ExpectOutput(1, Floats(x.begin() + 1, x.end()));
        request.ExpectOutput(2, Floats(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(rows)));
      }
    });
    session->Close(Pending::kFinish);
  }
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(cancel_from_another_thread) {
  const SharedSession session = Load(std::string(kIdentity) + "delay 300\n", WithLanes(2));
  std::atomic<int> cancelled = 0;
  std::atomic<int> ran = 0;
  OnThreads(4, [&](int thread) {
    for (int round = 0; round < 10; ++round) {
      std::vector<std::unique_ptr<Request>> requests;
      for (int i = 0; i < 6; ++i) {
        const Floats x = Counting(3, static_cast<float>(thread * 10 + i));
        requests.push_back(std::make_unique<Request>(session, std::vector<Floats>{x}));
        requests.back()->Submit();
      }
      // The last one first: it is the likeliest to be queued still.
      for (int i = 5; i >= 0; i -= 2) {
        if (requests[static_cast<size_t>(i)]->Cancel()) {
          ++cancelled;
          requests[static_cast<size_t>(i)].reset();
        }
      }
      for (const auto& request : requests) {
        if (!request) continue;
        request->Wait();
        ExpectNoError(request->error(), "an inference that was not cancelled");
        Expect(!request->Cancel(), "a job that is done was cancelled");
        ++ran;
      }
    }
  });
  Expect(cancelled > 0, "nothing was cancelled while it was queued");
  ExpectEqual(cancelled + ran, 240, "cancelled and run");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(deadlines) {
  const SharedSession session = Load(std::string(kIdentity) + "delay 20000\n", WithLanes(1));
  const auto now = trtnode::InferJob::Clock::now();
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 6; ++i) {
    requests.push_back(std::make_unique<Request>(session, std::vector<Floats>{Counting(3, 1)}));
    // Of the later ones none can begin in time.
    if (i >= 3) requests.back()->job().deadline = now + std::chrono::milliseconds(10);
    if (i == 0) requests.back()->job().deadline = now + std::chrono::hours(1);
    requests.back()->Submit();
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i]->Wait();
    if (i < 3) {
      ExpectNoError(requests[i]->error(), "an inference in time");
    } else {
      ExpectError(requests[i]->error(), ErrorCode::kDeadline, "an inference too late");
    }
  }
  InferIdentity(session, 4, 7);
  session->Close(Pending::kFinish);
  requests.clear();
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(queue_limit) {
  LaneOptions options = WithLanes(1);
  options.queue_limit = 3;
  const SharedSession session = Load(std::string(kIdentity) + "delay 30000\n", options);
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 12; ++i) {
    requests.push_back(std::make_unique<Request>(session, std::vector<Floats>{Counting(3, 1)}));
    requests.back()->Submit();
  }
  int refused = 0;
  for (const auto& request : requests) {
    request->Wait();
    if (!request->error()) continue;
    ExpectError(request->error(), ErrorCode::kQueueFull, "an inference beyond the limit");
    ++refused;
  }
  // One runs (or none yet), three wait.
  Expect(refused == 8 || refused == 9, "refused: " + std::to_string(refused));
  InferIdentity(session, 4, 7);
  session->Close(Pending::kFinish);
  requests.clear();
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(many_engines) {
  const SharedSession engines[] = {
      Load(kIdentity, WithLanes(2, GraphMode::kOn)),
      Load(std::string(kIdentity) + "delay 100\n", WithLanes(1)),
      Load(std::string(kIdentity) + "delay 30\n", WithLanes(3, GraphMode::kOff)),
  };
  OnThreads(6, [&](int thread) {
    for (int i = 0; i < 30; ++i) {
      InferIdentity(engines[(thread + i) % 3], static_cast<size_t>(i % 7),
                    static_cast<float>(thread * 100 + i));
    }
  });
  OnThreads(3, [&](int i) { engines[i]->Close(Pending::kFinish); });
  ExpectNothingHeld("close");
}

}  // namespace
}  // namespace sanitize
