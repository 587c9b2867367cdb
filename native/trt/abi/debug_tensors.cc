#include "trt/abi/debug_tensors.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace trtnode::TRT_NODE_ABI {
namespace {

// What each tensor of the network is called by. Tensors without a name are nobody's to ask for.
std::map<std::string, trt::ITensor*> TensorsByName(const trt::INetworkDefinition& network) {
  std::map<std::string, trt::ITensor*> tensors;
  const auto add = [&](trt::ITensor* tensor) {
    if (tensor == nullptr || tensor->getName() == nullptr) return;
    tensors.emplace(tensor->getName(), tensor);
  };
  for (int i = 0; i < network.getNbInputs(); ++i) add(network.getInput(i));
  for (int i = 0; i < network.getNbLayers(); ++i) {
    const trt::ILayer& layer = *network.getLayer(i);
    for (int j = 0; j < layer.getNbOutputs(); ++j) add(layer.getOutput(j));
  }
  tensors.erase("");
  return tensors;
}

// Levenshtein's, in lower case, of the first 64 characters.
size_t EditDistance(const std::string& left, const std::string& right) {
  constexpr size_t kLongest = 64;
  const auto lower = [](char character) {
    return std::tolower(static_cast<unsigned char>(character));
  };
  const size_t width = std::min(right.size(), kLongest);
  std::vector<size_t> previous(width + 1);
  std::iota(previous.begin(), previous.end(), size_t{0});
  for (size_t i = 0; i < std::min(left.size(), kLongest); ++i) {
    std::vector<size_t> row = {i + 1};
    for (size_t j = 0; j < width; ++j) {
      const size_t replaced = previous[j] + (lower(left[i]) == lower(right[j]) ? 0 : 1);
      row.push_back(std::min({replaced, previous[j + 1] + 1, row[j] + 1}));
    }
    previous = std::move(row);
  }
  return previous.back();
}

// The names that are most like it, the best first. Parsers name tensors by the whole path of their modules, so one that contains the other
// is near as well.
std::vector<std::string> Nearest(const std::string& name,
                                 const std::map<std::string, trt::ITensor*>& tensors) {
  constexpr size_t kMostNames = 5;
  const size_t farthest = std::max<size_t>(2, name.size() / 3);
  std::vector<std::pair<size_t, std::string>> near;
  for (const auto& [candidate, tensor] : tensors) {
    const size_t distance = EditDistance(name, candidate);
    if (distance <= farthest) {
      near.emplace_back(distance, candidate);
    } else if (candidate.find(name) != std::string::npos) {
      near.emplace_back(farthest + candidate.size() - name.size(), candidate);
    }
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;
  for (const auto& [distance, candidate] : near) {
    if (names.size() == kMostNames) break;
    names.push_back(candidate);
  }
  return names;
}

Error UnknownTensor(const std::string& name, const std::map<std::string, trt::ITensor*>& tensors) {
  const std::vector<std::string> near = Nearest(name, tensors);
  std::string list;
  for (const std::string& candidate : near) {
    list += (list.empty() ? "" : ", ") + ("\"" + candidate + "\"");
  }
  return Error(ErrorCode::kInvalidArg,
               "expected names of tensors for `debugTensors`, but the network has no tensor \"" +
                   name + "\" among its " + std::to_string(tensors.size()) + ". " +
                   (near.empty() ? "The names are those of the ONNX model's values: a viewer of "
                                   "ONNX files shows them"
                                 : "Did you mean " + list + "?"))
      .With("argument", std::string("options.debugTensors"))
      .With("tensor", name)
      .With("nearest", near);
}

}  // namespace

void MarkDebugTensors(const std::vector<std::string>& names, trt::INetworkDefinition* network,
                      OperationLog* log) {
  if (names.empty()) return;
  const std::map<std::string, trt::ITensor*> tensors = TensorsByName(*network);
  for (const std::string& name : names) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw UnknownTensor(name, tensors);
    // TensorRT takes it, and then has no kernel for it (tried with RTX 1.7.1).
    if (found->second->isNetworkInput()) {
      throw Error(ErrorCode::kInvalidArg,
                  "expected names of tensors inside of the network for `debugTensors`, but \"" +
                      name + "\" is an input, whose value is what you pass. Leave it out")
          .With("argument", std::string("options.debugTensors"))
          .With("tensor", name);
    }
    if (network->markDebug(*found->second) && network->isDebugTensor(*found->second)) continue;
    const std::string words = log->ErrorText();
    throw Error(ErrorCode::kUnsupported,
                "this TensorRT does not take tensor \"" + name + "\" as a debug tensor" +
                    (words.empty() ? "" : ": " + words) + ". Leave it out of `debugTensors`")
        .With("option", std::string("debugTensors"))
        .With("tensor", name)
        .WithLog(log->Lines());
  }
}

void DebugListener::SetSink(DebugSink* sink) {
  sink_ = sink;
  failure_ = nullptr;
}

void DebugListener::RethrowFailure() const {
  if (failure_) std::rethrow_exception(failure_);
}

bool DebugListener::processDebugTensor(const void* data, trt::TensorLocation location,
                                       trt::DataType type, const trt::Dims& dims, const char* name,
                                       cudaStream_t stream) noexcept {
  if (sink_ == nullptr) return true;
  try {
    sink_->Take(
        {name, FromTrt(type), FromTrt(dims), data, location == trt::TensorLocation::kHOST, stream});
    return true;
  } catch (...) {
    failure_ = std::current_exception();
    return false;
  }
}

}  // namespace trtnode::TRT_NODE_ABI
