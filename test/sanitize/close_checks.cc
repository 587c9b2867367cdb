// TEST ONLY. Closing an engine in every state that it can be in.
#include <algorithm>
#include <atomic>

#include "check.h"
#include "client.h"
#include "stub_machine.h"

namespace sanitize {
namespace {

using trtnode::ErrorCode;
using trtnode::GraphMode;
using trtnode::LaneOptions;
using trtnode::Pending;

using Requests = std::vector<std::unique_ptr<Request>>;

Requests SubmitMany(const SharedSession& session, int count) {
  Requests requests;
  for (int i = 0; i < count; ++i) {
    requests.push_back(std::make_unique<Request>(
        session, std::vector<Floats>{Counting(3, static_cast<float>(i))}));
    requests.back()->Submit();
  }
  return requests;
}

TRT_NODE_CHECK(close_idle_and_twice) {
  const SharedSession session = Load(kIdentity, WithLanes(2));
  InferIdentity(session, 3, 1);
  OnThreads(3, [&](int) { session->Close(Pending::kFinish); });
  Expect(session->closed(), "it is not closed");
  ExpectError(ErrorOf([&] { session->TakeStaging(8); }), ErrorCode::kEngineClosed, "staging");
  ExpectError(ErrorOf([&] { session->Inspect(); }), ErrorCode::kEngineClosed, "inspect");
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(close_runs_the_queue) {
  const SharedSession session = Load(std::string(kIdentity) + "delay 200\n", WithLanes(2));
  const Requests requests = SubmitMany(session, 50);
  session->Close(Pending::kFinish);
  for (size_t i = 0; i < requests.size(); ++i) {
    Expect(requests[i]->IsDone(), "close returned before an inference was done");
    requests[i]->ExpectOutput(0, Counting(3, static_cast<float>(i)));
  }
}

TRT_NODE_CHECK(close_discards_the_queue) {
  const SharedSession session = Load(std::string(kIdentity) + "delay 3000\n", WithLanes(2));
  const Requests requests = SubmitMany(session, 50);
  session->Close(Pending::kDiscard);
  int discarded = 0;
  for (const auto& request : requests) {
    Expect(request->IsDone(), "close returned before an inference was done");
    if (!request->error()) continue;
    ExpectError(request->error(), ErrorCode::kEngineClosed, "what was queued");
    ++discarded;
  }
  Expect(discarded >= 40, "discarded: " + std::to_string(discarded));
}

TRT_NODE_CHECK(the_queue_is_discarded_while_it_runs) {
  const SharedSession session = Load(std::string(kIdentity) + "delay 3000\n", WithLanes(2));
  for (int round = 0; round < 3; ++round) {
    const Requests requests = SubmitMany(session, 50);
    OnThreads(2, [&](int) { session->DiscardQueued(); });
    int discarded = 0;
    for (const auto& request : requests) {
      request->Wait();
      if (!request->error()) continue;
      ExpectError(request->error(), ErrorCode::kEngineClosed, "what was queued");
      ++discarded;
    }
    Expect(discarded >= 40, "discarded: " + std::to_string(discarded));
    // The lanes go on.
    InferIdentity(session, 3, 1);
  }
  session->Close(Pending::kFinish);
  session->DiscardQueued();
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(close_while_threads_submit) {
  for (const Pending pending : {Pending::kFinish, Pending::kDiscard}) {
    const SharedSession session = Load(kIdentity, WithLanes(2, GraphMode::kOn));
    std::atomic<int> begun = 0;
    OnThreads(5, [&](int thread) {
      if (thread == 0) {
        while (begun < 20) std::this_thread::yield();
        session->Close(pending);
        return;
      }
      for (;;) {
        std::unique_ptr<Request> request;
        const auto closed = ErrorOf([&] {
          request = std::make_unique<Request>(session, std::vector<Floats>{Counting(4, 1)});
        });
        if (closed) {
          ExpectError(closed, ErrorCode::kEngineClosed, "staging");
          return;
        }
        ++begun;
        if (thread == 1) {
          request->RunNow();
        } else {
          request->Submit();
          request->Wait();
        }
        if (!request->error()) continue;
        ExpectError(request->error(), ErrorCode::kEngineClosed, "an inference");
        return;
      }
    });
    ExpectNothingHeld("close");
  }
}

TRT_NODE_CHECK(close_while_it_is_refitted) {
  for (int round = 0; round < 10; ++round) {
    const SharedSession session = Load(kRefittable, WithLanes(2, GraphMode::kOn));
    std::atomic<int> refits = 0;
    OnThreads(3, [&](int thread) {
      if (thread == 0) {
        while (refits < 2) std::this_thread::yield();
        session->Close(Pending::kDiscard);
        return;
      }
      for (;;) {
        const auto closed = ErrorOf([&] {
          if (thread == 1) {
            trtnode::NamedWeights weights;
            weights.info = {"weight", trtnode::DataType::kFloat32, 1};
            weights.data = trtnode::ByteBlock(sizeof(float));
            std::fill_n(weights.data.data(), sizeof(float), uint8_t{1});
            std::vector<trtnode::NamedWeights> all;
            all.push_back(std::move(weights));
            session->Refit(std::move(all));
            ++refits;
          } else {
            Request request(session, {Counting(4, 1)});
            request.Submit();
            request.Wait();
            if (request.error()) throw trtnode::Error(*request.error());
          }
        });
        if (!closed) continue;
        ExpectError(closed, ErrorCode::kEngineClosed, "work of a closed engine");
        return;
      }
    });
    ExpectNothingHeld("close");
  }
}

// As the collector does it: the last owner goes while the lanes are at work.
TRT_NODE_CHECK(the_last_owner_goes) {
  for (int round = 0; round < 10; ++round) {
    SharedSession session = Load(std::string(kIdentity) + "delay 100\n", WithLanes(2));
    std::vector<std::shared_ptr<trtnode::InferJob>> jobs;
    std::atomic<int> done = 0;
    for (int i = 0; i < 6; ++i) {
      Request request(session, {Counting(3, static_cast<float>(i))});
      request.job().done = [&] { ++done; };
      request.Submit();
      jobs.push_back(request.shared_job());
    }
    session.reset();
    ExpectEqual(done.load(), 6, "done");
    for (const auto& job : jobs) ExpectNoError(job->error, "an inference");
    jobs.clear();
    ExpectNothingHeld("the end of the session");
  }
}

TRT_NODE_CHECK(outputs_outlive_their_engine) {
  SharedSession session = Load(kIdentity, WithLanes(2));
  const Floats x = Counting(1000, 1);
  auto request = std::make_unique<Request>(session, std::vector<Floats>{x});
  request->Submit();
  request->Wait();
  session->Close(Pending::kFinish);
  request->ExpectOutput(0, x);
  Expect(PinnedBytesHeld() > 0, "the output has no memory");
  request.reset();
  ExpectNothingHeld("the last output");
}

}  // namespace
}  // namespace sanitize
