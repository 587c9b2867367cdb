// TEST ONLY. The machine that the stub driver drives: devices, memory, streams, events and graphs, all in ordinary memory.
#pragma once

#include <cuda.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "driver/api.h"
#include "driver/faults.h"
#include "driver/work.h"

namespace stub {

class Machine final : public DriverApi {
 public:
  static Machine& Get();

  std::recursive_mutex& mutex() { return mutex_; }
  Faults& faults() { return faults_; }
  std::vector<Device>& devices() { return devices_; }

  // Null: no context is current on this thread.
  static Device*& Current();

  // memory.cc
  CUresult AllocateDevice(Device* device, size_t size, CUdeviceptr* pointer);
  void FreeDevice(CUdeviceptr pointer);
  void* AllocatePinned(size_t size);
  void FreePinned(void* pointer);
  bool IsPinned(const void* pointer, size_t size);
  struct Block {
    uintptr_t address = 0;
    size_t size = 0;
    const Device* device = nullptr;  // null: of the host
  };
  // The device or pinned memory that this address lies in; a block of size 0 where there is none.
  Block Find(uintptr_t address);

  // streams.cc
  Stream* MakeStream(Device* device);
  void DestroyStream(Stream* stream);
  // Dies for a handle that was never made, or destroyed.
  Stream* Check(CUstream handle);
  Event* MakeEvent(Device* device, bool timed);
  void DestroyEvent(Event* event);
  Event* Check(CUevent handle);
  // Keeps the work for a graph where the stream is being captured. Fails where that capture is broken.
  CUresult Queue(Stream* stream, Kernel kernel);
  CUresult Record(Event* event, Stream* stream);
  CUresult MakeWait(Stream* stream, const Event& event);
  // Waits for the stream's work up to `position` and runs it.
  CUresult Wait(Stream* stream, uint64_t position);
  CUresult WaitFor(Stream* stream) { return Wait(stream, stream->queued); }
  // Runs what has come to its end by now; true when nothing is left up to `position`.
  bool Poll(Stream* stream, uint64_t position);
  // As freeing memory does.
  void WaitForDevice(const Device* device);

  // capture.cc
  CUresult BeginCapture(Stream* stream, CUstreamCaptureMode mode);
  CUresult EndCapture(Stream* stream, Graph** graph);
  // What a call that no capture may meet does to it: the capture is broken, and the call fails. CUDA_SUCCESS while there is none
  // that concerns this thread.
  CUresult BreakCaptures();
  // The same of a call on this very stream, whichever thread it comes from.
  static CUresult BreakCapture(Stream* stream);
  Graph* MakeGraph(Device* device, GraphNodes nodes, bool executable);
  Graph* CheckGraph(const void* handle, bool executable);
  void DestroyGraph(Graph* graph);
  CUresult LaunchGraph(const Graph& graph, Stream* stream);

  // DriverApi
  int CurrentDevice() override;
  CUresult LostCode(int device) override;
  void Lose(int device, CUresult code) override;
  int DeviceOf(CUstream stream) override;
  bool IsCapturing(CUstream stream) override;
  std::string NameOf(int device) override { return devices_.at(static_cast<size_t>(device)).name; }
  void* Allocate(int device, size_t size) override;
  void Free(void* pointer) override;
  bool IsDeviceMemory(const void* pointer) override;
  unsigned char* Resolve(int device, const void* pointer, size_t size,
                         const std::string& what) override;
  unsigned char* ResolveForKernel(int device, void* pointer, size_t size,
                                  const std::string& what) override;
  CUresult Launch(CUstream stream, Kernel kernel) override;
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
  void Append(Stream* stream, Kernel kernel);
  void TakeScratch(Stream* stream, const Kernel& kernel);

  // Held once by whoever waits, as waiting lets go of it.
  std::recursive_mutex mutex_;
  Faults faults_;
  bool eager_ = false;
  std::vector<Device> devices_;
  std::map<uintptr_t, DeviceBlock> device_blocks_;
  std::map<uintptr_t, size_t> pinned_blocks_;
  std::map<Stream*, std::shared_ptr<Stream>> streams_;
  std::map<Device*, std::shared_ptr<Stream>> default_streams_;
  std::set<Event*> events_;
  std::map<const void*, Position> scratch_;  // what last used it
  std::set<std::shared_ptr<Capture>> captures_;
  std::set<Graph*> graphs_;
};

}  // namespace stub
