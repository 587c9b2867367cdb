// The driver functions that the floor calls. Opened by name: nothing of NVIDIA's is linked.
#pragma once

#include <cuda.h>
#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace trtnode_floor {

inline void* OpenLibrary(const char* name) {
  void* const library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  return library;
}

template <typename Function>
void Find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (*function == nullptr) throw std::runtime_error(std::string("there is no ") + name);
}

struct Cuda {
  CUresult (*Init)(unsigned flags);
  CUresult (*GetErrorName)(CUresult error, const char** name);
  CUresult (*DeviceGet)(CUdevice* device, int ordinal);
  CUresult (*PrimaryCtxSetFlags)(CUdevice device, unsigned flags);
  CUresult (*PrimaryCtxRetain)(CUcontext* context, CUdevice device);
  CUresult (*CtxSetCurrent)(CUcontext context);
  CUresult (*MemAlloc)(CUdeviceptr* pointer, size_t size);
  CUresult (*MemFree)(CUdeviceptr pointer);
  CUresult (*MemHostAlloc)(void** pointer, size_t size, unsigned flags);
  CUresult (*MemFreeHost)(void* pointer);
  CUresult (*CopyToDevice)(CUdeviceptr to, const void* from, size_t size, CUstream stream);
  CUresult (*CopyToHost)(void* to, CUdeviceptr from, size_t size, CUstream stream);
  CUresult (*StreamCreate)(CUstream* stream, unsigned flags);
  CUresult (*StreamDestroy)(CUstream stream);
  CUresult (*StreamSynchronize)(CUstream stream);
  CUresult (*StreamQuery)(CUstream stream);
  CUresult (*StreamBeginCapture)(CUstream stream, CUstreamCaptureMode mode);
  CUresult (*StreamEndCapture)(CUstream stream, CUgraph* graph);
  CUresult (*GraphInstantiate)(CUgraphExec* exec, CUgraph graph, unsigned long long flags);
  CUresult (*GraphUpload)(CUgraphExec exec, CUstream stream);
  CUresult (*GraphLaunch)(CUgraphExec exec, CUstream stream);
  CUresult (*GraphDestroy)(CUgraph graph);
  CUresult (*GraphExecDestroy)(CUgraphExec exec);
  CUresult (*EventCreate)(CUevent* event, unsigned flags);
  CUresult (*EventDestroy)(CUevent event);
  CUresult (*EventRecord)(CUevent event, CUstream stream);
  CUresult (*EventSynchronize)(CUevent event);
  CUresult (*EventElapsedTime)(float* milliseconds, CUevent start, CUevent end);

  CUcontext context;

  static const Cuda& Get() { return Instance(); }
  static void Open(int device);

 private:
  static Cuda& Instance() {
    static Cuda cuda = {};
    return cuda;
  }
};

inline void Check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  const char* name = "an unknown error";
  Cuda::Get().GetErrorName(result, &name);
  throw std::runtime_error(std::string(what) + " says " + name);
}

inline void Cuda::Open(int device) {
  Cuda& cuda = Instance();
  void* const library = OpenLibrary("libcuda.so.1");
  Find(library, "cuInit", &cuda.Init);
  Find(library, "cuGetErrorName", &cuda.GetErrorName);
  Find(library, "cuDeviceGet", &cuda.DeviceGet);
  Find(library, "cuDevicePrimaryCtxSetFlags_v2", &cuda.PrimaryCtxSetFlags);
  Find(library, "cuDevicePrimaryCtxRetain", &cuda.PrimaryCtxRetain);
  Find(library, "cuCtxSetCurrent", &cuda.CtxSetCurrent);
  Find(library, "cuMemAlloc_v2", &cuda.MemAlloc);
  Find(library, "cuMemFree_v2", &cuda.MemFree);
  Find(library, "cuMemHostAlloc", &cuda.MemHostAlloc);
  Find(library, "cuMemFreeHost", &cuda.MemFreeHost);
  Find(library, "cuMemcpyHtoDAsync_v2", &cuda.CopyToDevice);
  Find(library, "cuMemcpyDtoHAsync_v2", &cuda.CopyToHost);
  Find(library, "cuStreamCreate", &cuda.StreamCreate);
  Find(library, "cuStreamDestroy_v2", &cuda.StreamDestroy);
  Find(library, "cuStreamSynchronize", &cuda.StreamSynchronize);
  Find(library, "cuStreamQuery", &cuda.StreamQuery);
  Find(library, "cuStreamBeginCapture_v2", &cuda.StreamBeginCapture);
  Find(library, "cuStreamEndCapture", &cuda.StreamEndCapture);
  Find(library, "cuGraphInstantiateWithFlags", &cuda.GraphInstantiate);
  Find(library, "cuGraphUpload", &cuda.GraphUpload);
  Find(library, "cuGraphLaunch", &cuda.GraphLaunch);
  Find(library, "cuGraphDestroy", &cuda.GraphDestroy);
  Find(library, "cuGraphExecDestroy", &cuda.GraphExecDestroy);
  Find(library, "cuEventCreate", &cuda.EventCreate);
  Find(library, "cuEventDestroy_v2", &cuda.EventDestroy);
  Find(library, "cuEventRecord", &cuda.EventRecord);
  Find(library, "cuEventSynchronize", &cuda.EventSynchronize);
  Find(library, "cuEventElapsedTime", &cuda.EventElapsedTime);

  Check(cuda.Init(0), "cuInit");
  CUdevice handle = 0;
  Check(cuda.DeviceGet(&handle, device), "cuDeviceGet");
  // Whoever synchronizes spins: the shortest way back from the GPU.
  Check(cuda.PrimaryCtxSetFlags(handle, CU_CTX_SCHED_SPIN), "cuDevicePrimaryCtxSetFlags");
  Check(cuda.PrimaryCtxRetain(&cuda.context, handle), "cuDevicePrimaryCtxRetain");
  Check(cuda.CtxSetCurrent(cuda.context), "cuCtxSetCurrent");
}

// Frees what it holds by a function of the driver's.
template <typename Handle, CUresult (*Cuda::*kFree)(Handle)>
class Owned {
 public:
  Owned() = default;
  Owned(Owned&& other) noexcept : handle_(other.handle_) { other.handle_ = Handle{}; }
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (handle_ != Handle{}) static_cast<void>((Cuda::Get().*kFree)(handle_));
  }
  Handle get() const { return handle_; }
  Handle* put() { return &handle_; }

 private:
  Handle handle_ = {};
};

using OwnedStream = Owned<CUstream, &Cuda::StreamDestroy>;
using OwnedEvent = Owned<CUevent, &Cuda::EventDestroy>;
using OwnedGraph = Owned<CUgraph, &Cuda::GraphDestroy>;
using OwnedGraphExec = Owned<CUgraphExec, &Cuda::GraphExecDestroy>;
using OwnedDeviceMemory = Owned<CUdeviceptr, &Cuda::MemFree>;
using OwnedPinnedMemory = Owned<void*, &Cuda::MemFreeHost>;

}  // namespace trtnode_floor
