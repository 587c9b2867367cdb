#include "exec/copies.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "cuda/device.h"

namespace trtnode {

Copies::Copies(const Device& device)
    : device_(device), pool_(std::make_shared<PinnedPool>(device)) {
  slots_.reserve(kMaxStreams);
}

Copies::~Copies() {
  device_.TryMakeCurrent();
  for (const Slot& slot : slots_) {
    try {
      slot.stream.Synchronize();
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
      // The context is lost, and with it all work.
    }
  }
  slots_.clear();
  pool_->Close();
}

PinnedLease Copies::TakePinned(size_t size) {
  device_.MakeCurrent();
  return pool_->Take(size);
}

Copies::SharedEvent Copies::ToHost(void* to, DeviceMemory* from, size_t offset, size_t size) {
  device_.MakeCurrent();
  const std::lock_guard<std::mutex> lock(mutex_);
  Slot& slot = IdleSlot();
  from->WaitReady(slot.stream);
  slot.stream.CopyToHost(to, from->pointer() + offset, size);
  SharedEvent done = Record(&slot);
  from->MarkRead(done);
  return done;
}

Copies::SharedEvent Copies::ToDevice(DeviceMemory* to, size_t offset, const void* from,
                                     size_t size) {
  device_.MakeCurrent();
  const std::lock_guard<std::mutex> lock(mutex_);
  Slot& slot = IdleSlot();
  to->WaitUnused(slot.stream);
  slot.stream.CopyToDevice(to->pointer() + offset, from, size);
  SharedEvent done = Record(&slot);
  to->MarkWritten(done);
  return done;
}

Copies::SharedEvent Copies::OnDevice(DeviceMemory* to, DeviceMemory* from, size_t size) {
  device_.MakeCurrent();
  const std::lock_guard<std::mutex> lock(mutex_);
  Slot& slot = IdleSlot();
  from->WaitReady(slot.stream);
  to->WaitUnused(slot.stream);
  slot.stream.CopyOnDevice(to->pointer(), from->pointer(), size);
  SharedEvent done = Record(&slot);
  from->MarkRead(done);
  to->MarkWritten(done);
  return done;
}

Copies::Slot& Copies::IdleSlot() {
  const auto idle = std::ranges::find_if(
      slots_, [](const Slot& slot) { return !slot.last || slot.last->Done(); });
  if (idle != slots_.end()) return *idle;
  if (slots_.size() < kMaxStreams) return slots_.emplace_back(Slot{Stream(device_), nullptr});
  next_ = (next_ + 1) % kMaxStreams;
  return slots_[next_];
}

Copies::SharedEvent Copies::Record(Slot* slot) {
  // Who waits for a large copy sleeps meanwhile.
  auto done = std::make_shared<Event>(slot->stream.device(), EventKind::kBlocking);
  done->Record(slot->stream);
  slot->last = done;
  return done;
}

}  // namespace trtnode
