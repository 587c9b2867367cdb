// ONNX file → plan file.
#include "core/file.h"
#include "cuda/device.h"
#include "trt/abi/adapters.h"
#include "trt/staged_model.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

static_assert(static_cast<int>(trt::MemoryPoolType::kWORKSPACE) ==
              static_cast<int>(MemoryPool::kWorkspace));
static_assert(static_cast<int>(trt::MemoryPoolType::kDLA_MANAGED_SRAM) ==
              static_cast<int>(MemoryPool::kDlaManagedSram));
static_assert(static_cast<int>(trt::MemoryPoolType::kDLA_LOCAL_DRAM) ==
              static_cast<int>(MemoryPool::kDlaLocalDram));
static_assert(static_cast<int>(trt::MemoryPoolType::kDLA_GLOBAL_DRAM) ==
              static_cast<int>(MemoryPool::kDlaGlobalDram));
static_assert(static_cast<int>(trt::MemoryPoolType::kTACTIC_DRAM) ==
              static_cast<int>(MemoryPool::kTacticDram));
static_assert(static_cast<int>(trt::MemoryPoolType::kTACTIC_SHARED_MEMORY) ==
              static_cast<int>(MemoryPool::kTacticSharedMemory));

trt::NetworkDefinitionCreationFlags NetworkFlags(const BuildSpec& spec) {
#if defined(TRT_NODE_ABI_V10)
  // The weak precision flags need a weakly typed network; everything else keeps the model's own types.
  if (spec.fp16) return 0;
  return 1U << static_cast<uint32_t>(trt::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#else
  static_cast<void>(spec);
  return 0;  // networks are strongly typed here, without a flag
#endif
}

// One line per parser error, with the node that caused it.
std::string DescribeParserErrors(const onnx::IParser& parser, std::vector<std::string>* list) {
  std::string text;
  for (int i = 0; i < parser.getNbErrors(); ++i) {
    const onnx::IParserError& error = *parser.getError(i);
    std::string line;
    if (error.node() >= 0) {
      line = "node " + std::to_string(error.node());
      const char* name = error.nodeName();
      const char* op = error.nodeOperator();
      if (name != nullptr && *name != '\0') line += " \"" + std::string(name) + "\"";
      if (op != nullptr && *op != '\0') line += " (" + std::string(op) + ")";
      line += ": ";
    }
    line += error.desc();
    text += "\n  " + line;
    list->push_back(std::move(line));
  }
  return text;
}

void Parse(onnx::IParser* parser, const BuildSpec& spec, StagedModel* model, OperationLog* log) {
  const bool parsed =
      parser->parse(model->bytes().data(), model->bytes().size(), model->path().c_str());
  model->ReleaseBytes();
  model->RequireUnchanged();
  if (parsed && parser->getNbErrors() == 0) return;
  std::vector<std::string> errors;
  const std::string text = DescribeParserErrors(*parser, &errors);
  throw Error(ErrorCode::kOnnxParse, "TensorRT's ONNX parser could not read " + spec.model_path +
                                         (text.empty() ? ": " + log->ErrorText() : ":" + text))
      .With("path", spec.model_path)
      .With("errors", errors)
      .WithLog(log->Lines());
}

#if defined(TRT_NODE_ABI_RTX)
void SetComputeCapabilities(const BuildSpec& spec, trt::IBuilderConfig* config) {
  const std::vector<std::string>& wanted = spec.compute_capabilities;
  const auto count = static_cast<int32_t>(wanted.empty() ? 1 : wanted.size());
  bool accepted = config->setNbComputeCapabilities(count);
  if (wanted.empty()) {
    accepted = accepted && config->setComputeCapability(trt::ComputeCapability::kCURRENT, 0);
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    // The enum's values are major·10 + minor.
    const size_t dot = wanted[i].find('.');
    const int value =
        std::stoi(wanted[i].substr(0, dot)) * 10 + std::stoi(wanted[i].substr(dot + 1));
    if (!config->setComputeCapability(static_cast<trt::ComputeCapability>(value),
                                      static_cast<int32_t>(i))) {
      throw Error(ErrorCode::kGpuUnsupported,
                  "this TensorRT-RTX does not build for compute capability " + wanted[i] +
                      ". It knows 7.5, 8.0, 8.6, 8.9 and 12.0 (newer versions may know more)")
          .With("computeCapability", wanted[i]);
    }
  }
  if (!accepted) {
    throw Error(ErrorCode::kUnsupported, "TensorRT-RTX refused the list of compute capabilities");
  }
}
#endif

void SetFlag(trt::IBuilderConfig* config, trt::BuilderFlag flag, bool on) {
  if (on) {
    config->setFlag(flag);
  } else {
    config->clearFlag(flag);
  }
}

void Configure(const BuildSpec& spec, trt::IBuilderConfig* config) {
  // The inspector's names, types and tactics are in the plan only when asked for before the build.
  config->setProfilingVerbosity(trt::ProfilingVerbosity::kDETAILED);
  if (spec.optimization_level) config->setBuilderOptimizationLevel(*spec.optimization_level);
  for (const auto& [pool, bytes] : spec.memory_pools) {
    const auto type = static_cast<trt::MemoryPoolType>(pool);
    config->setMemoryPoolLimit(type, bytes);
    // It returns nothing, and leaves alone what it does not like.
    if (config->getMemoryPoolLimit(type) == bytes) continue;
    throw Error(ErrorCode::kUnsupported, "TensorRT does not take " + std::to_string(bytes) +
                                             " bytes for memoryPools." + MemoryPoolName(pool) +
                                             "; it stays at " +
                                             std::to_string(config->getMemoryPoolLimit(type)))
        .With("option", std::string("memoryPools.") + MemoryPoolName(pool));
  }
  if (spec.tf32) SetFlag(config, trt::BuilderFlag::kTF32, *spec.tf32);
#if defined(TRT_NODE_ABI_V10)
  if (spec.fp16) config->setFlag(trt::BuilderFlag::kFP16);
#endif
#if defined(TRT_NODE_ABI_RTX)
  SetComputeCapabilities(spec, config);
#endif
}

// The engine as it was built, where it can be opened here. A reason instead, where it cannot.
void InspectPlan(const EntryPoints& entry, const LibraryVersion& version, const BuildSpec& spec,
                 const trt::IHostMemory& plan, BuildOutcome* outcome) {
  if (!spec.device) {
    outcome->engine_information_reason = "built without a GPU, so the plan could not be opened";
    return;
  }
  OperationLog log;
  const LogScope scope(&log);
  try {
    outcome->engine_information =
        DeserializeEngine(entry, version, plan.data(), plan.size(), &log)->Inspect();
  } catch (const std::exception& error) {
    outcome->engine_information_reason = error.what();
  }
}

}  // namespace

BuildOutcome BuildPlan(const EntryPoints& entry, const LibraryVersion& version,
                       const BuildSpec& spec, const ProgressSink& progress, OperationLog* log) {
  if (entry.create_parser == nullptr) {
    throw Error(ErrorCode::kBuilderMissing,
                "TensorRT's ONNX parser (libnvonnxparser) was not found beside the library");
  }
  if (spec.device) Device::Get(*spec.device).MakeCurrent();

  const std::unique_ptr<trt::IBuilder> builder = CreateBuilder(entry, log);
  RegisterPlugins(entry);
  StagedModel model(spec);  // outlives network and parser
  const std::unique_ptr<trt::INetworkDefinition> network(
      builder->createNetworkV2(NetworkFlags(spec)));
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
  Parse(parser.get(), spec, &model, log);
  if (network->getNbLayers() == 0 || network->getNbOutputs() == 0) {
    throw Error(ErrorCode::kOnnxInvalid,
                spec.model_path + " holds no network: no layers or no outputs came out of it")
        .With("path", spec.model_path)
        .With("reason", std::string("empty-graph"));
  }

  BuildOutcome outcome;
  for (int i = 0; i < network->getNbInputs(); ++i) {
    outcome.inputs.push_back(DescribeNetworkTensor(*network->getInput(i)));
  }
  for (int i = 0; i < network->getNbOutputs(); ++i) {
    outcome.outputs.push_back(DescribeNetworkTensor(*network->getOutput(i)));
  }
  outcome.network_layers = DescribeLayers(*network);

  const std::unique_ptr<trt::IBuilderConfig> config(builder->createBuilderConfig());
  ProgressMonitor monitor(progress);
  config->setProgressMonitor(&monitor);
  Configure(spec, config.get());
  AddProfiles(spec, version, *network, builder.get(), config.get(), log);

  const auto started = std::chrono::steady_clock::now();
  const std::unique_ptr<trt::IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  outcome.build_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (!plan || plan->size() == 0) {
    throw Error(ErrorCode::kBuildFailed, "TensorRT could not build the engine: " + log->ErrorText())
        .WithLog(log->Lines());
  }
  model.RequireUnchanged();
  const FileDigest written = WriteNewFile(spec.plan_path, plan->data(), plan->size());
  outcome.sha256 = written.sha256;
  outcome.size_bytes = written.size_bytes;
  InspectPlan(entry, version, spec, *plan, &outcome);
  return outcome;
}

}  // namespace trtnode::TRT_NODE_ABI
