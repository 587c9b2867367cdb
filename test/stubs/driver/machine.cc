#include "driver/machine.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "exit/inside.h"

namespace stub {
namespace {

// "name@8.6@4096,…": name, compute capability, MiB.
std::vector<Device> DevicesFrom(const char* text) {
  std::vector<Device> devices;
  std::istringstream list(text);
  for (std::string entry; std::getline(list, entry, ',');) {
    Device device;
    device.ordinal = static_cast<int>(devices.size());
    int mebibytes = 0;
    char name[128] = {};
    if (std::sscanf(entry.c_str(), "%127[^@]@%d.%d@%d", name, &device.compute_major,
                    &device.compute_minor, &mebibytes) != 4) {
      Die("expected TRT_NODE_STUB_GPUS like Stub GPU@8.6@4096 but received " + entry);
    }
    device.name = name;
    device.total_bytes = static_cast<size_t>(mebibytes) << 20;
    devices.push_back(device);
  }
  return devices;
}

}  // namespace

void Die(const std::string& why) {
  std::fprintf(stderr, "stub: %s\n", why.c_str());
  std::fflush(stderr);
  std::abort();
}

Machine::Machine() {
  const char* gpus = std::getenv("TRT_NODE_STUB_GPUS");
  devices_ = DevicesFrom(gpus != nullptr ? gpus : "Stub GPU@8.6@4096");
  const char* faults = std::getenv("TRT_NODE_STUB_FAULTS");
  if (faults != nullptr) faults_.Set(faults);
  eager_ = std::getenv("TRT_NODE_STUB_EAGER") != nullptr;
}

Machine& Machine::Get() {
  static Machine& machine = *new Machine;  // threads use it while the process exits
  return machine;
}

Device*& Machine::Current() {
  // Where the loader puts it when it opens the library: ThreadSanitizer breaks on what comes later.
  static thread_local Device* current __attribute__((tls_model("initial-exec"))) = nullptr;
  return current;
}

int Machine::CurrentDevice() { return Current() != nullptr ? Current()->ordinal : -1; }

CUresult Machine::LostCode(int device) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  return devices_.at(static_cast<size_t>(device)).lost;
}

void Machine::Lose(int device, CUresult code) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  devices_.at(static_cast<size_t>(device)).lost = code;
}

int Machine::DeviceOf(CUstream stream) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  return Check(stream)->device->ordinal;
}

bool Machine::IsCapturing(CUstream stream) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  return Check(stream)->capture != nullptr;
}

CUresult Machine::Launch(CUstream stream, Kernel kernel) {
  // The driver loads kernels, and the compilers that some need, when they are first launched.
  Inside::OpenAnotherLibrary();
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  return Queue(Check(stream), std::move(kernel));
}

CUresult Machine::Synchronize(CUstream handle) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  Stream* const stream = Check(handle);
  if (const CUresult broken = BreakCapture(stream); broken != CUDA_SUCCESS) return broken;
  return WaitFor(stream);
}

std::string Machine::ReportJson() {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  std::ostringstream json;
  json << R"({"devices":[)";
  for (const Device& device : devices_) {
    json << (device.ordinal > 0 ? "," : "") << R"({"usedBytes":)" << device.used_bytes
         << R"(,"allocations":)" << device.allocations << "}";
  }
  size_t pinned_bytes = 0;
  for (const auto& [address, size] : pinned_blocks_) pinned_bytes += size;
  json << R"(],"pinnedBytes":)" << pinned_bytes << R"(,"pinnedAllocations":)"
       << pinned_blocks_.size() << R"(,"streams":)" << streams_.size() << R"(,"events":)"
       << events_.size() << R"(,"graphs":)" << graphs_.size() << R"(,"calls":{)";
  const char* separator = "";
  for (const auto& [function, count] : faults_.Calls()) {
    json << separator << '"' << function << "\":" << count;
    separator = ",";
  }
  json << "}}";
  return json.str();
}

void Machine::SetFaults(const std::string& specification) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  faults_.Set(specification);
  // Only a new process would see the device again; what was queued on the lost one never runs.
  for (Device& device : devices_) {
    if (device.lost == CUDA_SUCCESS) continue;
    WaitForDevice(&device);
    device.lost = CUDA_SUCCESS;
  }
}

}  // namespace stub

extern "C" __attribute__((visibility("default"))) stub::DriverApi* trtNodeStubDriver() {
  return &stub::Machine::Get();
}
