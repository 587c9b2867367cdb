#include "check.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

// Long before CI would give up, so that a deadlock has a name.
static constexpr unsigned kLongestSeconds = 60;

namespace sanitize {
namespace {

struct Entry {
  const char* name;
  void (*run)();
};

std::vector<Entry>& Entries() {
  static std::vector<Entry> entries;
  return entries;
}

// Faults that each sanitizer is there to find.
#if defined(__SANITIZE_THREAD__)

void Race() {
  int number = 0;
  std::thread other([&number] { ++number; });
  ++number;
  other.join();
}

std::vector<Entry> Proofs() { return {{"proof_of_a_race", Race}}; }

#elif defined(__SANITIZE_ADDRESS__)

void UseAfterFree() {
  auto number = std::make_unique<int>(1);
  const int* const kept = number.get();
  number.reset();
  if (*static_cast<const volatile int*>(kept) == 0) std::abort();
}

void Leak() {
  auto number = std::make_unique<int>(1);
  if (*static_cast<volatile int*>(number.release()) == 0) std::abort();
}

void Overflow() {
  volatile int number = std::numeric_limits<int>::max();
  number = number + 1;
}

std::vector<Entry> Proofs() {
  return {{"proof_of_a_use_after_free", UseAfterFree},
          {"proof_of_a_leak", Leak},
          {"proof_of_an_overflow", Overflow}};
}

#else

std::vector<Entry> Proofs() { return {}; }

#endif

// In the child: the sanitizers say at its end what they found, and change its exit code.
[[noreturn]] void RunInChild(const Entry& entry) {
  alarm(kLongestSeconds);
  int status = 0;
  try {
    entry.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  std::fflush(nullptr);
  std::exit(status);
}

std::string ReadAll(int file) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(file, buffer, sizeof(buffer));
    if (count <= 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

// What it printed and how it ended, where it failed.
std::optional<std::string> FailureOf(const Entry& entry) {
  int ends[2] = {};
  if (pipe2(ends, O_CLOEXEC) != 0) throw Failure("no pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw Failure("no process");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    RunInChild(entry);
  }
  close(ends[1]);
  std::string words = ReadAll(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  // A sanitizer that only warns is a failure too: nobody would read it.
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && words.empty()) return std::nullopt;
  if (WIFEXITED(status)) return "exit code " + std::to_string(WEXITSTATUS(status)) + '\n' + words;
  const int signal = WTERMSIG(status);
  return std::string("ended by ") + (signal == SIGALRM ? "its time limit" : strsignal(signal)) +
         '\n' + words;
}

bool Report(const Entry& entry, bool passed, std::chrono::steady_clock::time_point start,
            const std::string& words) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%-7s%s (%.1f s)\n", passed ? "ok" : "FAILED", entry.name, seconds.count());
  if (!passed) std::printf("%s\n", words.c_str());
  return passed;
}

bool RunOne(const Entry& entry) {
  const auto start = std::chrono::steady_clock::now();
  const std::optional<std::string> failure = FailureOf(entry);
  return Report(entry, !failure, start, failure.value_or(""));
}

// The other way round: a sanitizer that is at work finds this.
bool Prove(const Entry& entry) {
  const auto start = std::chrono::steady_clock::now();
  return Report(entry, FailureOf(entry).has_value(), start, "the sanitizer did not find it");
}

bool IsWanted(const Entry& entry, int count, char** names) {
  if (count == 0) return true;
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(names[i], entry.name) == 0) return true;
  }
  return false;
}

}  // namespace

Check::Check(const char* name, void (*run)()) { Entries().push_back({name, run}); }

void Expect(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

void ExpectNoError(const std::optional<trtnode::Error>& error, const std::string& what) {
  if (!error) return;
  throw Failure(what + ": " + trtnode::ErrorCodeName(error->code()) + ": " + error->message());
}

void ExpectError(const std::optional<trtnode::Error>& error, trtnode::ErrorCode code,
                 const std::string& what) {
  if (error && error->code() == code) return;
  const std::string found =
      error ? trtnode::ErrorCodeName(error->code()) + (": " + error->message()) : "no error";
  throw Failure(what + ": expected " + trtnode::ErrorCodeName(code) + ", found " + found);
}

}  // namespace sanitize

// Names of checks as arguments: those alone.
int main(int count, char** arguments) {
  int passed = 0;
  int failed = 0;
  for (const auto& entry : sanitize::Proofs()) {
    if (!sanitize::IsWanted(entry, count - 1, arguments + 1)) continue;
    (sanitize::Prove(entry) ? passed : failed) += 1;
  }
  for (const auto& entry : sanitize::Entries()) {
    if (!sanitize::IsWanted(entry, count - 1, arguments + 1)) continue;
    (sanitize::RunOne(entry) ? passed : failed) += 1;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
