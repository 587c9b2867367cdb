#include "exec/device_memory.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "core/error.h"
#include "cuda/device.h"
#include "cuda/memory.h"

namespace trtnode {

// What the parts of one allocation share.
class DeviceMemory::Block {
 public:
  Block(const Device& owner, DeviceBuffer buffer) : device(owner), buffer_(std::move(buffer)) {}

  ~Block() {
    device.TryMakeCurrent();
    if (written_) WaitFor(*written_);
    for (const SharedEvent& read : reads_) WaitFor(*read);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  bool Idle() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ForgetDone();
    return holds_ == 0 && !written_ && reads_.empty();
  }

  void Announce() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++holds_;
  }

  void Renounce() {
    const std::lock_guard<std::mutex> lock(mutex_);
    --holds_;
  }

  void WaitReady(const Stream& stream, const Event* own) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!written_ || written_.get() == own) return;
    if (written_->Done()) {
      written_.reset();
    } else {
      stream.Wait(*written_);
    }
  }

  void WaitRead(const Stream& stream, const Event* own) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ForgetDone();
    for (const SharedEvent& read : reads_) {
      if (read.get() != own) stream.Wait(*read);
    }
  }

  void MarkWritten(SharedEvent done) {
    const std::lock_guard<std::mutex> lock(mutex_);
    written_ = std::move(done);
    // The writer has waited for them.
    reads_.clear();
  }

  void MarkRead(SharedEvent done) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::ranges::find(reads_, done) != reads_.end()) return;
    // What is only ever read would collect them.
    ForgetDone();
    reads_.push_back(std::move(done));
  }

  const Device& device;

 private:
  static void WaitFor(const Event& event) {
    try {
      event.Synchronize();
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
      // The context is lost, and with it all work.
    }
  }

  void ForgetDone() {
    if (written_ && written_->Done()) written_.reset();
    std::erase_if(reads_, [](const SharedEvent& read) { return read->Done(); });
  }

  const DeviceBuffer buffer_;  // empty for adopted memory
  std::mutex mutex_;           // guards what follows
  SharedEvent written_;
  std::vector<SharedEvent> reads_;  // since it was written
  size_t holds_ = 0;
};

DeviceMemory::DeviceMemory(std::shared_ptr<Block> block, CUdeviceptr pointer, size_t size)
    : block_(std::move(block)), pointer_(pointer), size_(size) {}

DeviceMemory::~DeviceMemory() = default;

std::shared_ptr<DeviceMemory> DeviceMemory::Allocate(const Device& device, size_t size) {
  device.MakeCurrent();
  DeviceBuffer buffer(device);
  buffer.Reserve(size);
  const CUdeviceptr pointer = buffer.pointer();
  auto block = std::make_shared<Block>(device, std::move(buffer));
  return std::shared_ptr<DeviceMemory>(new DeviceMemory(std::move(block), pointer, size));
}

std::shared_ptr<DeviceMemory> DeviceMemory::Adopt(const Device& device, CUdeviceptr pointer,
                                                  size_t size) {
  auto block = std::make_shared<Block>(device, DeviceBuffer(device));
  return std::shared_ptr<DeviceMemory>(new DeviceMemory(std::move(block), pointer, size));
}

std::shared_ptr<DeviceMemory> DeviceMemory::Part(size_t offset, size_t size) const {
  return std::shared_ptr<DeviceMemory>(new DeviceMemory(block_, pointer_ + offset, size));
}

const Device& DeviceMemory::device() const { return block_->device; }

bool DeviceMemory::Idle() { return block_->Idle(); }

DeviceMemory::Hold::Hold(const DeviceMemory& memory) : block_(memory.block_) { block_->Announce(); }

DeviceMemory::Hold::~Hold() {
  if (block_) block_->Renounce();
}

void DeviceMemory::WaitReady(const Stream& stream, const Event* own) {
  block_->WaitReady(stream, own);
}

void DeviceMemory::WaitUnused(const Stream& stream, const Event* own) {
  block_->WaitReady(stream, own);
  block_->WaitRead(stream, own);
}

void DeviceMemory::MarkWritten(const Stream& stream) {
  auto done = std::make_shared<Event>(device(), EventKind::kUntimed);
  done->Record(stream);
  MarkWritten(std::move(done));
}

void DeviceMemory::MarkWritten(SharedEvent done) { block_->MarkWritten(std::move(done)); }

void DeviceMemory::MarkRead(SharedEvent done) { block_->MarkRead(std::move(done)); }

}  // namespace trtnode
