// Where TensorRT's log lines go: to the operation that caused them, bounded, and to whoever watches it.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"

namespace trtnode {

// The warnings and errors of one operation. Thread-safe: TensorRT logs from threads of its own.
class OperationLog {
 public:
  using Watcher = std::function<void(const LogLine&)>;

  // `watcher` sees every line of severity info and worse, on whichever thread TensorRT logs from.
  explicit OperationLog(Watcher watcher = nullptr) : watcher_(std::move(watcher)) {}

  void Add(const LogLine& line);

  // Warnings and errors, oldest first; the newest kMaxLines of them.
  std::vector<LogLine> Lines() const;

  // The errors' texts joined for a message; empty when there was none.
  std::string ErrorText() const;

 private:
  static constexpr size_t kMaxLines = 200;
  const Watcher watcher_;
  mutable std::mutex mutex_;
  std::vector<LogLine> lines_;
};

// While it lives, lines logged on this thread go to `log`; lines from threads without a scope go to every live one.
class LogScope {
 public:
  explicit LogScope(OperationLog* log);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  OperationLog* log_;
  OperationLog* outer_;
};

// Called by the ABIs' ILogger. A message longer than 64 KiB is cut.
void DispatchLog(LogSeverity severity, const char* message) noexcept;

}  // namespace trtnode
