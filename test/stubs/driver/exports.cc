// TEST ONLY. The functions of libcuda.so.1 that trt-node looks up, on the machine of machine.h: devices and memory.
#include <cuda.h>

#include <cstdlib>
#include <cstring>

#include "driver/calls.h"
#include "exit/phase.h"

#pragma GCC visibility push(default)

namespace stub {
namespace {

Device* DeviceAt(CUdevice ordinal) {
  auto& devices = Machine::Get().devices();
  if (ordinal < 0 || static_cast<size_t>(ordinal) >= devices.size()) return nullptr;
  return &devices[static_cast<size_t>(ordinal)];
}

}  // namespace
}  // namespace stub

using stub::Anywhere;
using stub::Device;
using stub::DeviceAt;
using stub::InContext;
using stub::InWorkingContext;
using stub::Machine;
using stub::Release;

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
  *name = error == CUDA_ERROR_OUT_OF_MEMORY                ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == CUDA_ERROR_INVALID_VALUE              ? "CUDA_ERROR_INVALID_VALUE"
          : error == CUDA_ERROR_NO_DEVICE                  ? "CUDA_ERROR_NO_DEVICE"
          : error == CUDA_ERROR_ILLEGAL_ADDRESS            ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : error == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
          : error == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED ? "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
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
    } else if (attribute == CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY ||
               attribute == CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING) {
      // Off unless wanted, so that tensors of a few bytes are copied as large ones are.
      *value = std::getenv("TRT_NODE_STUB_MAPS") != nullptr ? 1 : 0;
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

// bench/floor.cc alone asks for it.
CUresult cuDevicePrimaryCtxSetFlags(CUdevice, unsigned) {
  return Anywhere("cuDevicePrimaryCtxSetFlags", [](Machine&) { return CUDA_SUCCESS; });
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
  return InWorkingContext("cuMemAlloc", [&](Machine& machine, Device* device) {
    const CUresult broken = machine.BreakCaptures();
    return broken != CUDA_SUCCESS ? broken : machine.AllocateDevice(device, size, pointer);
  });
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return Release("cuMemFree", [&](Machine& machine) {
    machine.BreakCaptures();
    machine.FreeDevice(pointer);
  });
}

// A capture would make nodes of the two, which nobody here asks for.
CUresult cuMemAllocAsync(CUdeviceptr* pointer, size_t size, CUstream stream) {
  return InWorkingContext("cuMemAllocAsync", [&](Machine& machine, Device* device) {
    const CUresult broken = Machine::BreakCapture(machine.Check(stream));
    if (broken != CUDA_SUCCESS) return broken;
    return machine.AllocateDevice(device, size, pointer);
  });
}

CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream) {
  return Release("cuMemFreeAsync", [&](Machine& machine) { machine.FreeDevice(pointer); });
}

CUresult cuMemHostAlloc(void** pointer, size_t size, unsigned) {
  return InWorkingContext("cuMemHostAlloc", [&](Machine& machine, Device*) {
    if (const CUresult broken = machine.BreakCaptures(); broken != CUDA_SUCCESS) return broken;
    *pointer = machine.AllocatePinned(size);
    return *pointer == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
  });
}

CUresult cuMemFreeHost(void* pointer) {
  return Release("cuMemFreeHost", [&](Machine& machine) {
    machine.BreakCaptures();
    machine.FreePinned(pointer);
  });
}

// Of what the driver does not know, memory of malloc() for one, it answers an invalid value.
CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  return InContext("cuPointerGetAttribute", [&](Machine& machine, Device*) {
    const Machine::Block block = machine.Find(pointer);
    if (block.size == 0) return CUDA_ERROR_INVALID_VALUE;
    if (attribute == CU_POINTER_ATTRIBUTE_MEMORY_TYPE) {
      *static_cast<unsigned*>(data) =
          block.device == nullptr ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
    } else if (attribute == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) {
      *static_cast<int*>(data) = block.device == nullptr ? 0 : block.device->ordinal;
    } else if (attribute == CU_POINTER_ATTRIBUTE_RANGE_START_ADDR) {
      *static_cast<CUdeviceptr*>(data) = block.address;
    } else if (attribute == CU_POINTER_ATTRIBUTE_RANGE_SIZE) {
      *static_cast<size_t*>(data) = block.size;
    } else if (attribute == CU_POINTER_ATTRIBUTE_DEVICE_POINTER) {
      *static_cast<CUdeviceptr*>(data) = pointer;
    } else if (attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER && block.device == nullptr) {
      *static_cast<CUdeviceptr*>(data) = pointer;
    } else if (attribute == CU_POINTER_ATTRIBUTE_CONTEXT && block.device != nullptr) {
      *static_cast<const Device**>(data) = block.device;
    } else {
      stub::Die("cuPointerGetAttribute does not know attribute " + std::to_string(attribute));
    }
    return CUDA_SUCCESS;
  });
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* size, CUdeviceptr pointer) {
  return InContext("cuMemGetAddressRange", [&](Machine& machine, Device*) {
    const Machine::Block block = machine.Find(pointer);
    if (block.size == 0 || block.device == nullptr) return CUDA_ERROR_NOT_FOUND;
    if (base != nullptr) *base = block.address;
    if (size != nullptr) *size = block.size;
    return CUDA_SUCCESS;
  });
}

}  // extern "C"

#pragma GCC visibility pop
