// TEST ONLY. The machine that the stub driver drives: devices, memory, streams and events, all in ordinary memory.
#pragma once

#include <cuda.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "driver/api.h"
#include "driver/faults.h"

namespace stub {

using Clock = std::chrono::steady_clock;

struct Device {
  int ordinal = 0;
  std::string name;
  int compute_major = 0;
  int compute_minor = 0;
  size_t total_bytes = 0;
  size_t used_bytes = 0;
  size_t allocations = 0;
  CUresult lost = CUDA_SUCCESS;
};

// Work in order. It runs when someone waits for it, asks for it, or frees memory: as late as a GPU could be, and always in
// the same order, so that memory which was let go too early is found every time.
struct Stream {
  Device* device = nullptr;
  struct Work {
    std::function<void()> run;
    Clock::time_point end;
  };
  std::deque<Work> queue;
  Clock::time_point end;   // of all that was queued
  uint64_t queued = 0;     // pieces of work, ever
  uint64_t completed = 0;  // of those
};

struct Event {
  Device* device = nullptr;
  bool recorded = false;
  Clock::time_point time;
  // The work that it stands behind; null when the stream is gone, and the work done.
  Stream* stream = nullptr;
  uint64_t position = 0;

  bool Completed() const { return stream == nullptr || stream->completed >= position; }
};

class Machine final : public DriverApi {
 public:
  static Machine& Get();

  std::recursive_mutex& mutex() { return mutex_; }
  Faults& faults() { return faults_; }
  std::vector<Device>& devices() { return devices_; }

  // Null: no context is current on this thread.
  static Device*& Current();

  CUresult AllocateDevice(Device* device, size_t size, CUdeviceptr* pointer);
  void FreeDevice(CUdeviceptr pointer);
  void* AllocatePinned(size_t size);
  void FreePinned(void* pointer);
  bool IsPinned(const void* pointer, size_t size);

  Stream* MakeStream(Device* device);
  void DestroyStream(Stream* stream);
  // Dies for a handle that was never made, or destroyed.
  Stream* Check(CUstream handle);
  Event* MakeEvent(Device* device);
  void DestroyEvent(Event* event);
  Event* Check(CUevent handle);

  void Queue(Stream* stream, std::chrono::microseconds duration, std::function<void()> work);
  // Waits for the stream's work up to `position` and runs it.
  CUresult Wait(Stream* stream, uint64_t position);
  // Runs what has come to its end by now; true when nothing is left up to `position`.
  bool Poll(Stream* stream, uint64_t position);
  // As freeing memory does.
  void WaitForDevice(const Device* device);

  // DriverApi
  int CurrentDevice() override;
  CUresult LostCode(int device) override;
  void Lose(int device, CUresult code) override;
  int DeviceOf(CUstream stream) override;
  std::string NameOf(int device) override { return devices_.at(static_cast<size_t>(device)).name; }
  void* Allocate(int device, size_t size) override;
  void Free(void* pointer) override;
  bool IsDeviceMemory(const void* pointer) override;
  unsigned char* Resolve(int device, const void* pointer, size_t size,
                         const std::string& what) override;
  void Launch(CUstream stream, std::chrono::microseconds duration,
              std::function<void()> work) override;
  CUresult Synchronize(CUstream stream) override;
  std::string ReportJson() override;
  void SetFaults(const std::string& specification) override;

 private:
  Machine();
  struct DeviceBlock {
    Device* device;
    size_t size;
    size_t reserved;
    unsigned char* bytes;
  };
  void RunNext(Stream* stream);
  bool Exists(const Stream* stream) const;

  std::recursive_mutex mutex_;
  Faults faults_;
  std::vector<Device> devices_;
  std::map<uintptr_t, DeviceBlock> device_blocks_;
  std::map<uintptr_t, size_t> pinned_blocks_;
  std::set<Stream*> streams_;
  std::map<Device*, Stream> default_streams_;
  std::set<Event*> events_;
};

}  // namespace stub
