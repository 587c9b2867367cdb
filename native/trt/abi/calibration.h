// INT8 calibration of one build. TensorRT 10 alone has it.
#pragma once

#if defined(TRT_NODE_ABI_V10)

#include <atomic>
#include <exception>

#include "core/file.h"
#include "trt/abi/adapters.h"
#include "trt/calibration_feed.h"

namespace trtnode::TRT_NODE_ABI {

// What TensorRT's four calibrator interfaces share. Nothing is thrown across TensorRT: what goes wrong in a callback is kept,
// TensorRT is told that there is no more data, and the build ends at its next step.
class Calibration {
 public:
  // `spec` must outlive this. `cancelled` is asked with each batch, as TensorRT reports no step meanwhile. Reads the
  // calibration cache. Throws Error(kCalibrationCache).
  Calibration(const CalibrationSpec& spec, const Device& device, ProgressSink progress,
              std::function<bool()> cancelled);
  ~Calibration();
  Calibration(const Calibration&) = delete;
  Calibration& operator=(const Calibration&) = delete;

  // Checks the batches against the network, and sets the calibrator and its profile. `config` must not build after this is
  // gone. Throws Error(kCalibrationData | kProfileInvalid).
  void Attach(const LibraryVersion& version, const trt::INetworkDefinition& network,
              trt::IBuilder* builder, trt::IBuilderConfig* config, OperationLog* log);

  // Something went wrong in a callback: the build's outcome is worth nothing.
  const std::atomic<bool>& failed() const { return failed_; }
  void RethrowFailure() const;

  // Writes the cache that TensorRT made, if it made one.
  void SaveCache() const;

  // That passed inside of the callbacks.
  double seconds() const { return seconds_; }

  // TensorRT's callbacks.
  bool GetBatch(void* bindings[], const char* names[], int32_t count) noexcept;
  const void* ReadCache(std::size_t& length) const noexcept;
  void WriteCache(const void* data, std::size_t length) noexcept;

  double quantile() const { return spec_.quantile; }
  double regression_cutoff() const { return spec_.regression_cutoff; }

 private:
  void CheckBatches(const trt::INetworkDefinition& network) const;
  bool NextBatch(void* bindings[], const char* names[], int32_t count);
  void ReportBatch(bool served);

  const CalibrationSpec& spec_;
  const ProgressSink progress_;
  const std::function<bool()> cancelled_;
  std::unique_ptr<CalibrationFeed> feed_;  // null: the cache must do
  ByteBlock cache_in_;
  std::string cache_out_;
  bool reported_end_ = false;
  double seconds_ = 0;
  std::atomic<bool> failed_ = false;
  std::exception_ptr failure_;
  std::unique_ptr<trt::IInt8Calibrator> calibrator_;
};

}  // namespace trtnode::TRT_NODE_ABI

#endif
