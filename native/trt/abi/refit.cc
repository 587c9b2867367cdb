// New weights for an engine: from the model's file through TensorRT's parser, or by name.
#include <algorithm>
#include <map>
#include <set>

#include "trt/abi/adapters.h"
#include "trt/staged_model.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

std::string Quoted(const std::string& name) { return "\"" + name + "\""; }

Error RefitError(const char* reason, const std::string& message) {
  return Error(ErrorCode::kRefit, message).With("reason", std::string(reason));
}

std::string Described(DataType type, int64_t elements) {
  return std::string(DataTypeName(type)) + " with " + std::to_string(elements) + " elements";
}

class AbiRefitter final : public Refitter {
 public:
  explicit AbiRefitter(std::unique_ptr<trt::IRefitter> refitter) : refitter_(std::move(refitter)) {}

  std::vector<WeightsInfo> All() override {
    std::vector<WeightsInfo> all;
    const int count = refitter_->getAllWeights(0, nullptr);
    std::vector<const char*> names(static_cast<size_t>(std::max(0, count)));
    if (count > 0) refitter_->getAllWeights(count, names.data());
    for (const char* name : names) {
      const trt::Weights prototype = refitter_->getWeightsPrototype(name);
      all.push_back({name, FromTrt(prototype.type), prototype.count});
    }
    return all;
  }

  std::vector<std::string> Missing() override {
    const int count = refitter_->getMissingWeights(0, nullptr);
    std::vector<const char*> names(static_cast<size_t>(std::max(0, count)));
    if (count > 0) refitter_->getMissingWeights(count, names.data());
    return {names.begin(), names.end()};
  }

  void SetFromModel(const ModelFile& model, CreateParserRefitter create,
                    OperationLog* log) override {
    auto staged = std::make_unique<StagedModel>(model);
    std::unique_ptr<onnx::IParserRefitter> parser(static_cast<onnx::IParserRefitter*>(
        create(refitter_.get(), &ProcessLogger(), NV_ONNX_PARSER_VERSION)));
    if (!parser) {
      throw Error(ErrorCode::kBuilderMissing,
                  "TensorRT's ONNX parser could not be made: " + log->ErrorText())
          .WithLog(log->Lines());
    }
    const bool done = parser->refitFromBytes(staged->bytes().data(), staged->bytes().size(),
                                             staged->path().c_str());
    staged->RequireUnchanged();
    if (!done || parser->getNbErrors() > 0) {
      const int count = parser->getNbErrors();
      std::vector<std::string> errors;
      errors.reserve(static_cast<size_t>(count));
      for (int i = 0; i < count; ++i) {
        errors.push_back(ParserErrorLine(DescribeParserError(*parser->getError(i))));
      }
      throw RefitError("model", "the weights of " + model.path + " do not fit this engine: " +
                                    (errors.empty() ? log->ErrorText() : errors.front()) +
                                    ". Refit with the model that the engine was built from, with "
                                    "the same nodes and names and other weights")
          .With("path", model.path)
          .With("errors", std::move(errors))
          .WithLog(log->Lines());
    }
    // TensorRT reads what the parser read only when the weights are applied.
    staged_ = std::move(staged);
    parser_ = std::move(parser);
  }

  void Set(std::vector<NamedWeights> weights, OperationLog* log) override {
    std::map<std::string, WeightsInfo> all;
    for (WeightsInfo& info : All()) all[info.name] = info;
    for (const NamedWeights& given : weights) {
      const auto known = all.find(given.info.name);
      if (known == all.end()) throw Unknown(given.info.name, all);
      RequireEqual(given.info, known->second);
    }
    for (NamedWeights& given : weights) {
      const std::string name = given.info.name;
      const trt::Weights value{refitter_->getWeightsPrototype(name.c_str()).type, given.data.data(),
                               given.info.elements};
      if (!refitter_->setNamedWeights(name.c_str(), value)) {
        throw RefitError("refused", "TensorRT does not take the weights " + Quoted(name) + ": " +
                                        log->ErrorText() +
                                        ". engine.refittableWeights() tells what it takes")
            .With("weights", name)
            .WithLog(log->Lines());
      }
      named_[name] = std::move(given.data);
    }
  }

  void Apply(CUstream stream, OperationLog* log) override {
    if (refitter_->refitCudaEngineAsync(stream)) return;
    throw RefitError("failed", "TensorRT could not set the weights: " + log->ErrorText() +
                                   ". Some of them may be set: refit with all of them before the "
                                   "engine is used again")
        .WithLog(log->Lines());
  }

 private:
  static Error Unknown(const std::string& name, const std::map<std::string, WeightsInfo>& all) {
    std::string known;
    constexpr int kShown = 5;
    int shown = 0;
    for (const auto& [other, info] : all) {
      if (shown++ == kShown) break;
      known += (known.empty() ? "" : ", ") + Quoted(other);
    }
    return RefitError("unknown", "expected the name of refittable weights but received " +
                                     Quoted(name) + ". This engine has " +
                                     std::to_string(all.size()) +
                                     (known.empty() ? "" : ", such as " + known) +
                                     "; engine.refittableWeights() lists them")
        .With("weights", name);
  }

  static void RequireEqual(const WeightsInfo& given, const WeightsInfo& expected) {
    if (given.type == expected.type && given.elements == expected.elements) return;
    throw RefitError(given.type == expected.type ? "count" : "type",
                     "expected " + Described(expected.type, expected.elements) +
                         " for the weights " + Quoted(given.name) + " but received " +
                         Described(given.type, given.elements))
        .With("weights", given.name);
  }

  const std::unique_ptr<trt::IRefitter> refitter_;
  // Memory that the refitter was given. Newer parsers map external data into memory, so the model stays staged too.
  std::unique_ptr<StagedModel> staged_;
  std::unique_ptr<onnx::IParserRefitter> parser_;
  std::map<std::string, ByteBlock> named_;
};

}  // namespace

std::unique_ptr<Refitter> MakeRefitter(const EntryPoints& entry, trt::ICudaEngine* engine,
                                       OperationLog* log) {
  auto* refitter = entry.create_refitter == nullptr
                       ? nullptr
                       : static_cast<trt::IRefitter*>(
                             entry.create_refitter(engine, &ProcessLogger(), entry.packed_version));
  if (refitter == nullptr) {
    throw RefitError("failed", "TensorRT could not make a refitter: " + log->ErrorText() +
                                   ". Refitting needs the full TensorRT library")
        .WithLog(log->Lines());
  }
  return std::make_unique<AbiRefitter>(std::unique_ptr<trt::IRefitter>(refitter));
}

}  // namespace trtnode::TRT_NODE_ABI
