// TEST ONLY. A plugin library as IPluginRegistry::loadLibrary takes it: with no plugin in it.
#include <cstdint>

extern "C" __attribute__((visibility("default"))) void setLoggerFinder(void*) {}

extern "C" __attribute__((visibility("default"))) void* const* getCreators(int32_t& count) {
  count = 0;
  return nullptr;
}
