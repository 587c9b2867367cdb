// TEST ONLY. The functions of libcuda.so.1 that trt-node looks up, on the machine of machine.h.
#include <cuda.h>

#include <cstdlib>
#include <cstring>

#include "driver/machine.h"
#include "exit/inside.h"
#include "exit/phase.h"

#pragma GCC visibility push(default)

namespace stub {
namespace {

// CUDA's documentation: after these the process must be ended and started again.
bool IsSticky(int code) {
  return code == CUDA_ERROR_ECC_UNCORRECTABLE ||
         (code >= CUDA_ERROR_ILLEGAL_ADDRESS && code <= CUDA_ERROR_LAUNCH_TIMEOUT &&
          code != CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES) ||
         code == CUDA_ERROR_CONTEXT_IS_DESTROYED || code == CUDA_ERROR_ASSERT ||
         (code >= CUDA_ERROR_HARDWARE_STACK_ERROR && code <= CUDA_ERROR_LAUNCH_FAILED);
}

CUresult FaultOf(const char* function) {
  Machine& machine = Machine::Get();
  const int code = machine.faults().Next(function);
  Device* const device = Machine::Current();
  if (IsSticky(code) && device != nullptr) device->lost = static_cast<CUresult>(code);
  return static_cast<CUresult>(code);
}

// A function that needs no context.
template <typename Body>
CUresult Anywhere(const char* function, Body body) {
  const Inside inside(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  if (const CUresult fault = FaultOf(function); fault != CUDA_SUCCESS) return fault;
  return body(Machine::Get());
}

// A function of the current context.
template <typename Body>
CUresult InContext(const char* function, Body body) {
  const Inside inside(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  if (const CUresult fault = FaultOf(function); fault != CUDA_SUCCESS) return fault;
  Device* const device = Machine::Current();
  if (device == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  const CUresult result = body(Machine::Get(), device);
  return result == CUDA_SUCCESS ? device->lost : result;
}

// A function that waits: it does so even where it is told to fail, as it reports errors of the work that it waited for.
template <typename Body>
CUresult AfterWaiting(const char* function, Body body) {
  const Inside inside(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  if (Machine::Current() == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  const CUresult result = body(Machine::Get(), Machine::Current());
  const CUresult fault = FaultOf(function);
  return fault != CUDA_SUCCESS ? fault : result;
}

// A function that frees: it does so even where it is told to fail, so that a fault leaves nothing behind for the next test.
template <typename Body>
CUresult Release(const char* function, Body body) {
  const Inside inside(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  const CUresult fault = FaultOf(function);
  if (Machine::Current() == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  body(Machine::Get());
  return fault != CUDA_SUCCESS ? fault : Machine::Current()->lost;
}

void RequireCurrent(const char* function, const Device* owner) {
  if (owner == Machine::Current()) return;
  Die(std::string(function) + " on something of device " + std::to_string(owner->ordinal) +
      " while the context of another is current");
}

Device* DeviceAt(CUdevice ordinal) {
  auto& devices = Machine::Get().devices();
  if (ordinal < 0 || static_cast<size_t>(ordinal) >= devices.size()) return nullptr;
  return &devices[static_cast<size_t>(ordinal)];
}

// Pinned memory is read and written when the stream comes to it, any other at once, as the driver does.
CUresult Copy(const char* function, CUstream handle, void* host, CUdeviceptr device_pointer,
              size_t size, bool to_device) {
  return InContext(function, [&](Machine& machine, Device* device) {
    Stream* const stream = machine.Check(handle);
    RequireCurrent(function, stream->device);
    const auto move = [=, &machine] {
      const void* const address = reinterpret_cast<void*>(device_pointer);
      unsigned char* const bytes = machine.Resolve(device->ordinal, address, size, function);
      std::memcpy(to_device ? bytes : host, to_device ? host : bytes, size);
    };
    if (device->lost != CUDA_SUCCESS) return device->lost;
    if (!machine.IsPinned(host, size)) {
      const CUresult waited = machine.Wait(stream, stream->queued);
      if (waited == CUDA_SUCCESS) move();
      return waited;
    }
    machine.Queue(stream, std::chrono::microseconds(0), [=, &machine] {
      if (!machine.IsPinned(host, size)) {
        Die(std::string(function) + " came to pinned memory that was freed meanwhile");
      }
      move();
    });
    return CUDA_SUCCESS;
  });
}

}  // namespace
}  // namespace stub

using stub::AfterWaiting;
using stub::Anywhere;
using stub::Device;
using stub::DeviceAt;
using stub::Event;
using stub::InContext;
using stub::Machine;
using stub::Release;
using stub::Stream;

extern "C" {

CUresult cuInit(unsigned) {
  const stub::Inside inside("cuInit");
  stub::Inside::OpenAnotherLibrary();
  stub::ReachPhase();
  return Anywhere("cuInit", [](Machine& machine) {
    return machine.devices().empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
  });
}

CUresult cuDriverGetVersion(int* version) {
  return Anywhere("cuDriverGetVersion", [&](Machine&) {
    *version = 13000;
    return CUDA_SUCCESS;
  });
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  const stub::Inside inside("cuGetErrorName");
  // Only those that tests read.
  *name = error == CUDA_ERROR_OUT_OF_MEMORY     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == CUDA_ERROR_INVALID_VALUE   ? "CUDA_ERROR_INVALID_VALUE"
          : error == CUDA_ERROR_NO_DEVICE       ? "CUDA_ERROR_NO_DEVICE"
          : error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                                : nullptr;
  return *name == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char** text) {
  const stub::Inside inside("cuGetErrorString");
  *text = error == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "an error of the stub driver";
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int* count) {
  return Anywhere("cuDeviceGetCount", [&](Machine& machine) {
    *count = static_cast<int>(machine.devices().size());
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return Anywhere("cuDeviceGet", [&](Machine&) {
    if (DeviceAt(ordinal) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetName(char* name, int size, CUdevice device) {
  return Anywhere("cuDeviceGetName", [&](Machine&) {
    std::strncpy(name, DeviceAt(device)->name.c_str(), static_cast<size_t>(size));
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return Anywhere("cuDeviceGetAttribute", [&](Machine&) {
    const Device& known = *DeviceAt(device);
    if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) {
      *value = known.compute_major;
    } else if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR) {
      *value = known.compute_minor;
    } else {
      stub::Die("cuDeviceGetAttribute does not know attribute " + std::to_string(attribute));
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return Anywhere("cuDeviceGetUuid", [&](Machine&) {
    std::memset(uuid->bytes, device + 1, sizeof(uuid->bytes));
    return CUDA_SUCCESS;
  });
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return Anywhere("cuDeviceTotalMem", [&](Machine&) {
    *bytes = DeviceAt(device)->total_bytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return Anywhere("cuDevicePrimaryCtxRetain", [&](Machine&) {
    *context = reinterpret_cast<CUcontext>(DeviceAt(device));
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  const stub::Inside inside("cuCtxSetCurrent");
  // Where it is told to fail too: a destructor that goes on without its context is no fault of a driver's.
  Machine::Current() = reinterpret_cast<Device*>(context);
  return Anywhere("cuCtxSetCurrent", [](Machine&) { return CUDA_SUCCESS; });
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  return Anywhere("cuCtxGetCurrent", [&](Machine&) {
    *context = reinterpret_cast<CUcontext>(Machine::Current());
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return InContext("cuMemGetInfo", [&](Machine&, Device* device) {
    *free = device->total_bytes - device->used_bytes;
    *total = device->total_bytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t size) {
  return InContext("cuMemAlloc", [&](Machine& machine, Device* device) {
    if (device->lost != CUDA_SUCCESS) return device->lost;
    return machine.AllocateDevice(device, size, pointer);
  });
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return Release("cuMemFree", [&](Machine& machine) { machine.FreeDevice(pointer); });
}

CUresult cuMemHostAlloc(void** pointer, size_t size, unsigned) {
  return InContext("cuMemHostAlloc", [&](Machine& machine, Device* device) {
    if (device->lost != CUDA_SUCCESS) return device->lost;
    *pointer = machine.AllocatePinned(size);
    return *pointer == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
  });
}

CUresult cuMemFreeHost(void* pointer) {
  return Release("cuMemFreeHost", [&](Machine& machine) { machine.FreePinned(pointer); });
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t size, CUstream stream) {
  return stub::Copy("cuMemcpyHtoDAsync", stream, const_cast<void*>(from), to, size, true);
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t size, CUstream stream) {
  return stub::Copy("cuMemcpyDtoHAsync", stream, to, from, size, false);
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  return InContext("cuStreamCreate", [&](Machine& machine, Device* device) {
    if (device->lost != CUDA_SUCCESS) return device->lost;
    *stream = reinterpret_cast<CUstream>(machine.MakeStream(device));
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  return Release("cuStreamDestroy",
                 [&](Machine& machine) { machine.DestroyStream(machine.Check(stream)); });
}

CUresult cuStreamSynchronize(CUstream stream) {
  return AfterWaiting("cuStreamSynchronize", [&](Machine& machine, Device* device) {
    Stream* const checked = machine.Check(stream);
    stub::RequireCurrent("cuStreamSynchronize", checked->device);
    return device->lost != CUDA_SUCCESS ? device->lost : machine.Wait(checked, checked->queued);
  });
}

CUresult cuStreamQuery(CUstream stream) {
  return InContext("cuStreamQuery", [&](Machine& machine, Device*) {
    Stream* const checked = machine.Check(stream);
    return machine.Poll(checked, checked->queued) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  return InContext("cuStreamWaitEvent", [&](Machine& machine, Device*) {
    Stream* const waiting = machine.Check(stream);
    const Event awaited = *machine.Check(event);
    if (awaited.Completed()) return CUDA_SUCCESS;
    waiting->end = std::max(waiting->end, awaited.time);
    machine.Queue(waiting, std::chrono::microseconds(0), [awaited, &machine] {
      if (!awaited.Completed()) machine.Wait(awaited.stream, awaited.position);
    });
    return CUDA_SUCCESS;
  });
}

CUresult cuEventCreate(CUevent* event, unsigned) {
  return InContext("cuEventCreate", [&](Machine& machine, Device* device) {
    if (device->lost != CUDA_SUCCESS) return device->lost;
    *event = reinterpret_cast<CUevent>(machine.MakeEvent(device));
    return CUDA_SUCCESS;
  });
}

CUresult cuEventDestroy_v2(CUevent event) {
  return Release("cuEventDestroy",
                 [&](Machine& machine) { machine.DestroyEvent(machine.Check(event)); });
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return InContext("cuEventRecord", [&](Machine& machine, Device*) {
    Event* const recorded = machine.Check(event);
    Stream* const on = machine.Check(stream);
    stub::RequireCurrent("cuEventRecord", on->device);
    if (recorded->device != on->device) stub::Die("cuEventRecord: event of another device");
    machine.Queue(on, std::chrono::microseconds(0), [] {});
    recorded->recorded = true;
    recorded->time = on->end;
    recorded->stream = on;
    recorded->position = on->queued;
    return CUDA_SUCCESS;
  });
}

CUresult cuEventQuery(CUevent event) {
  return InContext("cuEventQuery", [&](Machine& machine, Device*) {
    const Event& checked = *machine.Check(event);
    if (checked.Completed() || machine.Poll(checked.stream, checked.position)) return CUDA_SUCCESS;
    return CUDA_ERROR_NOT_READY;
  });
}

CUresult cuEventSynchronize(CUevent event) {
  return AfterWaiting("cuEventSynchronize", [&](Machine& machine, Device* device) {
    const Event& checked = *machine.Check(event);
    return checked.Completed() ? device->lost : machine.Wait(checked.stream, checked.position);
  });
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return InContext("cuEventElapsedTime", [&](Machine& machine, Device*) {
    const Event& from = *machine.Check(start);
    const Event& to = *machine.Check(end);
    if (!from.recorded || !to.recorded) return CUDA_ERROR_INVALID_HANDLE;
    if (!from.Completed() || !to.Completed()) return CUDA_ERROR_NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(to.time - from.time).count();
    return CUDA_SUCCESS;
  });
}

}  // extern "C"

#pragma GCC visibility pop
