// TEST ONLY. Checks, each in a process of its own: one line each, and what it printed where it failed.
#pragma once

#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/error.h"

namespace sanitize {

// A check that did not hold.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Check {
 public:
  // Registers it.
  Check(const char* name, void (*run)());
};

void Expect(bool holds, const std::string& what);

template <typename Left, typename Right>
void ExpectEqual(const Left& found, const Right& expected, const std::string& what) {
  if (found == expected) return;
  throw Failure(what + ": expected " + std::to_string(expected) + ", found " +
                std::to_string(found));
}

// None, or one of this code.
void ExpectError(const std::optional<trtnode::Error>& error, trtnode::ErrorCode code,
                 const std::string& what);
void ExpectNoError(const std::optional<trtnode::Error>& error, const std::string& what);

// What `work` throws, as it reaches JavaScript; none where it throws nothing.
template <typename Work>
std::optional<trtnode::Error> ErrorOf(Work work) {
  try {
    work();
    return std::nullopt;
  } catch (const trtnode::Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return trtnode::Error(trtnode::ErrorCode::kOutOfMemory, "std::bad_alloc");
  }
}

}  // namespace sanitize

#define TRT_NODE_CHECK(name)                                   \
  static void name();                                          \
  static const ::sanitize::Check check_of_##name(#name, name); \
  static void name()
