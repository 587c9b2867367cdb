#include "cuda/stream.h"

#include <utility>

#include "cuda/device.h"
#include "cuda/driver.h"

namespace trtnode {
namespace {

unsigned FlagsOf(EventKind kind) {
  switch (kind) {
    case EventKind::kTimed:
      return CU_EVENT_DEFAULT;
    case EventKind::kUntimed:
      return CU_EVENT_DISABLE_TIMING;
    case EventKind::kBlocking:
      return CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC;
  }
  return CU_EVENT_DEFAULT;
}

bool IsDone(CUresult result, const char* what) {
  if (result == CUDA_ERROR_NOT_READY) return false;
  CheckCuda(result, what);
  return true;
}

}  // namespace

Stream::Stream(const Device& device) : device_(&device) {
  device.MakeCurrent();
  CheckCuda(Driver::Get().table().StreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
}

Stream Stream::Borrow(const Device& device, CUstream stream) { return {device, stream, false}; }

Stream::Stream(Stream&& other) noexcept
    : device_(other.device_), stream_(other.stream_), owned_(std::exchange(other.owned_, false)) {}

Stream::~Stream() {
  if (owned_) Driver::Get().table().StreamDestroy(stream_);
}

void Stream::CopyToDevice(CUdeviceptr to, const void* from, size_t size) const {
  if (size == 0) return;
  CheckCuda(Driver::Get().table().MemcpyHtoDAsync(to, from, size, stream_), "cuMemcpyHtoDAsync");
}

void Stream::CopyToHost(void* to, CUdeviceptr from, size_t size) const {
  if (size == 0) return;
  CheckCuda(Driver::Get().table().MemcpyDtoHAsync(to, from, size, stream_), "cuMemcpyDtoHAsync");
}

void Stream::Clear(CUdeviceptr to, size_t size) const {
  if (size == 0) return;
  CheckCuda(Driver::Get().table().MemsetD8Async(to, 0, size, stream_), "cuMemsetD8Async");
}

void Stream::CopyOnDevice(CUdeviceptr to, CUdeviceptr from, size_t size) const {
  if (size == 0) return;
  CheckCuda(Driver::Get().table().MemcpyDtoDAsync(to, from, size, stream_), "cuMemcpyDtoDAsync");
}

void Stream::Wait(const Event& event) const {
  CheckCuda(Driver::Get().table().StreamWaitEvent(stream_, event.get(), CU_EVENT_WAIT_DEFAULT),
            "cuStreamWaitEvent");
}

bool Stream::Done() const {
  return IsDone(Driver::Get().table().StreamQuery(stream_), "cuStreamQuery");
}

void Stream::Synchronize() const {
  CheckCuda(Driver::Get().table().StreamSynchronize(stream_), "cuStreamSynchronize");
}

Event::Event(const Device& device, EventKind kind) {
  device.MakeCurrent();
  CheckCuda(Driver::Get().table().EventCreate(&event_, FlagsOf(kind)), "cuEventCreate");
}

Event::~Event() { Driver::Get().table().EventDestroy(event_); }

void Event::Record(const Stream& stream) const {
  CheckCuda(Driver::Get().table().EventRecord(event_, stream.get()), "cuEventRecord");
}

bool Event::Done() const {
  return IsDone(Driver::Get().table().EventQuery(event_), "cuEventQuery");
}

void Event::Synchronize() const {
  CheckCuda(Driver::Get().table().EventSynchronize(event_), "cuEventSynchronize");
}

double Event::MillisecondsSince(const Event& start) const {
  float milliseconds = 0;
  CheckCuda(Driver::Get().table().EventElapsedTime(&milliseconds, start.event_, event_),
            "cuEventElapsedTime");
  return milliseconds;
}

}  // namespace trtnode
