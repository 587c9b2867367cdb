// Device memory that JavaScript and the GPU's work share, and what on it is still under way.
//
// Whoever uses it on a stream first lets the stream wait (WaitReady to read, WaitUnused to write) and then leaves a mark
// behind the work (MarkRead, MarkWritten). So one stream's work follows another's without the host waiting for either.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <memory>

#include "cuda/stream.h"

namespace trtnode {

class Device;

class DeviceMemory {
  class Block;

 public:
  using SharedEvent = std::shared_ptr<const Event>;

  // Makes the device's context current. Throws Error(kOutOfMemory | kCuda …).
  static std::shared_ptr<DeviceMemory> Allocate(const Device& device, size_t size);
  // Memory of somebody else's, which stays theirs: it is never freed here.
  static std::shared_ptr<DeviceMemory> Adopt(const Device& device, CUdeviceptr pointer,
                                             size_t size);
  // A part of it, as memory of its own. What is under way on the one is under way on the other; it is freed when both are gone.
  std::shared_ptr<DeviceMemory> Part(size_t offset, size_t size) const;

  // The last one waits for what is still under way, then frees what was allocated: not for the JS thread.
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  CUdeviceptr pointer() const { return pointer_; }
  // The same, as TensorRT takes it.
  void* address() const {
    return reinterpret_cast<void*>(pointer_);  // NOLINT(performance-no-int-to-ptr)
  }
  size_t size() const { return size_; }
  const Device& device() const;
  // Whether nothing is under way, or announced.
  bool Idle();

  // Announces work that no stream has yet: while it lives, the memory is not idle.
  class Hold {
   public:
    explicit Hold(const DeviceMemory& memory);
    ~Hold();
    Hold(Hold&& other) noexcept = default;
    Hold& operator=(Hold&& other) = delete;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    std::shared_ptr<Block> block_;
  };

  // What is put on `stream` from now on runs after the last write. A no-op where that is done, and where `own` is its event: who
  // writes on one stream alone needs no wait for itself.
  void WaitReady(const Stream& stream, const Event* own = nullptr);
  // … and after the reads since, so that it may write.
  void WaitUnused(const Stream& stream, const Event* own = nullptr);

  // What was put on `stream` so far has written it. The device's context must be current.
  void MarkWritten(const Stream& stream);
  // The same by an event that the writer has recorded; one event may stand for many memories, and be recorded again.
  void MarkWritten(SharedEvent done);
  void MarkRead(SharedEvent done);

 private:
  DeviceMemory(std::shared_ptr<Block> block, CUdeviceptr pointer, size_t size);

  const std::shared_ptr<Block> block_;
  const CUdeviceptr pointer_;
  const size_t size_;
};

}  // namespace trtnode
