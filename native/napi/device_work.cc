#include "napi/device_work.h"

#include <utility>

#include "core/activity.h"
#include "cuda/device.h"

namespace trtnode {

class DeviceWork::Promised final : public Operation {
 public:
  Promised(Napi::Env env, Convert convert) : Operation(env), convert_(std::move(convert)) {}

  // Makes the promise, and what is to be called once to settle it, on any thread.
  static std::pair<Napi::Promise, WaitThread::Then> Make(Napi::Env env,
                                                         const std::shared_ptr<EnvState>& state,
                                                         Convert convert) {
    auto operation = std::make_unique<Promised>(env, std::move(convert));
    // The environment's state lives longer than the threads that call this, and keeps the operation until then.
    Promised* const raw = operation.get();
    const Napi::Promise promise = operation->promise();
    const uint64_t id = state->Register(std::move(operation));
    return {promise, [state, raw, id](const std::optional<Error>& error) {
              raw->failure_ = error;
              state->Finish(id);
            }};
  }

 protected:
  Napi::Value Result(Napi::Env env) override { return convert_(env); }

 private:
  const Convert convert_;
};

std::shared_ptr<DeviceWork> DeviceWork::Create(Napi::Env env, std::shared_ptr<EnvState> state) {
  std::shared_ptr<DeviceWork> work(new DeviceWork(env, std::move(state)));
  // Newest first: the threads end before the state does that they post to.
  env.AddCleanupHook([work] { work->ShutDown(); });
  return work;
}

DeviceWork::DeviceWork(Napi::Env, std::shared_ptr<EnvState> state)
    : state_(std::move(state)),
      events_(std::make_unique<WaitThread>(state_.get())),
      frees_(std::make_unique<WaitThread>(state_.get())) {}

void DeviceWork::ShutDown() {
  EndEnvironment();  // or the threads could not come to their end
  events_.reset();
  frees_.reset();
}

Napi::Promise DeviceWork::Await(Napi::Env env, const Device& device, SharedEvent event,
                                Convert convert) {
  auto [promise, then] = Promised::Make(env, state_, std::move(convert));
  try {
    events_->Await(device, [event = std::move(event)] { return event->Done(); }, then);
  } catch (const Error& error) {
    then(error);
  }
  return promise;
}

void DeviceWork::FreeOn(WaitThread* thread, std::shared_ptr<DeviceMemory> memory,
                        WaitThread::Then then) {
  const Device& device = memory->device();
  // `ready` lets go of its share before `last` does.
  auto last = std::make_shared<std::shared_ptr<DeviceMemory>>(std::move(memory));
  thread->Await(
      device, [last] { return (*last)->Idle(); },
      [last, then = std::move(then)](const std::optional<Error>&) {
        last->reset();
        then(std::nullopt);
      });
}

void DeviceWork::Free(std::shared_ptr<DeviceMemory> memory) {
  if (!frees_) return;
  try {
    FreeOn(frees_.get(), std::move(memory), [](const std::optional<Error>&) {});
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // No thread to be had, and it was let go of here: better a short wait than a leak.
  }
}

Napi::Promise DeviceWork::Free(Napi::Env env, std::shared_ptr<DeviceMemory> memory) {
  auto [promise, then] =
      Promised::Make(env, state_, [](Napi::Env settled) { return settled.Undefined(); });
  try {
    FreeOn(frees_.get(), std::move(memory), then);
  } catch (const Error& error) {
    then(error);
  }
  return promise;
}

void DeviceWork::Drop(const Device& device, std::shared_ptr<void> thing) {
  device.TryMakeCurrent();
  if (!frees_) return;
  try {
    // It goes with the function that holds it.
    frees_->Await(device, [thing = std::move(thing)] { return true; }, [](const auto&) {});
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // As above.
  }
}

std::shared_ptr<Copies> DeviceWork::CopiesOf(const Device& device) {
  std::weak_ptr<Copies>& known = copies_[&device];
  std::shared_ptr<Copies> copies = known.lock();
  if (!copies) known = copies = std::make_shared<Copies>(device);
  return copies;
}

}  // namespace trtnode
