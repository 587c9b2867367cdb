// TEST ONLY. The functions of libcuda.so.1 that trt-node looks up: copies, streams and events.
#include <cuda.h>

#include <cstring>
#include <thread>

#include "driver/calls.h"

// ThreadSanitizer's, where the process has it: the stubs are not compiled with it, so that their locks order nothing for it.
extern "C" __attribute__((weak)) void __tsan_read_range(void* address, unsigned long size);
extern "C" __attribute__((weak)) void __tsan_write_range(void* address, unsigned long size);

#pragma GCC visibility push(default)

namespace stub {
namespace {

// For ThreadSanitizer the GPU's access to host memory is one of the thread that asked for it.
void Touch(void* host, size_t size, bool writes) {
  const auto touch = writes ? __tsan_write_range : __tsan_read_range;
  if (touch != nullptr) touch(host, size);
}

enum class Direction { kToDevice, kToHost };

// Pinned memory is read and written when the stream comes to it, any other at once, as the driver does.
CUresult Copy(const char* function, CUstream handle, void* host, CUdeviceptr device_pointer,
              size_t size, Direction direction) {
  return InWorkingContext(function, [&](Machine& machine, Device* device) {
    Stream* const stream = machine.Check(handle);
    RequireCurrent(function, stream->device);
    const bool to_device = direction == Direction::kToDevice;
    const auto move = [=, &machine] {
      const void* const address = reinterpret_cast<void*>(device_pointer);
      unsigned char* const bytes = machine.Resolve(device->ordinal, address, size, function);
      std::memcpy(to_device ? bytes : host, to_device ? host : bytes, size);
    };
    if (!machine.IsPinned(host, size)) {
      if (const CUresult broken = Machine::BreakCapture(stream); broken != CUDA_SUCCESS) {
        return broken;
      }
      const CUresult waited = machine.WaitFor(stream);
      Touch(host, size, !to_device);
      if (waited == CUDA_SUCCESS) move();
      return waited;
    }
    Touch(host, size, !to_device);
    return machine.Queue(
        stream, {[=, &machine, asked = std::this_thread::get_id()] {
          if (!machine.IsPinned(host, size)) {
            Die(std::string(function) + " came to pinned memory that was freed meanwhile");
          }
          if (std::this_thread::get_id() == asked) Touch(host, size, !to_device);
          move();
        }});
  });
}

}  // namespace
}  // namespace stub

using stub::AfterWaiting;
using stub::Device;
using stub::Event;
using stub::InContext;
using stub::InWorkingContext;
using stub::Machine;
using stub::Release;
using stub::Stream;

extern "C" {

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t size, CUstream stream) {
  return stub::Copy("cuMemcpyHtoDAsync", stream, const_cast<void*>(from), to, size,
                    stub::Direction::kToDevice);
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t size, CUstream stream) {
  return stub::Copy("cuMemcpyDtoHAsync", stream, to, from, size, stub::Direction::kToHost);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream handle) {
  return InWorkingContext("cuMemcpyDtoDAsync", [&](Machine& machine, Device* device) {
    Stream* const stream = machine.Check(handle);
    stub::RequireCurrent("cuMemcpyDtoDAsync", stream->device);
    return machine.Queue(stream, {[=, &machine] {
                           const auto bytes = [&](CUdeviceptr pointer) {
                             return machine.Resolve(device->ordinal,
                                                    reinterpret_cast<void*>(pointer), size,
                                                    "cuMemcpyDtoDAsync");
                           };
                           std::memmove(bytes(to), bytes(from), size);
                         }});
  });
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t size, CUstream handle) {
  return InWorkingContext("cuMemsetD8Async", [&](Machine& machine, Device* device) {
    Stream* const stream = machine.Check(handle);
    stub::RequireCurrent("cuMemsetD8Async", stream->device);
    return machine.Queue(stream, {[=, &machine] {
                           std::memset(machine.Resolve(device->ordinal, reinterpret_cast<void*>(to),
                                                       size, "cuMemsetD8Async"),
                                       value, size);
                         }});
  });
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  return InWorkingContext("cuStreamCreate", [&](Machine& machine, Device* device) {
    *stream = reinterpret_cast<CUstream>(machine.MakeStream(device));
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  return Release("cuStreamDestroy",
                 [&](Machine& machine) { machine.DestroyStream(machine.Check(stream)); });
}

CUresult cuStreamGetCtx(CUstream stream, CUcontext* context) {
  return InContext("cuStreamGetCtx", [&](Machine& machine, Device*) {
    *context = reinterpret_cast<CUcontext>(machine.Check(stream)->device);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamSynchronize(CUstream stream) {
  return AfterWaiting("cuStreamSynchronize", [&](Machine& machine, Device* device) {
    Stream* const checked = machine.Check(stream);
    stub::RequireCurrent("cuStreamSynchronize", checked->device);
    if (device->lost != CUDA_SUCCESS) return device->lost;
    CUresult broken = Machine::BreakCapture(checked);
    if (broken == CUDA_SUCCESS) broken = machine.BreakCaptures();
    return broken != CUDA_SUCCESS ? broken : machine.WaitFor(checked);
  });
}

CUresult cuStreamQuery(CUstream stream) {
  return InContext("cuStreamQuery", [&](Machine& machine, Device*) {
    Stream* const checked = machine.Check(stream);
    CUresult broken = Machine::BreakCapture(checked);
    if (broken == CUDA_SUCCESS) broken = machine.BreakCaptures();
    if (broken != CUDA_SUCCESS) return broken;
    return machine.Poll(checked, checked->queued) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  return InContext("cuStreamWaitEvent", [&](Machine& machine, Device*) {
    return machine.MakeWait(machine.Check(stream), *machine.Check(event));
  });
}

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  return InWorkingContext("cuEventCreate", [&](Machine& machine, Device* device) {
    const bool timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
    *event = reinterpret_cast<CUevent>(machine.MakeEvent(device, timed));
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
    return machine.Record(recorded, on);
  });
}

CUresult cuEventQuery(CUevent event) {
  return InContext("cuEventQuery", [&](Machine& machine, Device*) {
    const Event& checked = *machine.Check(event);
    if (checked.capture != nullptr) return CUDA_ERROR_CAPTURED_EVENT;
    if (const CUresult broken = machine.BreakCaptures(); broken != CUDA_SUCCESS) return broken;
    const stub::Position position = checked.position;
    if (position.Reached() || machine.Poll(position.stream.get(), position.count)) {
      return CUDA_SUCCESS;
    }
    return CUDA_ERROR_NOT_READY;
  });
}

CUresult cuEventSynchronize(CUevent event) {
  return AfterWaiting("cuEventSynchronize", [&](Machine& machine, Device* device) {
    const Event& checked = *machine.Check(event);
    if (checked.capture != nullptr) return CUDA_ERROR_CAPTURED_EVENT;
    if (const CUresult broken = machine.BreakCaptures(); broken != CUDA_SUCCESS) return broken;
    const stub::Position position = checked.position;
    if (position.Reached()) return device->lost;
    return machine.Wait(position.stream.get(), position.count);
  });
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return InContext("cuEventElapsedTime", [&](Machine& machine, Device*) {
    const Event& from = *machine.Check(start);
    const Event& to = *machine.Check(end);
    if (!from.recorded || !to.recorded || !from.timed || !to.timed) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    if (!from.position.Reached() || !to.position.Reached()) return CUDA_ERROR_NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(to.time - from.time).count();
    return CUDA_SUCCESS;
  });
}

}  // extern "C"

#pragma GCC visibility pop
