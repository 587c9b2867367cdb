#include "trt/log.h"

#include <algorithm>
#include <cstring>

#include "cuda/driver.h"

namespace trtnode {
namespace {

constexpr size_t kMaxMessageBytes = size_t{64} << 10;

thread_local OperationLog* current_log = nullptr;

struct LiveLogs {
  std::mutex mutex;
  std::vector<OperationLog*> logs;
};

LiveLogs& Live() {
  // Never destroyed: TensorRT's threads may log while the process exits.
  static LiveLogs& live = *new LiveLogs;
  return live;
}

// On a machine without a driver TensorRT-RTX reports CUDA's "no device" and "driver too old" as errors and builds all the
// same. Beside a real error they look like its cause.
bool IsAboutTheMissingDriver(const LogLine& line) {
  return line.severity <= LogSeverity::kError &&
         (line.message.find("cudaError 35") != std::string::npos ||
          line.message.find("cudaError 100") != std::string::npos) &&
         Driver::Get().table_or_null() == nullptr;
}

}  // namespace

void OperationLog::Add(const LogLine& line) {
  if (line.severity <= LogSeverity::kWarning) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (lines_.size() == kMaxLines) lines_.erase(lines_.begin());
    lines_.push_back(line);
  }
  if (watcher_ && line.severity <= LogSeverity::kInfo) watcher_(line);
}

std::vector<LogLine> OperationLog::Lines() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return lines_;
}

std::string OperationLog::ErrorText() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text;
  for (const LogLine& line : lines_) {
    if (line.severity > LogSeverity::kError) continue;
    if (!text.empty()) text += "; ";
    text += line.message;
  }
  return text;
}

LogScope::LogScope(OperationLog* log) : log_(log), outer_(current_log) {
  current_log = log;
  LiveLogs& live = Live();
  const std::lock_guard<std::mutex> lock(live.mutex);
  live.logs.push_back(log);
}

LogScope::~LogScope() {
  current_log = outer_;
  LiveLogs& live = Live();
  const std::lock_guard<std::mutex> lock(live.mutex);
  live.logs.erase(std::find(live.logs.rbegin(), live.logs.rend(), log_).base() - 1);
}

void DispatchLog(LogSeverity severity, const char* message) noexcept {
  try {
    LogLine line{severity, std::string(message, strnlen(message, kMaxMessageBytes))};
    if (IsAboutTheMissingDriver(line)) {
      line.severity = LogSeverity::kInfo;
      line.message += " (no driver is needed for this)";
    }
    if (current_log != nullptr) {
      current_log->Add(line);
      return;
    }
    LiveLogs& live = Live();
    const std::lock_guard<std::mutex> lock(live.mutex);
    for (auto log = live.logs.begin(); log != live.logs.end(); ++log) {
      // One that several threads have a scope of gets it once.
      if (std::find(live.logs.begin(), log, *log) == log) (*log)->Add(line);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch)
    // A log line is lost when memory is; TensorRT must not see an exception.
  }
}

}  // namespace trtnode
