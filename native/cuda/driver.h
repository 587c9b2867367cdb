// The CUDA driver as a table of functions from libcuda.so.1.
#pragma once

#include <cuda.h>

#include <string>

#include "core/error.h"

namespace trtnode {

// One member per function used; names and versions are those that libcuda exports.
struct DriverTable {
  CUresult (*Init)(unsigned flags);
  CUresult (*DriverGetVersion)(int* version);
  CUresult (*GetErrorName)(CUresult error, const char** name);
  CUresult (*GetErrorString)(CUresult error, const char** text);
  CUresult (*DeviceGetCount)(int* count);
  CUresult (*DeviceGet)(CUdevice* device, int ordinal);
  CUresult (*DeviceGetName)(char* name, int size, CUdevice device);
  CUresult (*DeviceGetAttribute)(int* value, CUdevice_attribute attribute, CUdevice device);
  CUresult (*DeviceGetUuid)(CUuuid* uuid, CUdevice device);
  CUresult (*DeviceTotalMem)(size_t* bytes, CUdevice device);
  CUresult (*DevicePrimaryCtxRetain)(CUcontext* context, CUdevice device);
  CUresult (*CtxSetCurrent)(CUcontext context);
  CUresult (*CtxGetCurrent)(CUcontext* context);
  CUresult (*MemGetInfo)(size_t* free, size_t* total);
  CUresult (*MemAlloc)(CUdeviceptr* pointer, size_t size);
  CUresult (*MemFree)(CUdeviceptr pointer);
  CUresult (*MemAllocAsync)(CUdeviceptr* pointer, size_t size, CUstream stream);
  CUresult (*MemFreeAsync)(CUdeviceptr pointer, CUstream stream);
  CUresult (*MemHostAlloc)(void** pointer, size_t size, unsigned flags);
  CUresult (*MemFreeHost)(void* pointer);
  CUresult (*MemcpyHtoDAsync)(CUdeviceptr to, const void* from, size_t size, CUstream stream);
  CUresult (*MemcpyDtoHAsync)(void* to, CUdeviceptr from, size_t size, CUstream stream);
  CUresult (*MemsetD8Async)(CUdeviceptr to, unsigned char value, size_t size, CUstream stream);
  CUresult (*MemcpyDtoDAsync)(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream);
  CUresult (*PointerGetAttribute)(void* value, CUpointer_attribute attribute, CUdeviceptr pointer);
  CUresult (*StreamCreate)(CUstream* stream, unsigned flags);
  CUresult (*StreamDestroy)(CUstream stream);
  CUresult (*StreamGetCtx)(CUstream stream, CUcontext* context);
  CUresult (*StreamQuery)(CUstream stream);
  CUresult (*StreamSynchronize)(CUstream stream);
  CUresult (*StreamWaitEvent)(CUstream stream, CUevent event, unsigned flags);
  CUresult (*StreamBeginCapture)(CUstream stream, CUstreamCaptureMode mode);
  CUresult (*StreamEndCapture)(CUstream stream, CUgraph* graph);
  CUresult (*StreamIsCapturing)(CUstream stream, CUstreamCaptureStatus* status);
  CUresult (*GraphGetNodes)(CUgraph graph, CUgraphNode* nodes, size_t* count);
  CUresult (*GraphDestroy)(CUgraph graph);
  CUresult (*GraphInstantiate)(CUgraphExec* executable, CUgraph graph, unsigned long long flags);
  CUresult (*GraphUpload)(CUgraphExec executable, CUstream stream);
  CUresult (*GraphLaunch)(CUgraphExec executable, CUstream stream);
  CUresult (*GraphExecDestroy)(CUgraphExec executable);
  CUresult (*EventCreate)(CUevent* event, unsigned flags);
  CUresult (*EventDestroy)(CUevent event);
  CUresult (*EventRecord)(CUevent event, CUstream stream);
  CUresult (*EventQuery)(CUevent event);
  CUresult (*EventSynchronize)(CUevent event);
  CUresult (*EventElapsedTime)(float* milliseconds, CUevent start, CUevent end);
};

struct DriverStatus {
  enum class Kind { kOk, kNotFound, kInitFailed };
  Kind kind = Kind::kNotFound;
  std::string message;   // the loader's or the driver's own words, empty when ok
  std::string path;      // of the libcuda that was opened, empty if none
  int cuda_error = 0;    // cuInit's result
  int cuda_version = 0;  // 13000 is 13.0
};

class Driver {
 public:
  // Opens libcuda and calls cuInit once per process; later calls return the same.
  static const Driver& Get();

  const DriverStatus& status() const { return status_; }

  // Null without a working driver.
  const DriverTable* table_or_null() const {
    return status_.kind == DriverStatus::Kind::kOk ? &table_ : nullptr;
  }

  // The table; throws Error(kNoDriver) with the status' message when there is no working driver.
  const DriverTable& table() const;

 private:
  Driver();
  DriverTable table_ = {};
  DriverStatus status_;
};

// Throws the typed error of a failed driver call: kOutOfMemory, kCudaContextLost (the process' GPU state is gone) or kCuda.
void CheckCuda(CUresult result, const char* what);

}  // namespace trtnode
