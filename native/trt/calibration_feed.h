// Calibration batches on their way from files to the device: the next file is read while TensorRT works on the last one.
#pragma once

#include <array>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "cuda/memory.h"
#include "cuda/stream.h"
#include "trt/build_spec.h"

namespace trtnode {

class CalibrationFeed {
 public:
  // `batches` and `device` must outlive this. No memory is taken before the first batch is asked for.
  CalibrationFeed(const CalibrationBatches& batches, const Device& device);

  // Puts the next batch on the device, in place of the last but one: TensorRT may still be reading the last. False when there
  // is none left. Throws Error(kCalibrationData | kOutOfMemory | kCuda).
  bool Next();

  // Of the batch on the device; null for a name that the batches do not have.
  void* Address(const std::string& input) const;

  int served() const { return next_; }
  int count() const { return batches_.count; }

 private:
  struct Slot {
    std::unique_ptr<PinnedBuffer> on_host;
    std::vector<DeviceBuffer> on_device;  // one for each input
  };

  Slot& SlotOf(int batch) { return slots_[static_cast<size_t>(batch) % slots_.size()]; }
  void Allocate();
  void StartReading(int batch);
  void Read(int batch, const PinnedBuffer& into) const;
  void CopyToDevice(const Slot& slot) const;

  const CalibrationBatches& batches_;
  const Device& device_;
  uint64_t batch_bytes_ = 0;
  std::unique_ptr<Stream> stream_;
  std::array<Slot, 2> slots_;
  const Slot* current_ = nullptr;
  int next_ = 0;
  // Last, as its destructor waits for a read into a slot.
  std::future<void> reading_;
};

}  // namespace trtnode
