#include "cuda/driver.h"

#include "core/dynamic_library.h"

namespace trtnode {
namespace {

// False and `missing` set at the first function that this libcuda does not export.
bool Resolve(const DynamicLibrary& library, DriverTable* table, std::string* missing) {
  const auto find = [&](auto& function, const char* symbol) {
    using Function = std::remove_reference_t<decltype(function)>;
    function = library.Find<Function>(symbol);
    if (function == nullptr && missing->empty()) *missing = symbol;
  };
  find(table->Init, "cuInit");
  find(table->DriverGetVersion, "cuDriverGetVersion");
  find(table->GetErrorName, "cuGetErrorName");
  find(table->GetErrorString, "cuGetErrorString");
  find(table->DeviceGetCount, "cuDeviceGetCount");
  find(table->DeviceGet, "cuDeviceGet");
  find(table->DeviceGetName, "cuDeviceGetName");
  find(table->DeviceGetAttribute, "cuDeviceGetAttribute");
  find(table->DeviceGetUuid, "cuDeviceGetUuid");
  find(table->DeviceTotalMem, "cuDeviceTotalMem_v2");
  find(table->DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  find(table->CtxSetCurrent, "cuCtxSetCurrent");
  find(table->CtxGetCurrent, "cuCtxGetCurrent");
  find(table->MemGetInfo, "cuMemGetInfo_v2");
  find(table->MemAlloc, "cuMemAlloc_v2");
  find(table->MemFree, "cuMemFree_v2");
  find(table->MemAllocAsync, "cuMemAllocAsync");
  find(table->MemFreeAsync, "cuMemFreeAsync");
  find(table->MemHostAlloc, "cuMemHostAlloc");
  find(table->MemFreeHost, "cuMemFreeHost");
  find(table->MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  find(table->MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  find(table->MemsetD8Async, "cuMemsetD8Async");
  find(table->MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2");
  find(table->PointerGetAttribute, "cuPointerGetAttribute");
  find(table->StreamCreate, "cuStreamCreate");
  find(table->StreamDestroy, "cuStreamDestroy_v2");
  find(table->StreamGetCtx, "cuStreamGetCtx");
  find(table->StreamQuery, "cuStreamQuery");
  find(table->StreamSynchronize, "cuStreamSynchronize");
  find(table->StreamWaitEvent, "cuStreamWaitEvent");
  find(table->StreamBeginCapture, "cuStreamBeginCapture_v2");
  find(table->StreamEndCapture, "cuStreamEndCapture");
  find(table->StreamIsCapturing, "cuStreamIsCapturing");
  find(table->GraphGetNodes, "cuGraphGetNodes");
  find(table->GraphDestroy, "cuGraphDestroy");
  find(table->GraphInstantiate, "cuGraphInstantiateWithFlags");
  find(table->GraphUpload, "cuGraphUpload");
  find(table->GraphLaunch, "cuGraphLaunch");
  find(table->GraphExecDestroy, "cuGraphExecDestroy");
  find(table->EventCreate, "cuEventCreate");
  find(table->EventDestroy, "cuEventDestroy_v2");
  find(table->EventRecord, "cuEventRecord");
  find(table->EventQuery, "cuEventQuery");
  find(table->EventSynchronize, "cuEventSynchronize");
  find(table->EventElapsedTime, "cuEventElapsedTime");
  return missing->empty();
}

// After one of these every later call on the context fails: only a new process has a GPU again.
bool IsSticky(CUresult result) {
  return result == CUDA_ERROR_ILLEGAL_ADDRESS || result == CUDA_ERROR_LAUNCH_FAILED ||
         result == CUDA_ERROR_LAUNCH_TIMEOUT || result == CUDA_ERROR_ASSERT ||
         result == CUDA_ERROR_HARDWARE_STACK_ERROR || result == CUDA_ERROR_ILLEGAL_INSTRUCTION ||
         result == CUDA_ERROR_MISALIGNED_ADDRESS || result == CUDA_ERROR_INVALID_ADDRESS_SPACE ||
         result == CUDA_ERROR_INVALID_PC || result == CUDA_ERROR_ECC_UNCORRECTABLE ||
         result == CUDA_ERROR_CONTEXT_IS_DESTROYED || result == CUDA_ERROR_DEINITIALIZED;
}

}  // namespace

Driver::Driver() {
  const DynamicLibrary library = DynamicLibrary::Open("libcuda.so.1");
  if (!library) {
    status_.message = library.error();
    return;
  }
  status_.path = library.ResolvedPath();
  status_.kind = DriverStatus::Kind::kInitFailed;
  std::string missing;
  if (!Resolve(library, &table_, &missing)) {
    status_.message =
        missing + " is missing from it: a driver older than trt-node needs, or a stub";
    return;
  }
  const CUresult result = table_.Init(0);
  status_.cuda_error = static_cast<int>(result);
  if (result != CUDA_SUCCESS) {
    const char* name = nullptr;
    const char* text = nullptr;
    table_.GetErrorName(result, &name);
    table_.GetErrorString(result, &text);
    status_.message = std::string("cuInit: ") + (name != nullptr ? name : "unknown error") + " (" +
                      (text != nullptr ? text : "no text") + ")";
    return;
  }
  table_.DriverGetVersion(&status_.cuda_version);
  status_.kind = DriverStatus::Kind::kOk;
}

const Driver& Driver::Get() {
  // Never destroyed: other threads may use it while the process exits.
  static const Driver* const driver = new Driver();
  return *driver;
}

const DriverTable& Driver::table() const {
  if (status_.kind != DriverStatus::Kind::kOk) {
    throw Error(ErrorCode::kNoDriver,
                "the NVIDIA driver cannot be used: " + status_.message +
                    ". On a GPU machine install the driver; in a container start it with the GPUs "
                    "(docker run --gpus all) and the NVIDIA container toolkit")
        .With("path", status_.path);
  }
  return table_;
}

void CheckCuda(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  const DriverTable& table = Driver::Get().table();
  const char* name = nullptr;
  const char* text = nullptr;
  table.GetErrorName(result, &name);
  table.GetErrorString(result, &text);
  std::string message = std::string(what) + ": " + (name != nullptr ? name : "unknown CUDA error") +
                        " (" + (text != nullptr ? text : "no text") + ")";
  ErrorCode code = ErrorCode::kCuda;
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    code = ErrorCode::kOutOfMemory;
    message += ". Free GPU memory, close engines that are not needed, or use smaller profiles";
  } else if (IsSticky(result)) {
    code = ErrorCode::kCudaContextLost;
    message += ". This process can no longer use the GPU: restart it";
  }
  throw Error(code, message).With("cudaError", static_cast<double>(result));
}

}  // namespace trtnode
