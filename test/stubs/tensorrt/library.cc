#include "tensorrt/library.h"

#include <cstdio>
#include <cstdlib>

#include "driver/api.h"

namespace stub {
namespace {

Version Default() {
#if defined(TRT_NODE_STUB_V10)
  return {10, 6, 0};
#elif defined(TRT_NODE_STUB_V11)
  return {11, 4, 0};
#else
  return {1, 7, 1};
#endif
}

}  // namespace

// The driver's stub has one of its own: the two libraries share no symbol.
void Die(const std::string& why) {
  std::fprintf(stderr, "stub: %s\n", why.c_str());
  std::fflush(stderr);
  std::abort();
}

Version LibraryVersion() {
  static const Version version = [] {
    const char* const wanted = std::getenv("TRT_NODE_STUB_VERSION");
    Version given;
    if (wanted == nullptr ||
        std::sscanf(wanted, "%d.%d.%d", &given.major, &given.minor, &given.patch) != 3 ||
        given.major != Default().major) {
      return Default();
    }
    return given;
  }();
  return version;
}

void Since(int major, int minor, const char* method) {
  const Version own = LibraryVersion();
  if (own.major > major || (own.major == major && own.minor >= minor)) return;
  Die(std::string(method) + " was called on version " + own.Text() + ", which has no such method");
}

void NotImplemented(const char* method) { Die(std::string(method) + " is not implemented"); }

}  // namespace stub
