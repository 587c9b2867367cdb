// TEST ONLY. IOptimizationProfile.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tensorrt/plan.h"
#include "tensorrt/wrapped.h"
#include "unimplemented.h"

namespace stub {

class OptimizationProfileStub final : public trt::apiv::UnimplementedVOptimizationProfile {
 public:
  bool setDimensions(const char* input, trt::OptProfileSelector which,
                     const trt::Dims& dims) noexcept override {
    ranges_[input][static_cast<size_t>(which)] = dims;
    return true;
  }
  trt::Dims getDimensions(const char* input,
                          trt::OptProfileSelector which) const noexcept override {
    const auto found = ranges_.find(input);
    return found == ranges_.end() ? trt::Dims{-1, {}}
                                  : found->second.at(static_cast<size_t>(which));
  }
  bool isValid() const noexcept override { return true; }

  ProfilePlan plan() const {
    ProfilePlan profile;
    for (const auto& [input, dims] : ranges_) {
      profile.push_back({input, dims[0], dims[1], dims[2], {}});
    }
    return profile;
  }

 private:
  std::map<std::string, std::array<trt::Dims, 3>> ranges_;
};

using ProfileApi = Wrapped<trt::IOptimizationProfile, OptimizationProfileStub>;

}  // namespace stub
