// ONNX file → what TensorRT's parser supports of it.
#include "core/activity.h"
#include "cuda/device.h"
#include "trt/abi/adapters.h"
#include "trt/staged_model.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

// As builds have it unless they ask for weak typing.
trt::NetworkDefinitionCreationFlags FlagsToInspect() {
#if defined(TRT_NODE_ABI_V10)
  return 1U << static_cast<uint32_t>(trt::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#else
  return 0;
#endif
}

bool AskForSubgraphs(const LibraryVersion& version) {
#if defined(TRT_NODE_ABI_V10)
  // supportsModelV2 came with 10.1. Its predecessor hands over a std::vector, which is no ABI to rely on.
  return version.AtLeast(10, 1);
#else
  static_cast<void>(version);
  return true;
#endif
}

std::vector<ModelSubgraph> Subgraphs(onnx::IParser* parser) {
  std::vector<ModelSubgraph> subgraphs;
  const int64_t count = parser->getNbSubgraphs();
  for (int64_t i = 0; i < count; ++i) {
    int64_t length = 0;
    const int64_t* nodes = parser->getSubgraphNodes(i, length);
    ModelSubgraph subgraph;
    if (nodes != nullptr && length > 0) subgraph.nodes.assign(nodes, nodes + length);
    subgraph.supported = parser->isSubgraphSupported(i);
    subgraphs.push_back(std::move(subgraph));
  }
  return subgraphs;
}

}  // namespace

ModelInspection InspectOnnxModel(const EntryPoints& entry, const LibraryVersion& version,
                                 const ModelInspectionSpec& spec, OperationLog* log) {
  if (entry.create_parser == nullptr) {
    throw Error(ErrorCode::kBuilderMissing,
                "TensorRT's ONNX parser (libnvonnxparser) was not found beside the library");
  }
#if !defined(TRT_NODE_ABI_RTX)
  if (!spec.device) {
    throw Error(ErrorCode::kNoDriver,
                "TensorRT " + version.ToString() +
                    " makes no parser without a GPU. Inspect the model on a machine with one, or "
                    "with TensorRT-RTX, which needs none");
  }
#endif
  if (spec.device) Device::Get(*spec.device).MakeCurrent();
  const std::unique_ptr<trt::IBuilder> builder = CreateBuilder(entry, log);
  // Again: by now TensorRT's CUDA runtime may have started, which has handlers of its own.
  WaitForActivitiesAtExit(&entry);
  LoadPlugins(entry, spec.plugins, log);
  StagedModel model(spec.model);  // outlives network and parser
  const std::unique_ptr<trt::INetworkDefinition> network(
      builder->createNetworkV2(FlagsToInspect()));
  if (!network) {
    throw Error(ErrorCode::kBuildFailed, "TensorRT could not make a network: " + log->ErrorText())
        .WithLog(log->Lines());
  }
  const std::unique_ptr<onnx::IParser> parser(static_cast<onnx::IParser*>(
      entry.create_parser(network.get(), &ProcessLogger(), NV_ONNX_PARSER_VERSION)));
  if (!parser) {
    throw Error(ErrorCode::kBuilderMissing,
                "TensorRT's ONNX parser could not be made: " + log->ErrorText())
        .WithLog(log->Lines());
  }

  ModelInspection found;
  const void* bytes = model.bytes().data();
  const size_t size = model.bytes().size();
  if (AskForSubgraphs(version)) {
    found.supported = parser->supportsModelV2(bytes, size, model.path().c_str());
    found.subgraphs = Subgraphs(parser.get());
  } else {
    found.supported = parser->parse(bytes, size, model.path().c_str());
  }
  model.RequireUnchanged();
  for (int i = 0; i < parser->getNbErrors(); ++i) {
    found.errors.push_back(DescribeParserError(*parser->getError(i)));
  }
  return found;
}

}  // namespace trtnode::TRT_NODE_ABI
