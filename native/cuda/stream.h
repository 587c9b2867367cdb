// A non-blocking CUDA stream and CUDA events on it.
#pragma once

#include <cuda.h>

#include <cstddef>

namespace trtnode {

class Device;
class Event;

class Stream {
 public:
  // Makes the device's context current.
  explicit Stream(const Device& device);
  // A stream of somebody else's, which stays theirs: it is not destroyed here and must outlive this.
  static Stream Borrow(const Device& device, CUstream stream);
  ~Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) = delete;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const Device& device() const { return *device_; }
  CUstream get() const { return stream_; }
  void CopyToDevice(CUdeviceptr to, const void* from, size_t size) const;
  void CopyToHost(void* to, CUdeviceptr from, size_t size) const;
  void Clear(CUdeviceptr to, size_t size) const;  // to zeros
  void CopyOnDevice(CUdeviceptr to, CUdeviceptr from, size_t size) const;
  // What is put on the stream from now on waits for what the event was last recorded behind; the caller does not.
  void Wait(const Event& event) const;
  // Whether all that was put on it has been run.
  bool Done() const;
  void Synchronize() const;

 private:
  Stream(const Device& device, CUstream stream, bool owned)
      : device_(&device), stream_(stream), owned_(owned) {}

  const Device* device_;
  CUstream stream_ = nullptr;
  bool owned_ = true;
};

enum class EventKind {
  kTimed,
  kUntimed,   // cheaper, for order alone
  kBlocking,  // untimed too; who waits for it sleeps
};

class Event {
 public:
  // Makes the device's context current.
  explicit Event(const Device& device, EventKind kind = EventKind::kTimed);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  CUevent get() const { return event_; }
  void Record(const Stream& stream) const;
  // Whether what it was recorded behind has been run; true for an event that never was recorded.
  bool Done() const;
  void Synchronize() const;
  // Milliseconds from `start` to this event; both must have completed.
  double MillisecondsSince(const Event& start) const;

 private:
  CUevent event_ = nullptr;
};

}  // namespace trtnode
