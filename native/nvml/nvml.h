// NVIDIA's management library, optional: libnvidia-ml.so.1 opened by name.
#pragma once

#include <string>

namespace trtnode {

// e.g. "580.159.04"; empty where NVML is missing.
std::string DriverVersionFromNvml();

}  // namespace trtnode
