#include "driver/machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

#include "exit/inside.h"

namespace stub {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kPromisedAlignment = 256;  // and not more, so that whoever needs more shows
constexpr int kNeverWritten = 0xa5;         // fresh memory holds no zeros, so that reading it shows
constexpr size_t kFilledUpTo = size_t{16} << 20;

size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

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
}

Machine& Machine::Get() {
  static Machine& machine = *new Machine;  // threads use it while the process exits
  return machine;
}

Device*& Machine::Current() {
  static thread_local Device* current = nullptr;
  return current;
}

CUresult Machine::AllocateDevice(Device* device, size_t size, CUdeviceptr* pointer) {
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  if (size > device->total_bytes - device->used_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const size_t reserved = RoundUp(kPromisedAlignment + size, kPage);
  // An address that no CPU can read or write, as device memory is: whoever tries it dies.
  void* const pages =
      mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  auto* const bytes = static_cast<unsigned char*>(std::calloc(size, 1));
  if (size <= kFilledUpTo) std::memset(bytes, kNeverWritten, size);
  *pointer = reinterpret_cast<CUdeviceptr>(pages) + kPromisedAlignment;
  device_blocks_[*pointer] = {device, size, reserved, bytes};
  device->used_bytes += size;
  ++device->allocations;
  return CUDA_SUCCESS;
}

void Machine::FreeDevice(CUdeviceptr pointer) {
  const auto found = device_blocks_.find(pointer);
  if (found == device_blocks_.end()) Die("device memory was freed that is not there");
  WaitForDevice(found->second.device);
  const DeviceBlock block = found->second;
  munmap(reinterpret_cast<void*>(pointer - kPromisedAlignment), block.reserved);
  std::free(block.bytes);
  block.device->used_bytes -= block.size;
  --block.device->allocations;
  device_blocks_.erase(found);
}

void* Machine::AllocatePinned(size_t size) {
  void* pointer = nullptr;
  if (posix_memalign(&pointer, kPage, RoundUp(std::max<size_t>(size, 1), kPage)) != 0)
    return nullptr;
  if (size <= kFilledUpTo) std::memset(pointer, kNeverWritten, size);
  pinned_blocks_[reinterpret_cast<uintptr_t>(pointer)] = size;
  return pointer;
}

void Machine::FreePinned(void* pointer) {
  const auto found = pinned_blocks_.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == pinned_blocks_.end()) Die("pinned memory was freed that is not there");
  for (const Device& device : devices_) WaitForDevice(&device);
  pinned_blocks_.erase(found);
  std::free(pointer);
}

bool Machine::IsPinned(const void* pointer, size_t size) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = pinned_blocks_.upper_bound(address);
  if (block == pinned_blocks_.begin()) return false;
  --block;
  return address - block->first <= block->second &&
         size <= block->second - (address - block->first);
}

Stream* Machine::MakeStream(Device* device) {
  auto* const stream = new Stream;
  stream->device = device;
  streams_.insert(stream);
  return stream;
}

void Machine::DestroyStream(Stream* stream) {
  Wait(stream, stream->queued);
  for (Event* event : events_) {
    if (event->stream == stream) event->stream = nullptr;
  }
  streams_.erase(stream);
  delete stream;
}

Stream* Machine::Check(CUstream handle) {
  // The default stream of whichever device is current.
  if (handle == nullptr) {
    if (Current() == nullptr) Die("the default stream was used without a current context");
    Stream& stream = default_streams_[Current()];
    stream.device = Current();
    return &stream;
  }
  auto* const stream = reinterpret_cast<Stream*>(handle);
  if (!streams_.contains(stream)) Die("a stream was used that is not there");
  return stream;
}

Event* Machine::MakeEvent(Device* device) {
  auto* const event = new Event;
  event->device = device;
  events_.insert(event);
  return event;
}

void Machine::DestroyEvent(Event* event) {
  events_.erase(event);
  delete event;
}

Event* Machine::Check(CUevent handle) {
  auto* const event = reinterpret_cast<Event*>(handle);
  if (!events_.contains(event)) Die("an event was used that is not there");
  return event;
}

bool Machine::Exists(const Stream* stream) const {
  if (streams_.contains(const_cast<Stream*>(stream))) return true;
  // It may be gone, so only its address is looked at.
  return std::any_of(default_streams_.begin(), default_streams_.end(),
                     [&](const auto& entry) { return &entry.second == stream; });
}

void Machine::Queue(Stream* stream, std::chrono::microseconds duration,
                    std::function<void()> work) {
  stream->end = std::max(stream->end, Clock::now()) + duration;
  stream->queue.push_back({std::move(work), stream->end});
  ++stream->queued;
}

void Machine::RunNext(Stream* stream) {
  const std::function<void()> work = std::move(stream->queue.front().run);
  stream->queue.pop_front();
  // After a lost context nothing runs any more.
  if (stream->device->lost == CUDA_SUCCESS) work();
  ++stream->completed;
}

CUresult Machine::Wait(Stream* stream, uint64_t position) {
  while (stream->completed < position) {
    const Clock::time_point end = stream->queue.front().end;
    if (end > Clock::now() && stream->device->lost == CUDA_SUCCESS) {
      // Others may use the machine meanwhile, this stream too.
      mutex_.unlock();
      std::this_thread::sleep_until(end);
      mutex_.lock();
      // Whoever destroys a stream has waited for its work.
      if (!Exists(stream)) return CUDA_SUCCESS;
      continue;
    }
    RunNext(stream);
  }
  return stream->device->lost;
}

bool Machine::Poll(Stream* stream, uint64_t position) {
  while (stream->completed < position && stream->queue.front().end <= Clock::now()) RunNext(stream);
  return stream->completed >= position;
}

void Machine::WaitForDevice(const Device* device) {
  std::set<Stream*> streams = streams_;
  for (auto& [owner, stream] : default_streams_) streams.insert(&stream);
  for (Stream* stream : streams) {
    // Another thread may have destroyed it while this one waited for the stream before.
    if (Exists(stream) && stream->device == device) Wait(stream, stream->queued);
  }
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

void* Machine::Allocate(int device, size_t size) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  if (faults_.Next("tensorrt") != 0) return nullptr;
  CUdeviceptr pointer = 0;
  if (AllocateDevice(&devices_.at(static_cast<size_t>(device)), size, &pointer) != CUDA_SUCCESS) {
    return nullptr;
  }
  return reinterpret_cast<void*>(pointer);
}

void Machine::Free(void* pointer) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  FreeDevice(reinterpret_cast<CUdeviceptr>(pointer));
}

bool Machine::IsDeviceMemory(const void* pointer) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = device_blocks_.upper_bound(address);
  if (block == device_blocks_.begin()) return false;
  --block;
  return address - block->first < block->second.size;
}

unsigned char* Machine::Resolve(int device, const void* pointer, size_t size,
                                const std::string& what) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto block = device_blocks_.upper_bound(address);
  if (block == device_blocks_.begin()) Die(what + " is not device memory");
  --block;
  const size_t offset = address - block->first;
  if (offset >= block->second.size) Die(what + " is not device memory (any more)");
  if (size > block->second.size - offset) {
    Die(what + " needs " + std::to_string(size) + " bytes of device memory, " +
        std::to_string(block->second.size - offset) + " are there");
  }
  if (block->second.device->ordinal != device) Die(what + " is memory of another device");
  return block->second.bytes + offset;
}

void Machine::Launch(CUstream stream, std::chrono::microseconds duration,
                     std::function<void()> work) {
  // The driver loads kernels, and the compilers that some need, when they are first launched.
  Inside::OpenAnotherLibrary();
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  Queue(Check(stream), duration, std::move(work));
}

CUresult Machine::Synchronize(CUstream handle) {
  const std::lock_guard<std::recursive_mutex> lock(mutex_);
  Stream* const stream = Check(handle);
  return Wait(stream, stream->queued);
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
       << events_.size() << R"(,"calls":{)";
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
  // Only a new process would see the device again.
  for (Device& device : devices_) device.lost = CUDA_SUCCESS;
}

}  // namespace stub

extern "C" __attribute__((visibility("default"))) stub::DriverApi* trtNodeStubDriver() {
  return &stub::Machine::Get();
}
