// TEST ONLY. The entry points. Apart from the headers, which promise that they throw nothing: a library that breaks the
// promise is one of the faults.
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "exit/inside.h"
#include "exit/phase.h"
#include "tensorrt/library.h"

namespace stub {
class DriverApi;
DriverApi* FindDriver();
void* CreateRuntime(void* logger);
void* CreateBuilder(void* logger, DriverApi* driver);
void* CreateRefitter(void* engine, void* logger);
}  // namespace stub

extern "C" __attribute__((visibility("default"))) void* createInferRuntime_INTERNAL(void* logger,
                                                                                    int) {
  const stub::Inside inside;
  stub::Inside::OpenAnotherLibrary();
  stub::ReachPhase("createInferRuntime");
  const char* const fault = std::getenv("TRT_NODE_STUB_FACTORY");
  if (fault != nullptr && std::strcmp(fault, "bad-alloc") == 0) throw std::bad_alloc();
  if (fault != nullptr && std::strcmp(fault, "exception") == 0) {
    throw std::runtime_error("stub: thrown by the factory");
  }
  if (fault != nullptr && std::strcmp(fault, "null") == 0) return nullptr;
  return stub::CreateRuntime(logger);
}

extern "C" __attribute__((visibility("default"))) void* createInferBuilder_INTERNAL(void* logger,
                                                                                    int) {
  const stub::Inside inside;
  stub::Inside::OpenAnotherLibrary();
  stub::ReachPhase("createInferBuilder");
  return stub::CreateBuilder(logger, stub::FindDriver());
}

extern "C" __attribute__((visibility("default"))) void* createInferRefitter_INTERNAL(void* engine,
                                                                                     void* logger,
                                                                                     int) {
  const stub::Inside inside;
  return stub::CreateRefitter(engine, logger);
}

extern "C" __attribute__((visibility("default"))) int getInferLibVersion() {
  const stub::Inside inside;
  const stub::Version version = stub::LibraryVersion();
  return version.major * 10000 + version.minor * 100 + version.patch;
}
