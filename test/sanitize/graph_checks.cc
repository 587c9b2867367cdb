// TEST ONLY. CUDA graphs: captured, replayed, dropped and refused.
#include <atomic>
#include <cstring>

#include "check.h"
#include "client.h"
#include "exec/device_memory.h"
#include "stub_machine.h"

namespace sanitize {
namespace {

using trtnode::ContextMemory;
using trtnode::ErrorCode;
using trtnode::GraphMode;
using trtnode::LaneGraphs;
using trtnode::LaneOptions;
using trtnode::Pending;

LaneGraphs Sum(const SharedSession& session) {
  LaneGraphs sum;
  for (const LaneGraphs& lane : session->GraphState()) {
    sum.held += lane.held;
    sum.captured += lane.captured;
    sum.replays += lane.replays;
    sum.eager += lane.eager;
    if (sum.refusal.empty()) sum.refusal = lane.refusal;
  }
  return sum;
}

using Memory = std::shared_ptr<trtnode::DeviceMemory>;

trtnode::InputSource From(Memory memory) {
  trtnode::InputSource source;
  source.kind = trtnode::InputSource::Kind::kDevice;
  source.memory = std::move(memory);
  return source;
}

trtnode::OutputTarget To(Memory memory) {
  trtnode::OutputTarget target;
  target.kind = trtnode::OutputTarget::Kind::kDevice;
  target.memory = std::move(memory);
  return target;
}

TRT_NODE_CHECK(captured_then_replayed) {
  const SharedSession session = Load(kIdentity, WithLanes(1, GraphMode::kOn));
  for (int i = 0; i < 10; ++i) InferIdentity(session, 5, static_cast<float>(i));
  LaneGraphs graphs = Sum(session);
  ExpectEqual(graphs.captured, 1U, "captured");
  ExpectEqual(graphs.replays, 9U, "replays");
  ExpectEqual(CallsOf("cuGraphLaunch"), 9, "cuGraphLaunch");
  // Of other dims it is another graph, and ends the first.
  InferIdentity(session, 6, 1);
  InferIdentity(session, 6, 2);
  InferIdentity(session, 5, 3);
  graphs = Sum(session);
  ExpectEqual(graphs.captured, 2U, "captured");
  ExpectEqual(graphs.replays, 10U, "replays");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(what_was_not_used_for_longest_makes_room) {
  LaneOptions options = WithLanes(2, GraphMode::kOn);
  options.max_graphs = 3;
  const SharedSession session = Load(kIdentity, options);
  OnThreads(4, [&](int thread) {
    for (int i = 0; i < 60; ++i) {
      InferIdentity(session, static_cast<size_t>((thread + i) % 7 + 1), static_cast<float>(i));
    }
  });
  for (const LaneGraphs& lane : session->GraphState()) {
    Expect(lane.held <= 3, "a lane holds " + std::to_string(lane.held) + " graphs");
  }
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// Buffers that grow are at other addresses: what was captured with the old ones must not run again.
TRT_NODE_CHECK(memory_that_grows) {
  const SharedSession session = Load(kIdentity, WithLanes(1, GraphMode::kOn));
  for (const size_t count : {4, 4, 4, 4000, 4000, 4, 4, 40000, 4000, 4, 4}) {
    InferIdentity(session, count, 0.5F);
  }
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(an_engine_that_no_capture_takes) {
  const SharedSession session =
      Load(std::string(kIdentity) + "capture-unsafe\n", WithLanes(2, GraphMode::kOn));
  OnThreads(3, [&](int thread) {
    for (int i = 0; i < 20; ++i) InferIdentity(session, 5, static_cast<float>(thread * 100 + i));
  });
  const LaneGraphs graphs = Sum(session);
  ExpectEqual(graphs.captured, 0U, "captured");
  ExpectEqual(graphs.eager, 60U, "eager");
  Expect(!graphs.refusal.empty(), "no reason is told");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(captures_that_fail) {
  for (const char* fault :
       {"cuStreamBeginCapture:1=900", "cuStreamEndCapture:1=901", "cuStreamEndCapture:1=2",
        "cuGraphInstantiate:1=2", "cuGraphUpload:1=2", "cuGraphLaunch:1=2", "cuGraphLaunch:1=1",
        "cuGraphDestroy:1=1", "cuGraphExecDestroy:1=1"}) {
    const SharedSession session = Load(kIdentity, WithLanes(1, GraphMode::kOn));
    SetFaults(fault);
    for (int i = 0; i < 4; ++i) {
      const Floats x = Counting(5, static_cast<float>(i));
      Request request(session, {x});
      request.Submit();
      request.Wait();
      // The launch of a graph that is told to fail may fail its inference; nothing else may.
      if (request.error() && std::string(fault).find("Launch") != std::string::npos) continue;
      request.ExpectOutput(0, x);
    }
    SetFaults("");
    for (int i = 0; i < 3; ++i) InferIdentity(session, 5, 0.5F);
    session->Close(Pending::kFinish);
    ExpectNothingHeld(std::string("close, with ") + fault);
  }
}

TRT_NODE_CHECK(a_swapped_pair_is_two_graphs) {
  const SharedSession session = Load(kPair, WithLanes(1, GraphMode::kOn));
  const size_t bytes = 8 * sizeof(float);
  const Memory first = trtnode::DeviceMemory::Allocate(session->device(), bytes);
  const Memory second = trtnode::DeviceMemory::Allocate(session->device(), bytes);
  const Floats numbers[] = {Counting(8, 1), Counting(8, 100)};
  // a and b go to the two memories, by way of outputs that stay on the GPU.
  {
    Request request(session, {numbers[0], numbers[1]});
    request.job().targets[0] = To(first);
    request.job().targets[1] = To(second);
    request.Submit();
    request.Wait();
    ExpectNoError(request.error(), "outputs that stay on the GPU");
  }
  for (int i = 0; i < 6; ++i) {
    const bool swapped = i % 2 == 1;
    Request request(session, {numbers[0], numbers[1]});
    request.job().inputs[0] = From(swapped ? second : first);
    request.job().inputs[1] = From(swapped ? first : second);
    request.Submit();
    request.Wait();
    request.ExpectOutput(0, numbers[swapped ? 1 : 0]);
    request.ExpectOutput(1, numbers[swapped ? 0 : 1]);
  }
  const LaneGraphs graphs = Sum(session);
  // Of the first call too, with its outputs.
  ExpectEqual(graphs.captured, 3U, "captured");
  ExpectEqual(graphs.replays, 4U, "replays");
  session->Close(Pending::kFinish);
}

// A chain through device memory from many threads, whose events order what the lanes' streams do.
TRT_NODE_CHECK(device_memory_between_lanes) {
  const SharedSession session =
      Load(std::string(kIdentity) + "delay 100\n", WithLanes(3, GraphMode::kOn));
  OnThreads(4, [&](int thread) {
    const size_t bytes = 16 * sizeof(float);
    Memory memory[2];
    for (auto& one : memory) one = trtnode::DeviceMemory::Allocate(session->device(), bytes);
    const Floats x = Counting(16, static_cast<float>(thread * 1000));
    for (int round = 0; round < 10; ++round) {
      for (int step = 0; step < 4; ++step) {
        Request request(session, {x});
        if (step > 0) {
          request.job().inputs[0] = From(memory[(step + 1) % 2]);
        }
        if (step < 3) {
          request.job().targets[0] = To(memory[step % 2]);
        }
        request.Submit();
        request.Wait();
        ExpectNoError(request.error(), "a step of the chain");
        if (step == 3) request.ExpectOutput(0, x);
      }
    }
  });
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(new_device_memory_outlives_its_engine) {
  Memory kept;
  {
    const SharedSession session = Load(kIdentity, WithLanes(2, GraphMode::kOn));
    Request request(session, {Counting(8, 1)});
    request.job().targets[0].kind = trtnode::OutputTarget::Kind::kNewDevice;
    request.Submit();
    request.Wait();
    ExpectNoError(request.error(), "an output that stays on the GPU");
    kept = request.job().outputs.at(0).device;
    session->Close(Pending::kFinish);
  }
  Expect(kept != nullptr && kept->size() >= 8 * sizeof(float), "no memory came with the output");
  const SharedSession another = Load(kIdentity, WithLanes(1, GraphMode::kOff));
  Request request(another, {Counting(8, 500)});
  request.job().inputs[0] = From(kept);
  request.Submit();
  request.Wait();
  request.ExpectOutput(0, Counting(8, 1));
  request.job().inputs.clear();
  kept.reset();
  another->Close(Pending::kFinish);
}

// Refit waits for the lanes, drops their graphs, and no inference sees half of it.
TRT_NODE_CHECK(refit_while_busy) {
  const SharedSession session = Load(kRefittable, WithLanes(3, GraphMode::kOn));
  std::atomic<bool> stopped = false;
  std::atomic<int> newest = 1;
  OnThreads(4, [&](int thread) {
    if (thread == 0) {
      for (int value = 2; value < 12; ++value) {
        trtnode::NamedWeights weights;
        weights.info = {"weight", trtnode::DataType::kFloat32, 1};
        weights.data = trtnode::ByteBlock(sizeof(float));
        const auto number = static_cast<float>(value);
        std::memcpy(weights.data.data(), &number, sizeof(number));
        std::vector<trtnode::NamedWeights> all;
        all.push_back(std::move(weights));
        Expect(session->Refit(std::move(all)).empty(), "weights are missing");
        newest = value;
      }
      stopped = true;
      return;
    }
    while (!stopped) {
      const auto before = static_cast<float>(newest.load());
      const Floats x = Counting(5, static_cast<float>(thread));
      Request request(session, {x});
      request.Submit();
      request.Wait();
      request.ExpectOutput(0, x);
      Expect(request.Output(1).at(0) >= before, "weights of before a refit");
    }
  });
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

}  // namespace
}  // namespace sanitize
