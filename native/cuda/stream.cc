#include "cuda/stream.h"

#include "cuda/device.h"
#include "cuda/driver.h"

namespace trtnode {

Stream::Stream(const Device& device) {
  device.MakeCurrent();
  CheckCuda(Driver::Get().table().StreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
}

Stream::~Stream() { Driver::Get().table().StreamDestroy(stream_); }

void Stream::CopyToDevice(CUdeviceptr to, const void* from, size_t size) const {
  if (size == 0) return;
  CheckCuda(Driver::Get().table().MemcpyHtoDAsync(to, from, size, stream_), "cuMemcpyHtoDAsync");
}

void Stream::CopyToHost(void* to, CUdeviceptr from, size_t size) const {
  if (size == 0) return;
  CheckCuda(Driver::Get().table().MemcpyDtoHAsync(to, from, size, stream_), "cuMemcpyDtoHAsync");
}

void Stream::Synchronize() const {
  CheckCuda(Driver::Get().table().StreamSynchronize(stream_), "cuStreamSynchronize");
}

Event::Event(const Device& device) {
  device.MakeCurrent();
  CheckCuda(Driver::Get().table().EventCreate(&event_, CU_EVENT_DEFAULT), "cuEventCreate");
}

Event::~Event() { Driver::Get().table().EventDestroy(event_); }

void Event::Record(const Stream& stream) const {
  CheckCuda(Driver::Get().table().EventRecord(event_, stream.get()), "cuEventRecord");
}

double Event::MillisecondsSince(const Event& start) const {
  float milliseconds = 0;
  CheckCuda(Driver::Get().table().EventElapsedTime(&milliseconds, start.event_, event_),
            "cuEventElapsedTime");
  return milliseconds;
}

}  // namespace trtnode
