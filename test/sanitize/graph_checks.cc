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
  // Of other dims it is another graph, beside the first.
  InferIdentity(session, 6, 1);
  InferIdentity(session, 6, 2);
  InferIdentity(session, 5, 3);
  graphs = Sum(session);
  ExpectEqual(graphs.captured, 2U, "captured");
  ExpectEqual(graphs.replays, 11U, "replays");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// The largest first, so that no memory grows later: then each shape becomes a graph once, and stays one.
TRT_NODE_CHECK(shapes_in_turns) {
  for (const GraphMode mode : {GraphMode::kOn, GraphMode::kAuto}) {
    for (const ContextMemory memory : {ContextMemory::kSeparate, ContextMemory::kShared}) {
      constexpr size_t kShapes = 4;
      constexpr size_t kRounds = 6;
      const size_t eager = mode == GraphMode::kOn ? 1 : 2;
      LaneOptions options = WithLanes(2, mode);
      options.context_memory = memory;
      const SharedSession session = Load(kIdentity, options);
      // Each lane is warmed up with the largest, and so has a graph of it.
      {
        Request warm(session, {Counting(kShapes, 0)});
        session->Warm(&warm.job());
      }
      OnThreads(3, [&](int thread) {
        for (size_t i = 0; i < 2 * kRounds * kShapes; ++i) {
          InferIdentity(session, i % kShapes + 1, static_cast<float>(thread * 1000) + 0.5F);
        }
      });
      for (const LaneGraphs& lane : session->GraphState()) {
        const size_t all = lane.replays + lane.eager;
        Expect(lane.captured <= kShapes, "a shape was captured twice");
        ExpectEqual(lane.held, static_cast<size_t>(lane.captured), "graphs that a lane keeps");
        Expect(lane.eager <= 1 + (kShapes - 1) * eager, "a shape ran without its graph");
        Expect(lane.refusal.empty(), "a capture was refused: " + lane.refusal);
        Expect(all > 0, "a lane did nothing");
      }
      const trtnode::EngineMemory held = session->Memory();
      const size_t blocks = memory == ContextMemory::kShared ? 1 : 2;
      ExpectEqual(held.contexts, held.context * blocks, "activation memory");
      session->Close(Pending::kFinish);
      ExpectNothingHeld("close");
    }
  }
}

// TensorRT makes no second context: one shape after the other runs on the one that there is.
TRT_NODE_CHECK(no_context_for_another_shape) {
  for (const GraphMode mode : {GraphMode::kOn, GraphMode::kAuto}) {
    const SharedSession session =
        Load(std::string(kIdentity) + "fail createExecutionContext 2 later\n", WithLanes(1, mode));
    for (int i = 0; i < 4; ++i) InferIdentity(session, 8, static_cast<float>(i));
    Expect(Sum(session).held == 1, "the first shape has no graph");
    for (int i = 0; i < 12; ++i) {
      InferIdentity(session, i % 3 == 0 ? 8 : 5, static_cast<float>(i));
    }
    const LaneGraphs graphs = Sum(session);
    ExpectEqual(graphs.held, 0U, "held");
    ExpectEqual(graphs.captured, 1U, "captured");
    Expect(!graphs.refusal.empty(), "no reason is told");
    session->Close(Pending::kFinish);
    ExpectNothingHeld("close");
  }
}

// Two shapes have theirs, and a third takes the place of the one that was not used for longest.
TRT_NODE_CHECK(no_context_for_a_third_shape) {
  const SharedSession session =
      Load(std::string(kIdentity) + "fail createExecutionContext 3 later\n",
           WithLanes(1, GraphMode::kOn));
  for (const size_t count : {8, 5, 8, 5}) InferIdentity(session, count, 0.5F);
  ExpectEqual(Sum(session).held, 2U, "held");
  for (const size_t count : {3, 3, 8, 5, 3, 8, 8, 5, 5}) InferIdentity(session, count, 0.5F);
  const LaneGraphs graphs = Sum(session);
  ExpectEqual(graphs.held, 1U, "held");
  Expect(graphs.replays > 2, "graphs were of no use");
  Expect(!graphs.refusal.empty(), "no reason is told");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// More shapes than there is room for: 'auto' does not capture each anew each time.
TRT_NODE_CHECK(graphs_that_do_not_pay) {
  LaneOptions options = WithLanes(1, GraphMode::kAuto);
  options.max_graphs = 2;
  const SharedSession session = Load(kIdentity, options);
  for (size_t i = 0; i < 600; ++i) InferIdentity(session, 8 - i % 6, 0.5F);
  const LaneGraphs graphs = Sum(session);
  Expect(graphs.held <= 2, "more graphs than there is room for");
  Expect(graphs.captured < 30, std::to_string(graphs.captured) + " captures in 600 inferences");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// Two profiles and the values of a shape tensor in turns. The stub dies when a graph runs whose context was told another shape.
TRT_NODE_CHECK(profiles_and_values_in_turns) {
  const SharedSession session = Load(
      "input x 0 -1 -\n"
      "input rows 8 1 host,shape\n"
      "output y 0 -1 - x value:rows:0 - 256\n"
      "profile\nrange x 1 2 8\nrange rows 1 1 1\nvalues 0 1 8\n"
      "profile\nrange x 1 2 8\nrange rows 1 1 1\nvalues 0 1 8\n"
      "memory 4096 8192\n",
      WithLanes(1, GraphMode::kOn));
  for (int round = 0; round < 5; ++round) {
    for (const int rows : {8, 3, 5}) {
      for (const int profile : {0, 1}) {
        const Floats x = Counting(8, static_cast<float>(10 * round + rows));
        Request request(session, {x, {static_cast<float>(rows)}});
        request.job().call = session->PlanCall(profile, {{8}, {1}});
        request.Submit();
        request.Wait();
        request.ExpectOutput(0, Floats(x.begin(), x.begin() + rows));
      }
    }
  }
  const LaneGraphs graphs = Sum(session);
  ExpectEqual(graphs.captured, 6U, "captured");
  ExpectEqual(graphs.held, 6U, "held");
  ExpectEqual(graphs.replays, 24U, "replays");
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// Its kernels go past the stream: a graph of it would do nothing.
TRT_NODE_CHECK(a_capture_that_holds_nothing) {
  const SharedSession session =
      Load(std::string(kIdentity) + "capture-empty\n", WithLanes(1, GraphMode::kOn));
  for (int i = 0; i < 4; ++i) InferIdentity(session, 5, static_cast<float>(i * 10));
  const LaneGraphs graphs = Sum(session);
  ExpectEqual(graphs.captured, 0U, "captured");
  ExpectEqual(graphs.eager, 4U, "eager");
  Expect(!graphs.refusal.empty(), "no reason is told");
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
        "cuGraphGetNodes:1=1", "cuGraphInstantiate:1=2", "cuGraphUpload:1=2", "cuGraphLaunch:1=2",
        "cuGraphLaunch:1=1", "cuGraphDestroy:1=1", "cuGraphExecDestroy:1=1"}) {
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

// A capture that fails on a shape's own context, which TensorRT may have changed: its other graph goes with it.
TRT_NODE_CHECK(a_capture_that_fails_beside_another) {
  const SharedSession session = Load(kIdentity, WithLanes(1, GraphMode::kOn));
  const Memory memory = trtnode::DeviceMemory::Allocate(session->device(), 8 * sizeof(float));
  const Floats x = Counting(8, 1);
  const auto infer = [&](bool on_device) {
    Request request(session, {x});
    if (on_device) request.job().targets[0] = To(memory);
    request.Submit();
    request.Wait();
    ExpectNoError(request.error(), "an inference");
    if (!on_device) request.ExpectOutput(0, x);
  };
  infer(false);
  ExpectEqual(Sum(session).held, 1U, "held");
  SetFaults("cuStreamEndCapture:1=901");
  infer(true);
  SetFaults("");
  ExpectEqual(Sum(session).held, 0U, "held");
  for (int i = 0; i < 3; ++i) {
    infer(false);
    infer(true);
  }
  const LaneGraphs graphs = Sum(session);
  ExpectEqual(graphs.held, 1U, "held");
  ExpectEqual(graphs.replays, 2U, "replays");
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
