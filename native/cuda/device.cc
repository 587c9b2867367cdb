#include "cuda/device.h"

#include <map>
#include <mutex>

#include "core/activity.h"
#include "cuda/driver.h"

namespace trtnode {
namespace {

std::string FormatUuid(const CUuuid& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

DeviceInfo Describe(const DriverTable& driver, int index) {
  CUdevice device = 0;
  CheckCuda(driver.DeviceGet(&device, index), "cuDeviceGet");
  DeviceInfo info;
  info.index = index;
  char name[256] = {};
  CheckCuda(driver.DeviceGetName(name, sizeof(name) - 1, device), "cuDeviceGetName");
  info.name = name;
  CheckCuda(driver.DeviceGetAttribute(&info.compute_major,
                                      CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
            "cuDeviceGetAttribute");
  CheckCuda(driver.DeviceGetAttribute(&info.compute_minor,
                                      CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device),
            "cuDeviceGetAttribute");
  int maps = 0;
  int unified = 0;
  CheckCuda(driver.DeviceGetAttribute(&maps, CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, device),
            "cuDeviceGetAttribute");
  CheckCuda(driver.DeviceGetAttribute(&unified, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, device),
            "cuDeviceGetAttribute");
  info.maps_host_memory = maps != 0 && unified != 0;
  CUuuid uuid = {};
  CheckCuda(driver.DeviceGetUuid(&uuid, device), "cuDeviceGetUuid");
  info.uuid = FormatUuid(uuid);
  CheckCuda(driver.DeviceTotalMem(&info.memory_total_bytes, device), "cuDeviceTotalMem");
  return info;
}

int CountDevices(const DriverTable& driver) {
  int count = 0;
  CheckCuda(driver.DeviceGetCount(&count), "cuDeviceGetCount");
  return count;
}

}  // namespace

std::vector<DeviceInfo> ListDevices() {
  const DriverTable& driver = Driver::Get().table();
  std::vector<DeviceInfo> devices;
  const int count = CountDevices(driver);
  devices.reserve(static_cast<size_t>(count));
  for (int index = 0; index < count; ++index) devices.push_back(Describe(driver, index));
  return devices;
}

const Device& Device::Get(int index) {
  static std::mutex& mutex = *new std::mutex;
  static auto& devices = *new std::map<int, const Device*>;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = devices.find(index);
  if (found != devices.end()) return *found->second;

  const DriverTable& driver = Driver::Get().table();
  const int count = CountDevices(driver);
  if (count == 0) {
    throw Error(
        ErrorCode::kNoGpu,
        "the NVIDIA driver works but shows no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES");
  }
  if (index < 0 || index >= count) {
    throw Error(ErrorCode::kInvalidArg, "expected `device` below " + std::to_string(count) +
                                            " (the number of GPUs) but received " +
                                            std::to_string(index));
  }
  DeviceInfo info = Describe(driver, index);
  CUdevice device = 0;
  CheckCuda(driver.DeviceGet(&device, index), "cuDeviceGet");
  CUcontext context = nullptr;
  CheckCuda(driver.DevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
  const Device* const made = new Device(std::move(info), context);
  WaitForActivitiesAtExit(made);
  return *(devices[index] = made);
}

void Device::MakeCurrent() const {
  CheckCuda(Driver::Get().table().CtxSetCurrent(context_), "cuCtxSetCurrent");
}

void Device::TryMakeCurrent() const noexcept {
  // A Device exists, so a working driver does.
  static_cast<void>(Driver::Get().table_or_null()->CtxSetCurrent(context_));
}

MemoryInfo Device::Memory() const {
  MakeCurrent();
  MemoryInfo memory;
  CheckCuda(Driver::Get().table().MemGetInfo(&memory.free_bytes, &memory.total_bytes),
            "cuMemGetInfo");
  return memory;
}

}  // namespace trtnode
