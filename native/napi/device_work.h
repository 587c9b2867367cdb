// What an environment's device tensors, streams and events share: who waits for them, who frees them, who copies.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "exec/copies.h"
#include "exec/device_memory.h"
#include "exec/wait_thread.h"
#include "napi/env_state.h"

namespace trtnode {

// Used on the JS thread, from finalizers too.
class DeviceWork {
 public:
  using SharedEvent = DeviceMemory::SharedEvent;
  using Convert = std::function<Napi::Value(Napi::Env env)>;

  // Ends with the environment: what is waited for then is dropped.
  static std::shared_ptr<DeviceWork> Create(Napi::Env env, std::shared_ptr<EnvState> state);

  // Settles when the event's work is done, with what `convert` makes then on the JS thread.
  Napi::Promise Await(Napi::Env env, const Device& device, SharedEvent event, Convert convert);

  // Lets go of the memory when nothing is under way on it, off the JS thread: freeing waits for the GPU.
  void Free(std::shared_ptr<DeviceMemory> memory);
  // The same, settled when that is done.
  Napi::Promise Free(Napi::Env env, std::shared_ptr<DeviceMemory> memory);
  // Lets go of anything else that had better not go on the JS thread.
  void Drop(const Device& device, std::shared_ptr<void> thing);

  // Of the device, the same for all that use it at a time. Let go of it with Drop.
  std::shared_ptr<Copies> CopiesOf(const Device& device);

 private:
  class Promised;

  DeviceWork(Napi::Env env, std::shared_ptr<EnvState> state);
  void ShutDown();
  static void FreeOn(WaitThread* thread, std::shared_ptr<DeviceMemory> memory,
                     std::function<void(const std::optional<Error>&)> then);

  const std::shared_ptr<EnvState> state_;
  // Freeing device memory waits for all that runs on the device: not where others wait for an event. Null at the end.
  std::unique_ptr<WaitThread> events_;
  std::unique_ptr<WaitThread> frees_;
  std::map<const Device*, std::weak_ptr<Copies>> copies_;
};

}  // namespace trtnode
