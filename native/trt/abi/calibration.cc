#include "trt/abi/calibration.h"

#if defined(TRT_NODE_ABI_V10)

#include "trt/abi/profiles.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

constexpr const char* kPhase = "Calibration";

template <typename Interface>
class CalibratorOf : public Interface {
 public:
  explicit CalibratorOf(Calibration* calibration) : calibration_(calibration) {}

  // Of implicit batches, which TensorRT 10 has no more: a batch's dims are the calibration profile's.
  int32_t getBatchSize() const noexcept override { return 1; }

  bool getBatch(void* bindings[], const char* names[], int32_t count) noexcept override {
    return calibration_->GetBatch(bindings, names, count);
  }
  const void* readCalibrationCache(std::size_t& length) noexcept override {
    return calibration_->ReadCache(length);
  }
  void writeCalibrationCache(const void* data, std::size_t length) noexcept override {
    calibration_->WriteCache(data, length);
  }

 protected:
  const Calibration& calibration() const { return *calibration_; }

 private:
  Calibration* const calibration_;
};

class PercentileCalibrator final : public CalibratorOf<trt::IInt8LegacyCalibrator> {
 public:
  using CalibratorOf::CalibratorOf;

  double getQuantile() const noexcept override { return calibration().quantile(); }
  double getRegressionCutoff() const noexcept override { return calibration().regression_cutoff(); }
  const void* readHistogramCache(std::size_t& length) noexcept override {
    length = 0;
    return nullptr;
  }
  void writeHistogramCache(const void*, std::size_t) noexcept override {}
};

std::unique_ptr<trt::IInt8Calibrator> MakeCalibrator(CalibrationAlgorithm algorithm,
                                                     Calibration* calibration) {
  switch (algorithm) {
    case CalibrationAlgorithm::kEntropy2:
      return std::make_unique<CalibratorOf<trt::IInt8EntropyCalibrator2>>(calibration);
    case CalibrationAlgorithm::kEntropy:
      return std::make_unique<CalibratorOf<trt::IInt8EntropyCalibrator>>(calibration);
    case CalibrationAlgorithm::kMinMax:
      return std::make_unique<CalibratorOf<trt::IInt8MinMaxCalibrator>>(calibration);
    case CalibrationAlgorithm::kPercentile:
      return std::make_unique<PercentileCalibrator>(calibration);
  }
  return nullptr;
}

Error DataError(const char* reason, const std::string& message) {
  return Error(ErrorCode::kCalibrationData, message).With("reason", std::string(reason));
}

const CalibrationInput* Find(const CalibrationBatches& batches, const std::string& name) {
  for (const CalibrationInput& input : batches.inputs) {
    if (input.name == name) return &input;
  }
  return nullptr;
}

}  // namespace

Calibration::Calibration(const CalibrationSpec& spec, const Device& device, ProgressSink progress,
                         std::function<bool()> cancelled)
    : spec_(spec),
      progress_(std::move(progress)),
      cancelled_(std::move(cancelled)),
      calibrator_(MakeCalibrator(spec.algorithm, this)) {
  if (spec.batches) feed_ = std::make_unique<CalibrationFeed>(*spec.batches, device);
  if (spec.cache_in.empty()) return;
  try {
    FileDigest digest;
    cache_in_ = ReadFile(spec.cache_in, &digest);
  } catch (const Error& error) {
    throw Error(ErrorCode::kCalibrationCache,
                "the calibration cache cannot be used: " + error.message())
        .With("path", spec.cache_in)
        .With("reason", std::string("unreadable"));
  }
}

Calibration::~Calibration() = default;

void Calibration::Attach(const LibraryVersion& version, const trt::INetworkDefinition& network,
                         trt::IBuilder* builder, trt::IBuilderConfig* config, OperationLog* log) {
  CheckBatches(network);
  // Without one TensorRT takes the first profile of the build, and a static network needs none.
  if (!spec_.profile.empty()) {
    const trt::IOptimizationProfile* profile =
        MakeProfile(spec_.profile, version, network, builder, log);
    if (!config->setCalibrationProfile(profile)) {
      throw Error(ErrorCode::kProfileInvalid,
                  "TensorRT refused the calibration profile: " + log->ErrorText())
          .WithLog(log->Lines());
    }
  }
  config->setInt8Calibrator(calibrator_.get());
}

void Calibration::CheckBatches(const trt::INetworkDefinition& network) const {
  if (!spec_.batches) return;
  for (int i = 0; i < network.getNbInputs(); ++i) {
    const TensorInfo input = DescribeNetworkTensor(*network.getInput(i));
    const CalibrationInput* given = Find(*spec_.batches, input.name);
    if (given == nullptr) {
      throw DataError("input-missing",
                      "the calibration batches have no data for the model's input " + input.name +
                          " " + DimsToString(input.dims))
          .With("input", input.name);
    }
    const auto range = spec_.profile.find(input.name);
    const Dims& dims = range == spec_.profile.end() ? input.dims : range->second.dims.opt;
    const uint64_t bytes = IsDynamic(dims) ? 0 : ByteCount(input.type, dims);
    if (given->size_bytes == bytes) continue;
    throw DataError("size", "a calibration batch has " + std::to_string(given->size_bytes) +
                                " bytes for input " + input.name + ", but " +
                                DataTypeName(input.type) + " " + DimsToString(dims) + " has " +
                                std::to_string(bytes))
        .With("input", input.name);
  }
}

bool Calibration::GetBatch(void* bindings[], const char* names[], int32_t count) noexcept {
  if (failed_) return false;
  const auto started = std::chrono::steady_clock::now();
  bool served = false;
  try {
    served = NextBatch(bindings, names, count);
    ReportBatch(served);
  } catch (...) {
    failure_ = std::current_exception();
    failed_ = true;
  }
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return served && !failed_;
}

bool Calibration::NextBatch(void* bindings[], const char* names[], int32_t count) {
  if (!feed_) {
    throw Error(ErrorCode::kCalibrationCache,
                "the calibration cache does not have what this build needs (TensorRT asks for "
                "calibration data): it is of another model, algorithm or TensorRT. Remove the "
                "cache's file and give `data`, and it is made anew")
        .With("path", spec_.cache_in)
        .With("reason", std::string("incomplete"));
  }
  if (!feed_->Next()) return false;
  // Had TensorRT only been told that there is no more data, it would go on with scales of the batches so far.
  if (cancelled_()) throw Error(ErrorCode::kBuildFailed, "the build was cancelled");
  for (int32_t i = 0; i < count; ++i) {
    bindings[i] = feed_->Address(names[i]);
    if (bindings[i] == nullptr) {
      throw DataError("input-missing", std::string("TensorRT asks for calibration data of \"") +
                                           names[i] + "\", which the batches do not have")
          .With("input", std::string(names[i]));
    }
  }
  return true;
}

void Calibration::ReportBatch(bool served) {
  const int batches = feed_->count();
  if (!served) {
    if (!reported_end_) {
      progress_({ProgressEvent::Kind::kPhaseEnd, kPhase, "", batches, batches});
    }
    reported_end_ = true;
    return;
  }
  if (feed_->served() == 1) {
    progress_({ProgressEvent::Kind::kPhaseStart, kPhase, "", 0, batches});
  }
  progress_({ProgressEvent::Kind::kStep, kPhase, "", feed_->served(), batches});
}

const void* Calibration::ReadCache(std::size_t& length) const noexcept {
  length = cache_in_.size();
  return length > 0 ? cache_in_.data() : nullptr;
}

void Calibration::WriteCache(const void* data, std::size_t length) noexcept {
  try {
    cache_out_.assign(static_cast<const char*>(data), length);
  } catch (...) {
    if (!failed_) failure_ = std::current_exception();
    failed_ = true;
  }
}

void Calibration::RethrowFailure() const {
  if (failed_) std::rethrow_exception(failure_);
}

void Calibration::SaveCache() const {
  if (spec_.cache_out.empty() || cache_out_.empty()) return;
  WriteNewFile(spec_.cache_out, cache_out_.data(), cache_out_.size());
}

}  // namespace trtnode::TRT_NODE_ABI

#endif
