// Optimization profiles: what the user gave, held against what the network has.
#include "trt/abi/profiles.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

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

bool GivesValues(const Profile& profile, const TensorInfo& input) {
  const auto range = profile.find(input.name);
  return range != profile.end() && range->second.values.has_value();
}

// The inputs of a kind that some profile leaves open.
template <typename OfKind, typename Covers>
std::vector<TensorInfo> OpenInputs(const std::vector<TensorInfo>& inputs,
                                   const std::vector<Profile>& profiles, OfKind of_kind,
                                   Covers covers) {
  std::vector<TensorInfo> open;
  for (const TensorInfo& input : inputs) {
    if (!of_kind(input)) continue;
    bool covered = !profiles.empty();
    for (const Profile& profile : profiles) covered = covered && covers(profile, input);
    if (!covered) open.push_back(input);
  }
  return open;
}

bool IsDynamicInput(const TensorInfo& input) { return IsDynamic(input.dims); }
bool IsShapeTensor(const TensorInfo& input) { return input.is_shape_tensor; }
bool GivesDims(const Profile& profile, const TensorInfo& input) {
  return profile.contains(input.name);
}

void CheckDimsCovered(const std::vector<TensorInfo>& inputs, const std::vector<Profile>& profiles) {
  const std::vector<TensorInfo> open = OpenInputs(inputs, profiles, IsDynamicInput, GivesDims);
  if (open.empty()) return;
  std::vector<std::string> names;
  const std::string list = ListOf(open, &names);
  throw Error(ErrorCode::kProfileMissing,
              "these inputs have dynamic dims (-1) and no profile: " + list +
                  ". Give each in `profiles`, for example profiles: [{ " + open.front().name +
                  ": { min: […], opt: […], max: […] } }]")
      .With("inputs", names);
}

void CheckValuesCovered(const std::vector<TensorInfo>& inputs,
                        const std::vector<Profile>& profiles) {
  const std::vector<TensorInfo> valueless =
      OpenInputs(inputs, profiles, IsShapeTensor, GivesValues);
  if (valueless.empty()) return;
  std::vector<std::string> names;
  const std::string list = ListOf(valueless, &names);
  throw Error(ErrorCode::kProfileMissing,
              "the values of these inputs set other tensors' dims (shape tensors), and no profile "
              "says which values they take: " +
                  list + ". Give each in `profiles`, for example profiles: [{ " +
                  valueless.front().name + ": { values: { min: […], opt: […], max: […] } } }]")
      .With("inputs", names);
}

bool SetValues(trt::IOptimizationProfile* profile, const LibraryVersion& version,
               const TensorInfo& input, trt::OptProfileSelector selector, const Dims& values) {
  const auto count = static_cast<int32_t>(values.size());
#if defined(TRT_NODE_ABI_V10)
  // 64-bit values came with 10.11.
  if (!version.AtLeast(10, 11)) {
    std::vector<int32_t> narrow;
    for (const int64_t value : values) {
      if (value != static_cast<int32_t>(value)) {
        throw Invalid(input, "TensorRT " + version.ToString() + " takes 32-bit values, not " +
                                 std::to_string(value));
      }
      narrow.push_back(static_cast<int32_t>(value));
    }
    return profile->setShapeValues(input.name.c_str(), selector, narrow.data(), count);
  }
#else
  static_cast<void>(version);
#endif
  return profile->setShapeValuesV2(input.name.c_str(), selector, values.data(), count);
}

void SetValueRange(trt::IOptimizationProfile* profile, const LibraryVersion& version,
                   const TensorInfo& input, const DimsRange& values) {
  if (!input.is_shape_tensor) {
    throw Invalid(input,
                  "it has `values`, but TensorRT needs none: they set no other tensor's "
                  "dims. Leave `values` out");
  }
  const auto given = static_cast<int64_t>(values.max.size());
  if (!IsDynamic(input.dims) && given != ElementCount(input.dims)) {
    throw Invalid(input, "it has " + std::to_string(ElementCount(input.dims)) +
                             " elements, but `values` has " + std::to_string(given));
  }
  const bool accepted =
      SetValues(profile, version, input, trt::OptProfileSelector::kMIN, values.min) &&
      SetValues(profile, version, input, trt::OptProfileSelector::kOPT, values.opt) &&
      SetValues(profile, version, input, trt::OptProfileSelector::kMAX, values.max);
  if (accepted) return;
  throw Invalid(input, "TensorRT refused values from " + DimsToString(values.min) + " to " +
                           DimsToString(values.max));
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

trt::IOptimizationProfile* MakeProfile(const Profile& given, const LibraryVersion& version,
                                       const trt::INetworkDefinition& network,
                                       trt::IBuilder* builder, OperationLog* log) {
  const std::vector<TensorInfo> inputs = NetworkInputs(network);
  CheckKnownNames(given, inputs);
  trt::IOptimizationProfile* profile = builder->createOptimizationProfile();
  for (const TensorInfo& input : inputs) {
    const auto found = given.find(input.name);
    if (found == given.end()) continue;
    const auto& [dims, values] = found->second;
    CheckAgainst(input, "min", dims.min);
    CheckAgainst(input, "opt", dims.opt);
    CheckAgainst(input, "max", dims.max);
    if (IsDynamic(input.dims) || !input.is_shape_tensor) SetRange(profile, input, dims);
    if (values) SetValueRange(profile, version, input, *values);
  }
  if (profile->isValid()) return profile;
  throw Error(ErrorCode::kProfileInvalid,
              "TensorRT refused an optimization profile: " + log->ErrorText());
}

void AddProfiles(const BuildSpec& spec, const LibraryVersion& version,
                 const trt::INetworkDefinition& network, trt::IBuilder* builder,
                 trt::IBuilderConfig* config, OperationLog* log) {
  const std::vector<TensorInfo> inputs = NetworkInputs(network);
  // A wrong name is the likeliest reason for an input that is left open.
  for (const Profile& profile : spec.profiles) CheckKnownNames(profile, inputs);
  CheckDimsCovered(inputs, spec.profiles);
  CheckValuesCovered(inputs, spec.profiles);
  for (const Profile& given : spec.profiles) {
    if (config->addOptimizationProfile(MakeProfile(given, version, network, builder, log)) < 0) {
      throw Error(ErrorCode::kProfileInvalid,
                  "TensorRT refused an optimization profile: " + log->ErrorText());
    }
  }
}

}  // namespace trtnode::TRT_NODE_ABI
