// TEST ONLY. What the other stubs see of the stub driver, beside CUDA's own functions.
#pragma once

#include <cuda.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

namespace stub {

// Says why and aborts: for whatever a correct caller never does.
[[noreturn]] void Die(const std::string& why);

struct MemoryReport {
  int device = 0;
  size_t used_bytes = 0;
  size_t allocations = 0;
};

// Work for a device, which takes so long.
struct Kernel {
  std::function<void()> run;
  std::chrono::microseconds duration{0};
  // Memory that no other work may be using meanwhile; null: none.
  const void* scratch = nullptr;
};

class DriverApi {
 public:
  virtual ~DriverApi() = default;

  // The device whose context is current on this thread; -1: none.
  virtual int CurrentDevice() = 0;
  // The sticky error of a device; CUDA_SUCCESS while it works.
  virtual CUresult LostCode(int device) = 0;
  // Makes every later call on the device's context fail with this error, as an illegal access of a kernel does.
  virtual void Lose(int device, CUresult code) = 0;
  virtual int DeviceOf(CUstream stream) = 0;
  virtual bool IsCapturing(CUstream stream) = 0;
  virtual std::string NameOf(int device) = 0;

  // Device memory of TensorRT's own; null when there is no more. Its fault is named `tensorrt`.
  virtual void* Allocate(int device, size_t size) = 0;
  virtual void Free(void* pointer) = 0;

  virtual bool IsDeviceMemory(const void* pointer) = 0;
  // The bytes behind device memory, which no CPU can read at its own address. Dies unless `size` bytes lie there.
  virtual unsigned char* Resolve(int device, const void* pointer, size_t size,
                                 const std::string& what) = 0;

  // The same of memory that kernels may use: pinned memory of the host too, where the GPU maps it.
  virtual unsigned char* ResolveForKernel(int device, void* pointer, size_t size,
                                          const std::string& what) = 0;

  // Queues work; it runs when someone waits for the stream. A stream that is being captured keeps it for the graph.
  virtual CUresult Launch(CUstream stream, Kernel kernel) = 0;
  virtual CUresult Synchronize(CUstream stream) = 0;

  // For tests: what is still held, and faults (see faults.h). Setting faults makes lost contexts good again.
  virtual std::string ReportJson() = 0;
  virtual void SetFaults(const std::string& specification) = 0;
};

}  // namespace stub

extern "C" stub::DriverApi* trtNodeStubDriver();
