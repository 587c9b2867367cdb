#include "trt/calibration_feed.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/descriptor.h"
#include "core/error.h"
#include "cuda/device.h"

namespace trtnode {
namespace {

Error BatchError(int batch, const char* reason, const std::string& message) {
  return Error(ErrorCode::kCalibrationData,
               "calibration batch " + std::to_string(batch) + " " + message)
      .With("batch", static_cast<double>(batch))
      .With("reason", std::string(reason));
}

}  // namespace

CalibrationFeed::CalibrationFeed(const CalibrationBatches& batches, const Device& device)
    : batches_(batches), device_(device) {
  for (const CalibrationInput& input : batches.inputs) {
    batch_bytes_ = std::max(batch_bytes_, input.offset_bytes + input.size_bytes);
  }
}

bool CalibrationFeed::Next() {
  if (next_ >= batches_.count) return false;
  if (next_ == 0) {
    Allocate();
    StartReading(0);
  }
  reading_.get();
  Slot& slot = SlotOf(next_);
  ++next_;
  if (next_ < batches_.count) StartReading(next_);
  CopyToDevice(slot);
  current_ = &slot;
  return true;
}

void CalibrationFeed::Allocate() {
  stream_ = std::make_unique<Stream>(device_);
  const int count = std::min(static_cast<int>(slots_.size()), batches_.count);
  for (int i = 0; i < count; ++i) {
    Slot& slot = SlotOf(i);
    slot.on_host = std::make_unique<PinnedBuffer>(device_, std::max<size_t>(batch_bytes_, 1));
    for (const CalibrationInput& input : batches_.inputs) {
      slot.on_device.emplace_back(device_).Reserve(input.size_bytes);
    }
  }
}

void CalibrationFeed::StartReading(int batch) {
  const PinnedBuffer& into = *SlotOf(batch).on_host;
  reading_ = std::async(std::launch::async, [this, batch, &into] { Read(batch, into); });
}

void CalibrationFeed::Read(int batch, const PinnedBuffer& into) const {
  const std::string path = batches_.folder + "/" + std::to_string(batch);
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) {
    throw BatchError(batch, "unreadable",
                     std::string("cannot be read: ") + path + ": " + std::strerror(errno));
  }
  auto* to = static_cast<uint8_t*>(into.data());
  size_t done = 0;
  while (done < batch_bytes_) {
    const ssize_t count = read(file.get(), to + done, batch_bytes_ - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw BatchError(batch, "unreadable",
                       std::string("cannot be read: ") + path + ": " + std::strerror(errno));
    }
    if (count == 0) {
      throw BatchError(batch, "short",
                       "has " + std::to_string(done) + " bytes in " + path + ", not " +
                           std::to_string(batch_bytes_) +
                           ": it was cut short after it was written");
    }
    done += static_cast<size_t>(count);
  }
}

void CalibrationFeed::CopyToDevice(const Slot& slot) const {
  device_.MakeCurrent();
  const auto* bytes = static_cast<const uint8_t*>(slot.on_host->data());
  for (size_t i = 0; i < slot.on_device.size(); ++i) {
    const CalibrationInput& input = batches_.inputs[i];
    stream_->CopyToDevice(slot.on_device[i].pointer(), bytes + input.offset_bytes,
                          input.size_bytes);
  }
  stream_->Synchronize();
}

void* CalibrationFeed::Address(const std::string& input) const {
  if (current_ == nullptr) return nullptr;
  for (size_t i = 0; i < current_->on_device.size(); ++i) {
    if (batches_.inputs[i].name == input) return current_->on_device[i].address();
  }
  return nullptr;
}

}  // namespace trtnode
