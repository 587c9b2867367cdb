// A non-blocking CUDA stream and CUDA events on it.
#pragma once

#include <cuda.h>

namespace trtnode {

class Device;

class Stream {
 public:
  // Makes the device's context current.
  explicit Stream(const Device& device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  CUstream get() const { return stream_; }
  void CopyToDevice(CUdeviceptr to, const void* from, size_t size) const;
  void CopyToHost(void* to, CUdeviceptr from, size_t size) const;
  void Synchronize() const;

 private:
  CUstream stream_ = nullptr;
};

class Event {
 public:
  // Makes the device's context current.
  explicit Event(const Device& device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Record(const Stream& stream) const;
  // Milliseconds from `start` to this event; both must have completed.
  double MillisecondsSince(const Event& start) const;

 private:
  CUevent event_ = nullptr;
};

}  // namespace trtnode
