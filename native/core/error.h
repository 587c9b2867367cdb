// The error that crosses every layer: a stable code, a message for a person, facts for a program, TensorRT's own log.
#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace trtnode {

// Mirrors TrtErrorCode in lib/errors.ts as far as native code uses it; a test compares the two.
enum class ErrorCode {
  kUnsupported,
  kLibraryLoad,
  kLibraryUnsupported,
  kBuilderMissing,
  kNoDriver,
  kNoGpu,
  kGpuUnsupported,
  kOnnxNotFound,
  kOnnxInvalid,
  kOnnxParse,
  kExternalData,
  kProfileMissing,
  kProfileInvalid,
  kPrecisionUnsupported,
  kCalibrationRequired,
  kCalibrationData,
  kCalibrationCache,
  kTimingCache,
  kPlugin,
  kBuildFailed,
  kWrite,
  kEngineNotFound,
  kEngineInvalid,
  kDeserialize,
  kRefit,
  kEngineClosed,
  kQueueFull,
  kDeadline,
  kInferFailed,
  kCuda,
  kCudaContextLost,
  kOutOfMemory,
  kInvalidArg,
  kInternal,
};

inline constexpr ErrorCode kLastErrorCode = ErrorCode::kInternal;

// e.g. "ERR_TRT_NO_DRIVER"
const char* ErrorCodeName(ErrorCode code);

enum class LogSeverity { kInternalError, kError, kWarning, kInfo, kVerbose };

// e.g. "internal-error"
const char* LogSeverityName(LogSeverity severity);

struct LogLine {
  LogSeverity severity;
  std::string message;
};

using ErrorDetail = std::variant<std::string, double, std::vector<std::string>>;

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  Error& With(const std::string& key, ErrorDetail value) {
    details_[key] = std::move(value);
    return *this;
  }
  Error& WithLog(std::vector<LogLine> log) {
    log_ = std::move(log);
    return *this;
  }

  const char* what() const noexcept override { return message_.c_str(); }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::map<std::string, ErrorDetail>& details() const { return details_; }
  const std::vector<LogLine>& log() const { return log_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::map<std::string, ErrorDetail> details_;
  std::vector<LogLine> log_;
};

}  // namespace trtnode
