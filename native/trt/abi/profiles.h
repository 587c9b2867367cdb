// Optimization profiles of a network, as a user gave them.
#pragma once

#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

// Adds spec's profiles to the config. Throws Error(kProfileInvalid | kProfileMissing), listing every input concerned.
void AddProfiles(const BuildSpec& spec, const LibraryVersion& version,
                 const trt::INetworkDefinition& network, trt::IBuilder* builder,
                 trt::IBuilderConfig* config, OperationLog* log);

// One profile, owned by the builder. Throws Error(kProfileInvalid).
trt::IOptimizationProfile* MakeProfile(const Profile& given, const LibraryVersion& version,
                                       const trt::INetworkDefinition& network,
                                       trt::IBuilder* builder, OperationLog* log);

}  // namespace trtnode::TRT_NODE_ABI
