// TEST ONLY. What TensorRT 10 does with a calibrator.
#pragma once

#include <map>
#include <string>

#include "driver/api.h"
#include "tensorrt/builder_config.h"
#include "tensorrt/network.h"

namespace stub {

// Asks the calibrator for its cache, or else for all of its batches, and gives it a cache to keep. `record` tells what came.
// False where the calibrator failed.
bool Calibrate(const NetworkStub& network, const BuilderConfigStub& config, DriverApi* driver,
               trt::ILogger* logger, std::map<std::string, std::string>* record);

}  // namespace stub
