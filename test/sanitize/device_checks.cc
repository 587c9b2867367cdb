// TEST ONLY. Memory that JavaScript, the lanes and other streams share; contexts by hand; several GPUs; the end of a process.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "check.h"
#include "client.h"
#include "core/activity.h"
#include "exec/copies.h"
#include "exec/manual_context.h"
#include "exec/pinned_registry.h"
#include "exec/wait_thread.h"
#include "stub_machine.h"

namespace sanitize {
namespace {

using trtnode::Copies;
using trtnode::Device;
using trtnode::DeviceMemory;
using trtnode::ErrorCode;
using trtnode::GraphMode;
using trtnode::InputSource;
using trtnode::OutputTarget;
using trtnode::Pending;
using trtnode::PinnedLease;
using trtnode::PinnedRegistry;

// Pinned memory as `allocate` lends it: found by its address, and let go of while inferences still use it.
TRT_NODE_CHECK(pinned_memory_is_let_go_of_in_flight) {
  const SharedSession session =
      Load(std::string(kIdentity) + "delay 200\n", WithLanes(2, GraphMode::kOn));
  OnThreads(4, [&](int thread) {
    for (int i = 0; i < 20; ++i) {
      const size_t count = 8 + static_cast<size_t>(i % 3) * 100;
      const size_t bytes = count * sizeof(float);
      const Floats x = Counting(count, static_cast<float>(thread * 100 + i));
      PinnedLease lease = session->TakeStaging(bytes);
      unsigned char* const address = lease.data();
      std::memcpy(address, x.data(), bytes);
      std::shared_ptr<void> lent = PinnedRegistry::Get().Lend(std::move(lease), bytes);
      Request request(session, {x});
      InputSource& input = request.job().inputs[0];
      input.kind = InputSource::Kind::kPinned;
      input.host = address;
      input.keep = PinnedRegistry::Get().Find(address, bytes);
      Expect(input.keep != nullptr, "memory that is lent was not found");
      Expect(PinnedRegistry::Get().Find(address, bytes + (1U << 20)) == nullptr, "found too much");
      request.Submit();
      lent.reset();
      request.Wait();
      request.ExpectOutput(0, x);
      input.keep.reset();
    }
  });
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

TRT_NODE_CHECK(outputs_into_pinned_memory) {
  const SharedSession session = Load(kIdentity, WithLanes(2, GraphMode::kOn));
  OnThreads(3, [&](int thread) {
    const size_t bytes = 16 * sizeof(float);
    PinnedLease lease = session->TakeStaging(bytes);
    unsigned char* const address = lease.data();
    const std::shared_ptr<void> lent = PinnedRegistry::Get().Lend(std::move(lease), bytes);
    for (int i = 0; i < 20; ++i) {
      const Floats x = Counting(16, static_cast<float>(thread * 1000 + i));
      Request request(session, {x});
      OutputTarget& target = request.job().targets[0];
      target.kind = OutputTarget::Kind::kPinned;
      target.host = address;
      target.capacity = i == 7 ? bytes - 4 : bytes;
      target.keep = PinnedRegistry::Get().Find(address, bytes);
      request.Submit();
      request.Wait();
      if (i == 7) {
        ExpectError(request.error(), ErrorCode::kInvalidArg, "a target that is too small");
        continue;
      }
      ExpectNoError(request.error(), "an output into pinned memory");
      Expect(std::memcmp(address, x.data(), bytes) == 0, "the output is another's");
    }
  });
  session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// What DeviceTensor does beside inference, from threads: copies in, copies on the GPU, copies out.
TRT_NODE_CHECK(copies_beside_inference) {
  const SharedSession session =
      Load(std::string(kIdentity) + "delay 100\n", WithLanes(2, GraphMode::kOn));
  {
    Copies copies(session->device());
    OnThreads(4, [&](int thread) {
      const size_t bytes = 16 * sizeof(float);
      const auto from = DeviceMemory::Allocate(session->device(), bytes);
      const auto to = DeviceMemory::Allocate(session->device(), bytes);
      const auto copied = DeviceMemory::Allocate(session->device(), bytes);
      PinnedLease host = copies.TakePinned(bytes);
      for (int i = 0; i < 12; ++i) {
        const Floats x = Counting(16, static_cast<float>(thread * 1000 + i));
        std::memcpy(host.data(), x.data(), bytes);
        const auto written = copies.ToDevice(from.get(), 0, host.data(), bytes);
        Request request(session, {x});
        request.job().inputs[0].kind = InputSource::Kind::kDevice;
        request.job().inputs[0].memory = from;
        request.job().targets[0].kind = OutputTarget::Kind::kDevice;
        request.job().targets[0].memory = to;
        request.Submit();
        request.Wait();
        ExpectNoError(request.error(), "an inference on device memory");
        session->device().MakeCurrent();
        written->Synchronize();
        copies.OnDevice(copied.get(), to.get(), bytes);
        copies.ToHost(host.data(), copied.get(), 0, bytes)->Synchronize();
        Expect(std::memcmp(host.data(), x.data(), bytes) == 0, "other numbers came back");
      }
      copies.FreeSurplus();
    });
    session->Close(Pending::kFinish);
  }
  ExpectNothingHeld("close");
}

// Nobody awaits the inference: what copies put into its input and read from its output comes behind it all the same, once it is on
// its lane's stream.
TRT_NODE_CHECK(copies_behind_an_inference) {
  trtnode::LaneOptions options = WithLanes(1, GraphMode::kOn);
  options.waiting = trtnode::Waiting::kSpin;
  const SharedSession session = Load(std::string(kIdentity) + "delay 5000\n", options);
  const size_t bytes = 16 * sizeof(float);
  const auto x = DeviceMemory::Allocate(session->device(), bytes);
  const auto y = DeviceMemory::Allocate(session->device(), bytes);
  {
    Copies copies(session->device());
    PinnedLease host = copies.TakePinned(bytes);
    for (int i = 0; i < 4; ++i) {
      const Floats numbers = Counting(16, static_cast<float>(100 * i));
      std::memcpy(host.data(), numbers.data(), bytes);
      copies.ToDevice(x.get(), 0, host.data(), bytes)->Synchronize();
      const Floats others = Counting(16, static_cast<float>(-100 * i - 50));
      std::memcpy(host.data(), others.data(), bytes);
      Request request(session, {numbers});
      request.job().inputs[0].kind = InputSource::Kind::kDevice;
      request.job().inputs[0].memory = x;
      request.job().targets[0].kind = OutputTarget::Kind::kDevice;
      request.job().targets[0].memory = y;
      SetFaults("");
      request.Submit();
      // Its lane waits for what it has put on the stream.
      while (CallsOf("cuStreamSynchronize") == 0) std::this_thread::yield();
      session->device().MakeCurrent();
      copies.ToDevice(x.get(), 0, host.data(), bytes)->Synchronize();
      PinnedLease result = copies.TakePinned(bytes);
      copies.ToHost(result.data(), y.get(), 0, bytes)->Synchronize();
      Expect(std::memcmp(result.data(), numbers.data(), bytes) == 0,
             "a copy overtook the inference");
      request.Wait();
      ExpectNoError(request.error(), "the inference");
      Expect(x->Idle() && y->Idle(), "its mark is left behind");
    }
  }
  session->Close(Pending::kFinish);
}

// Memory is in use from the submission on, whatever becomes of the request.
TRT_NODE_CHECK(memory_of_queued_requests) {
  const SharedSession session =
      Load(std::string(kIdentity) + "delay 3000\n", WithLanes(1, GraphMode::kOff));
  const Floats numbers = Counting(8, 1);
  const auto memory = DeviceMemory::Allocate(session->device(), 8 * sizeof(float));
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(std::make_unique<Request>(session, std::vector<Floats>{numbers}));
    Request& request = *requests.back();
    request.job().targets[0].kind = OutputTarget::Kind::kDevice;
    request.job().targets[0].memory = memory;
    if (i == 2) request.job().deadline = trtnode::InferJob::Clock::now();
    request.Submit();
  }
  Expect(!memory->Idle(), "a request that waits is not counted");
  const bool cancelled = requests[3]->Cancel();
  for (size_t i = 0; i < 3; ++i) requests[i]->Wait();
  if (!cancelled) requests[3]->Wait();
  // As whoever submitted them does, of those that never ran.
  for (const auto& request : requests) request->job().holds.clear();
  session->device().MakeCurrent();
  Expect(memory->Idle(), "a request that is over still counts");
  session->Close(Pending::kFinish);
}

TRT_NODE_CHECK(waits_that_are_dropped) {
  const Device& device = Device::Get(0);
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> came = 0;
    const auto count = std::make_shared<int>(0);
    {
      trtnode::WaitThread waits(trtnode::CurrentEnvironment());
      OnThreads(3, [&](int thread) {
        for (int i = 0; i < 20; ++i) {
          const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50 * i);
          // The last one of each thread never comes.
          const bool never = i == 19;
          waits.Await(
              device,
              [until, never, thread, kept = count] {
                if (thread == 1 && !never && std::chrono::steady_clock::now() >= until) {
                  throw trtnode::Error(ErrorCode::kCuda, "a wait that fails");
                }
                return !never && std::chrono::steady_clock::now() >= until;
              },
              [&came](const std::optional<trtnode::Error>&) { ++came; });
        }
      });
      while (came < 57) std::this_thread::yield();
    }
    ExpectEqual(came.load(), 57, "waits that came");
    ExpectEqual(count.use_count(), 1L, "what a dropped wait holds");
  }
}

// A context by hand beside the lanes, its graph launched again and again, and the engine closed under it.
TRT_NODE_CHECK(contexts_by_hand) {
  const SharedSession session = Load(kIdentity, WithLanes(2, GraphMode::kOn));
  std::atomic<int> running = 0;
  std::atomic<bool> closed = false;
  OnThreads(4, [&](int thread) {
    if (thread == 0) {
      while (running < 3) std::this_thread::yield();
      for (int i = 0; i < 20; ++i) InferIdentity(session, 6, static_cast<float>(i));
      session->Close(Pending::kFinish);
      closed = true;
      return;
    }
    const auto stream = std::make_shared<const trtnode::Stream>(session->device());
    const auto x = DeviceMemory::Allocate(session->device(), 8 * sizeof(float));
    const auto y = DeviceMemory::Allocate(session->device(), 8 * sizeof(float));
    const auto context = session->CreateContext(0);
    context->SetInputDims(0, {8});
    static_cast<void>(context->BindInput(0, x));
    static_cast<void>(context->BindOutput(0, y));
    const auto error = ErrorOf([&] {
      context->Enqueue(stream);
      const auto graph = context->Capture();
      ++running;
      for (;;) {
        context->Launch(*graph, stream);
        context->Enqueue(stream);
        stream->Synchronize();
      }
    });
    ExpectError(error, ErrorCode::kEngineClosed, "a context of a closed engine");
    session->device().MakeCurrent();
    stream->Synchronize();
  });
  Expect(closed, "it was not closed");
}

TRT_NODE_CHECK(several_gpus) {
  setenv("TRT_NODE_STUB_GPUS", "First@8.6@4096,Second@8.9@4096", 1);
  const SharedSession engines[] = {Load(kIdentity, WithLanes(2, GraphMode::kOn), 0),
                                   Load(kIdentity, WithLanes(2, GraphMode::kOn), 1)};
  OnThreads(4, [&](int thread) {
    for (int i = 0; i < 40; ++i) {
      const SharedSession& session = engines[(thread + i) % 2];
      const Floats x = Counting(static_cast<size_t>(i % 4), static_cast<float>(thread * 100 + i));
      Request request(session, {x});
      if (i % 3 == 0) {
        request.RunNow();  // on this very thread, whose current device changes each time
      } else {
        request.Submit();
        request.Wait();
      }
      request.ExpectOutput(0, x);
    }
  });
  for (const SharedSession& session : engines) session->Close(Pending::kFinish);
  ExpectNothingHeld("close");
}

// process.exit() while lanes are at work: it waits for those that are inside of the driver, and lets nobody in again. The
// stub dies when a thread is inside by the time that its library ends.
TRT_NODE_CHECK(exit_while_lanes_work) {
  static const int kEnvironment = 0;
  trtnode::SetCurrentEnvironment(&kEnvironment);
  auto* const session =
      new SharedSession(Load(std::string(kIdentity) + "delay 500\n", WithLanes(3, GraphMode::kOn)));
  static auto& requests = *new std::vector<std::unique_ptr<Request>>;
  for (int i = 0; i < 60; ++i) {
    requests.push_back(std::make_unique<Request>(*session, std::vector<Floats>{Counting(4, 1)}));
    requests.back()->Submit();
  }
  requests[5]->Wait();
  // As in JavaScript, nobody frees anything: the process ends with all of it, and its threads stay where they are.
  static const SharedSession* volatile kept = session;
  static_cast<void>(kept);
  trtnode::BeginExit();
}

}  // namespace
}  // namespace sanitize
