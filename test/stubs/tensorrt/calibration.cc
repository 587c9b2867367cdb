#include "tensorrt/calibration.h"

#if defined(TRT_NODE_STUB_V10)

#include <algorithm>
#include <cmath>
#include <cstring>

namespace stub {
namespace {

const char* AlgorithmName(trt::CalibrationAlgoType algorithm) {
  switch (algorithm) {
    case trt::CalibrationAlgoType::kLEGACY_CALIBRATION:
      return "LegacyCalibration";
    case trt::CalibrationAlgoType::kENTROPY_CALIBRATION:
      return "EntropyCalibration";
    case trt::CalibrationAlgoType::kENTROPY_CALIBRATION_2:
      return "EntropyCalibration2";
    case trt::CalibrationAlgoType::kMINMAX_CALIBRATION:
      return "MinMaxCalibration";
  }
  Die("a calibrator has an algorithm that nobody knows");
}

// The first line of TensorRT's own caches.
std::string CacheTitle(trt::CalibrationAlgoType algorithm) {
  const Version version = LibraryVersion();
  return "TRT-" + std::to_string(version.major * 10000 + version.minor * 100 + version.patch) +
         "-" + AlgorithmName(algorithm);
}

// Big-endian, as TensorRT writes scales.
std::string ScaleText(float scale) {
  unsigned char bytes[sizeof(scale)];
  std::memcpy(bytes, &scale, sizeof(scale));
  std::reverse(std::begin(bytes), std::end(bytes));
  return json::Hex(bytes, sizeof(bytes));
}

trt::Dims DimsOfBatch(const BuilderConfigStub& config, const TensorApi& input) {
  // Without a calibration profile TensorRT takes the first one.
  const ProfilePlan* profile = &config.calibration_profile();
  if (profile->empty() && !config.profiles().empty()) profile = &config.profiles().front();
  for (const RangePlan& range : *profile) {
    if (range.input == input.getName()) return range.opt;
  }
  return input.getDimensions();
}

struct Input {
  const TensorApi* tensor;
  trt::Dims dims;
  size_t size;
  float largest = 0;
};

// One batch as it lies in device memory, and the largest value in it.
std::string ReadBatch(const std::vector<void*>& bindings, DriverApi* driver,
                      std::vector<Input>* inputs) {
  std::map<std::string, std::string> batch;
  for (size_t i = 0; i < inputs->size(); ++i) {
    Input& input = inputs->at(i);
    if (bindings[i] == nullptr) {
      Die(std::string("the calibrator gave no address for ") + input.tensor->getName());
    }
    const unsigned char* const bytes =
        driver->Resolve(driver->CurrentDevice(), bindings[i], input.size, input.tensor->getName());
    batch[input.tensor->getName()] = json::Text(json::Hex(bytes, input.size));
    if (input.tensor->getType() != trt::DataType::kFLOAT) continue;
    for (size_t at = 0; at < input.size; at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes + at, sizeof(value));
      input.largest = std::max(input.largest, std::fabs(value));
    }
  }
  return json::Object(batch);
}

}  // namespace

bool Calibrate(const NetworkStub& network, const BuilderConfigStub& config, DriverApi* driver,
               trt::ILogger* logger, std::map<std::string, std::string>* record) {
  trt::IInt8Calibrator* const calibrator = config.getInt8Calibrator();
  const trt::CalibrationAlgoType algorithm = calibrator->getAlgorithm();
  (*record)["algorithm"] = json::Text(AlgorithmName(algorithm));
  (*record)["batchSize"] = std::to_string(calibrator->getBatchSize());
  if (algorithm == trt::CalibrationAlgoType::kLEGACY_CALIBRATION) {
    auto* const legacy = static_cast<trt::IInt8LegacyCalibrator*>(calibrator);
    (*record)["quantile"] = std::to_string(legacy->getQuantile());
    (*record)["regressionCutoff"] = std::to_string(legacy->getRegressionCutoff());
    size_t length = 0;
    static_cast<void>(legacy->readHistogramCache(length));
  }

  size_t length = 0;
  const void* const kept = calibrator->readCalibrationCache(length);
  const std::string cache(static_cast<const char*>(kept), kept == nullptr ? 0 : length);
  (*record)["cacheRead"] = kept == nullptr ? "null" : json::Text(cache);
  if (cache.starts_with(CacheTitle(algorithm) + "\n")) return true;
  if (kept != nullptr) {
    logger->log(trt::ILogger::Severity::kWARNING,
                "The calibration cache is of another version or algorithm: calibrating anew");
  }

  std::vector<Input> inputs;
  std::vector<const char*> names;
  std::map<std::string, std::string> dims;
  for (const TensorApi* tensor : network.inputs()) {
    const trt::Dims of_batch = DimsOfBatch(config, *tensor);
    inputs.push_back({tensor, of_batch, BytesOf(tensor->getType(), CountOf(of_batch)), 0});
    names.push_back(tensor->getName());
    dims[tensor->getName()] = DimsText(of_batch);
  }
  (*record)["dims"] = json::Object(dims);
  std::vector<std::string> batches;
  for (;;) {
    std::vector<void*> bindings(inputs.size(), nullptr);
    if (!calibrator->getBatch(bindings.data(), names.data(), static_cast<int32_t>(names.size()))) {
      break;
    }
    batches.push_back(ReadBatch(bindings, driver, &inputs));
  }
  (*record)["batches"] = json::List(batches);
  if (batches.empty()) {
    logger->log(trt::ILogger::Severity::kERROR,
                "Calibration failure occurred with no scaling factors detected. This could be due "
                "to no int8 calibrator or insufficient custom scales for network layers.");
    return false;
  }
  std::string written = CacheTitle(algorithm) + "\n";
  for (const Input& input : inputs) {
    written += std::string(input.tensor->getName()) + ": " + ScaleText(input.largest / 127) + "\n";
  }
  calibrator->writeCalibrationCache(written.data(), written.size());
  (*record)["cacheWritten"] = json::Text(written);
  return true;
}

}  // namespace stub

#endif
