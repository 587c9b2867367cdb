// IBuilderConfig as a BuildSpec asks for it.
#pragma once

#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

trt::NetworkDefinitionCreationFlags NetworkFlags(const BuildSpec& spec);

// Sets everything but profiles, calibrator and timing cache. CheckCapabilities has been passed. Throws Error(kUnsupported |
// kGpuUnsupported) where TensorRT does not take an option after all.
void Configure(const BuildSpec& spec, const trt::IBuilder& builder, trt::IBuilderConfig* config);

}  // namespace trtnode::TRT_NODE_ABI
