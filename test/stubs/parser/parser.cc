// TEST ONLY. The ONNX parser: Identity becomes a layer, an initializer that is used a constant, and everything else is said not
// to be supported. It reaches the network through its interface, as NVIDIA's does.
#include <deque>
#include <map>

#include "exit/inside.h"
#include "exit/phase.h"
#include "parser/onnx.h"
#include "parser/parser_error.h"
#include "tensorrt/library.h"
#include "unimplemented_parser.h"

namespace stub {

namespace trt = ::nvinfer1;
using nvonnxparser::ErrorCode;

trt::DataType DataTypeOf(int onnx_type) {
  static const std::map<int, trt::DataType> kTypes = {
      {1, trt::DataType::kFLOAT}, {2, trt::DataType::kUINT8}, {3, trt::DataType::kINT8},
      {6, trt::DataType::kINT32}, {7, trt::DataType::kINT64}, {9, trt::DataType::kBOOL},
      {10, trt::DataType::kHALF}, {16, trt::DataType::kBF16}};
  const auto found = kTypes.find(onnx_type);
  if (found == kTypes.end()) Die("the stub parser met the type " + std::to_string(onnx_type));
  return found->second;
}

trt::Dims DimsOf(const std::vector<int64_t>& dims) {
  trt::Dims result{};
  result.nbDims = static_cast<int32_t>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) result.d[i] = dims[i];
  return result;
}

int64_t CountOf(const std::vector<int64_t>& dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

namespace {

class ParserStub final : public nvonnxparser::UnimplementedIParser {
 public:
  ParserStub(trt::INetworkDefinition* network, trt::ILogger* logger)
      : network_(network), logger_(logger) {}

  bool parse(const void* bytes, size_t size, const char* path) noexcept override {
    const Inside inside;
    ReachPhase();
    if (!Read(bytes, size, path) || !CheckNodes()) return false;
    std::map<std::string, trt::ITensor*> tensors;
    for (const onnx::Value& input : model_.inputs) {
      tensors[input.name] =
          network_->addInput(input.name.c_str(), DataTypeOf(input.type), DimsOf(input.dims));
    }
    for (const onnx::Node& node : model_.nodes) AddNode(node, &tensors);
    for (const onnx::Value& output : model_.outputs) {
      const auto found = tensors.find(output.name);
      if (found == tensors.end()) return Fail({ErrorCode::kINVALID_GRAPH, "no " + output.name});
      found->second->setName(output.name.c_str());
      network_->markOutput(*found->second);
    }
    return true;
  }

  bool supportsModelV2(const void* bytes, size_t size, const char* path) noexcept override {
    const Inside inside;
#if defined(TRT_NODE_STUB_V10)
    Since(10, 1, "supportsModelV2");
#endif
    if (!Read(bytes, size, path)) return false;
    subgraphs_.clear();
    for (size_t i = 0; i < model_.nodes.size(); ++i) {
      const bool supported = IsSupported(model_.nodes[i]);
      if (subgraphs_.empty() || subgraphs_.back().supported != supported) {
        subgraphs_.push_back({supported, {}});
      }
      subgraphs_.back().nodes.push_back(static_cast<int64_t>(i));
    }
    return CheckNodes();
  }
  int64_t getNbSubgraphs() noexcept override { return static_cast<int64_t>(subgraphs_.size()); }
  bool isSubgraphSupported(int64_t index) noexcept override {
    return subgraphs_.at(static_cast<size_t>(index)).supported;
  }
  int64_t* getSubgraphNodes(int64_t index, int64_t& length) noexcept override {
    std::vector<int64_t>& nodes = subgraphs_.at(static_cast<size_t>(index)).nodes;
    length = static_cast<int64_t>(nodes.size());
    return nodes.data();
  }
  bool supportsOperator(const char* op) const noexcept override {
    return std::string(op) == "Identity";
  }

  int getNbErrors() const noexcept override { return static_cast<int>(errors_.size()); }
  const nvonnxparser::IParserError* getError(int index) const noexcept override {
    return &errors_.at(static_cast<size_t>(index));
  }
  void clearErrors() noexcept override { errors_.clear(); }
  void setFlag(nvonnxparser::OnnxParserFlag flag) noexcept override {
    flags_ |= 1U << static_cast<uint32_t>(flag);
  }
  void setFlags(nvonnxparser::OnnxParserFlags flags) noexcept override { flags_ = flags; }
  nvonnxparser::OnnxParserFlags getFlags() const noexcept override { return flags_; }

 private:
  struct Subgraph {
    bool supported;
    std::vector<int64_t> nodes;
  };

  static bool IsSupported(const onnx::Node& node) {
    return node.op == "Identity" && node.domain.empty() && node.inputs.size() == 1;
  }

  bool Read(const void* bytes, size_t size, const char* path) {
    std::optional<onnx::Model> model = onnx::ReadModel(bytes, size, path);
    if (!model) return Fail({ErrorCode::kMODEL_DESERIALIZE_FAILED, "this is no ONNX model"});
    model_ = std::move(*model);
    return true;
  }

  bool CheckNodes() {
    for (size_t i = 0; i < model_.nodes.size(); ++i) {
      const onnx::Node& node = model_.nodes[i];
      if (IsSupported(node)) continue;
      Fail({ErrorCode::kUNSUPPORTED_NODE, "the stub knows Identity alone", static_cast<int>(i),
            node.name, node.op});
    }
    return errors_.empty();
  }

  void AddNode(const onnx::Node& node, std::map<std::string, trt::ITensor*>* tensors) {
    trt::ITensor*& input = (*tensors)[node.inputs.front()];
    for (const onnx::Tensor& constant : model_.initializers) {
      if (input != nullptr || constant.name != node.inputs.front()) continue;
      const trt::Weights weights{DataTypeOf(constant.type), constant.data.data(),
                                 CountOf(constant.dims)};
      trt::IConstantLayer* const layer = network_->addConstant(DimsOf(constant.dims), weights);
      layer->setName(constant.name.c_str());
      network_->setWeightsName(weights, constant.name.c_str());
      input = layer->getOutput(0);
      input->setName(constant.name.c_str());
    }
    if (input == nullptr) Die("the node " + node.name + " reads what nobody writes");
    trt::IIdentityLayer* const layer = network_->addIdentity(*input);
    layer->setName(node.name.c_str());
    trt::ITensor* const output = layer->getOutput(0);
    output->setName(node.outputs.front().c_str());
    (*tensors)[node.outputs.front()] = output;
  }

  bool Fail(ParserErrorStub error) {
    logger_->log(trt::ILogger::Severity::kERROR, error.desc());
    errors_.push_back(std::move(error));
    return false;
  }

  trt::INetworkDefinition* const network_;
  trt::ILogger* const logger_;
  // With the weights, which the network reads until it is built.
  onnx::Model model_;
  std::deque<ParserErrorStub> errors_;
  std::vector<Subgraph> subgraphs_;
  uint32_t flags_ = 0;
};

// Sets the initializers of a model as the weights of an engine.
class ParserRefitterStub final : public nvonnxparser::UnimplementedIParserRefitter {
 public:
  ParserRefitterStub(trt::IRefitter* refitter, trt::ILogger* logger)
      : refitter_(refitter), logger_(logger) {}

  bool refitFromBytes(const void* bytes, size_t size, const char* path) noexcept override {
    const Inside inside;
    std::optional<onnx::Model> model = onnx::ReadModel(bytes, size, path);
    if (!model) return Fail({ErrorCode::kMODEL_DESERIALIZE_FAILED, "this is no ONNX model"});
    model_ = std::move(*model);
    for (const onnx::Tensor& constant : model_.initializers) {
      const trt::Weights weights{DataTypeOf(constant.type), constant.data.data(),
                                 CountOf(constant.dims)};
      if (refitter_->setNamedWeights(constant.name.c_str(), weights)) continue;
      return Fail({ErrorCode::kREFIT_FAILED, "the engine has no such weights: " + constant.name});
    }
    return true;
  }
  int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(errors_.size()); }
  const nvonnxparser::IParserError* getError(int32_t index) const noexcept override {
    return &errors_.at(static_cast<size_t>(index));
  }
  void clearErrors() override { errors_.clear(); }

 private:
  bool Fail(ParserErrorStub error) {
    logger_->log(trt::ILogger::Severity::kERROR, error.desc());
    errors_.push_back(std::move(error));
    return false;
  }

  trt::IRefitter* const refitter_;
  trt::ILogger* const logger_;
  onnx::Model model_;
  std::deque<ParserErrorStub> errors_;
};

}  // namespace
}  // namespace stub

extern "C" __attribute__((visibility("default"))) void* createNvOnnxParser_INTERNAL(void* network,
                                                                                    void* logger,
                                                                                    int) {
  const stub::Inside inside;
  return static_cast<nvonnxparser::IParser*>(
      new stub::ParserStub(static_cast<nvinfer1::INetworkDefinition*>(network),
                           static_cast<nvinfer1::ILogger*>(logger)));
}

extern "C" __attribute__((visibility("default"))) void* createNvOnnxParserRefitter_INTERNAL(
    void* refitter, void* logger, int) {
  const stub::Inside inside;
  return static_cast<nvonnxparser::IParserRefitter*>(new stub::ParserRefitterStub(
      static_cast<nvinfer1::IRefitter*>(refitter), static_cast<nvinfer1::ILogger*>(logger)));
}

extern "C" __attribute__((visibility("default"))) int getNvOnnxParserVersion() {
  const stub::Inside inside;
  const stub::Version version = stub::LibraryVersion();
  return version.major * 10000 + version.minor * 100 + version.patch;
}
