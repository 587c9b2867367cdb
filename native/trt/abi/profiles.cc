// Optimization profiles: what the user gave, held against what the network has.
#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

bool IsDynamic(const Dims& dims) {
  for (const int64_t dim : dims) {
    if (dim < 0) return true;
  }
  return false;
}

std::string Describe(const TensorInfo& input) {
  return input.name + " " + DimsToString(input.dims);
}

std::vector<TensorInfo> NetworkInputs(const trt::INetworkDefinition& network) {
  std::vector<TensorInfo> inputs;
  inputs.reserve(static_cast<size_t>(network.getNbInputs()));
  for (int i = 0; i < network.getNbInputs(); ++i) {
    inputs.push_back(DescribeNetworkTensor(*network.getInput(i)));
  }
  return inputs;
}

std::string ListOf(const std::vector<TensorInfo>& inputs, std::vector<std::string>* names) {
  std::string text;
  for (const TensorInfo& input : inputs) {
    text += (text.empty() ? "" : ", ") + Describe(input);
    names->push_back(input.name);
  }
  return text;
}

Error Invalid(const TensorInfo& input, const std::string& why) {
  return Error(ErrorCode::kProfileInvalid,
               "the profile of input " + Describe(input) + " does not fit: " + why)
      .With("input", input.name);
}

void CheckAgainst(const TensorInfo& input, const char* which, const Dims& dims) {
  if (dims.size() != input.dims.size()) {
    throw Invalid(input, std::string(which) + " " + DimsToString(dims) + " has rank " +
                             std::to_string(dims.size()) + ", the input has rank " +
                             std::to_string(input.dims.size()));
  }
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (input.dims[axis] >= 0 && dims[axis] != input.dims[axis]) {
      throw Invalid(input, std::string(which) + " " + DimsToString(dims) + " has " +
                               std::to_string(dims[axis]) + " at axis " + std::to_string(axis) +
                               ", where the model is fixed to " + std::to_string(input.dims[axis]));
    }
  }
}

void CheckKnownNames(const Profile& profile, const std::vector<TensorInfo>& inputs) {
  for (const auto& [name, range] : profile) {
    bool known = false;
    for (const TensorInfo& input : inputs) known = known || input.name == name;
    if (known) continue;
    std::vector<std::string> names;
    throw Error(ErrorCode::kProfileInvalid,
                "a profile names the input \"" + name +
                    "\", which the model does not have. Its inputs: " + ListOf(inputs, &names))
        .With("input", name)
        .With("inputs", names);
  }
}

void CheckAllOpenDimsCovered(const std::vector<TensorInfo>& inputs,
                             const std::vector<Profile>& profiles) {
  std::vector<TensorInfo> open;
  for (const TensorInfo& input : inputs) {
    if (!IsDynamic(input.dims)) continue;
    bool covered = !profiles.empty();
    for (const Profile& profile : profiles) covered = covered && profile.contains(input.name);
    if (!covered) open.push_back(input);
  }
  if (open.empty()) return;
  std::vector<std::string> names;
  const std::string list = ListOf(open, &names);
  throw Error(ErrorCode::kProfileMissing,
              "these inputs have dynamic dims (-1) and no profile: " + list +
                  ". Give each in `profiles`, for example profiles: [{ " + open.front().name +
                  ": { min: […], opt: […], max: […] } }]")
      .With("inputs", names);
}

void SetRange(trt::IOptimizationProfile* profile, const TensorInfo& input, const DimsRange& range) {
  const bool accepted =
      profile->setDimensions(input.name.c_str(), trt::OptProfileSelector::kMIN, ToTrt(range.min)) &&
      profile->setDimensions(input.name.c_str(), trt::OptProfileSelector::kOPT, ToTrt(range.opt)) &&
      profile->setDimensions(input.name.c_str(), trt::OptProfileSelector::kMAX, ToTrt(range.max));
  if (!accepted) {
    throw Invalid(input, "TensorRT refused min " + DimsToString(range.min) + ", opt " +
                             DimsToString(range.opt) + ", max " + DimsToString(range.max));
  }
}

}  // namespace

void AddProfiles(const BuildSpec& spec, const trt::INetworkDefinition& network,
                 trt::IBuilder* builder, trt::IBuilderConfig* config) {
  const std::vector<TensorInfo> inputs = NetworkInputs(network);
  for (const Profile& profile : spec.profiles) CheckKnownNames(profile, inputs);
  for (const TensorInfo& input : inputs) {
    if (input.is_shape_tensor) {
      throw Error(ErrorCode::kUnsupported,
                  "input " + Describe(input) +
                      " is a shape tensor: its values set other tensors' dims. This version of "
                      "trt-node cannot give values in a profile yet")
          .With("input", input.name);
    }
  }
  CheckAllOpenDimsCovered(inputs, spec.profiles);

  for (const Profile& given : spec.profiles) {
    // Owned by the builder.
    trt::IOptimizationProfile* profile = builder->createOptimizationProfile();
    for (const TensorInfo& input : inputs) {
      const auto found = given.find(input.name);
      if (found == given.end()) continue;
      CheckAgainst(input, "min", found->second.min);
      CheckAgainst(input, "opt", found->second.opt);
      CheckAgainst(input, "max", found->second.max);
      SetRange(profile, input, found->second);
    }
    if (!profile->isValid() || config->addOptimizationProfile(profile) < 0) {
      throw Error(ErrorCode::kProfileInvalid, "TensorRT refused an optimization profile");
    }
  }
}

}  // namespace trtnode::TRT_NODE_ABI
