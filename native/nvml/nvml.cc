#include "nvml/nvml.h"

#include "core/dynamic_library.h"

namespace trtnode {

std::string DriverVersionFromNvml() {
  const DynamicLibrary library = DynamicLibrary::Open("libnvidia-ml.so.1");
  if (!library) return "";
  // nvmlReturn_t is an enum whose 0 is success.
  const auto init = library.Find<int (*)()>("nvmlInit_v2");
  const auto shutdown = library.Find<int (*)()>("nvmlShutdown");
  const auto version = library.Find<int (*)(char*, unsigned)>("nvmlSystemGetDriverVersion");
  if (init == nullptr || shutdown == nullptr || version == nullptr || init() != 0) return "";
  char text[96] = {};
  const bool known = version(text, sizeof(text) - 1) == 0;
  shutdown();
  return known ? text : "";
}

}  // namespace trtnode
