// ONNX file → plan file.
#include "core/activity.h"
#include "core/file.h"
#include "cuda/device.h"
#include "trt/abi/calibration.h"
#include "trt/abi/configure.h"
#include "trt/abi/debug_tensors.h"
#include "trt/abi/profiles.h"
#include "trt/abi/timing_cache.h"
#include "trt/build_failure.h"
#include "trt/plan_memory.h"
#include "trt/staged_model.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

// One line per parser error, with the node that caused it.
std::string DescribeParserErrors(const onnx::IParser& parser, std::vector<std::string>* list) {
  std::string text;
  for (int i = 0; i < parser.getNbErrors(); ++i) {
    std::string line = ParserErrorLine(DescribeParserError(*parser.getError(i)));
    text += "\n  " + line;
    list->push_back(std::move(line));
  }
  return text;
}

// The parser takes an operator that it does not know for a plugin.
std::string PluginHint(const PluginSpec& plugins, const std::string& errors) {
  if (errors.find("lugin") == std::string::npos) return "";
  return plugins.standard
             ? "\nIf the operator is a plugin of your own, give its library in `plugins`"
             : "\nIf the operator is a plugin, give its library in `plugins`; for those "
               "that come with TensorRT set `standardPlugins: true`";
}

void Parse(onnx::IParser* parser, const BuildSpec& spec, StagedModel* model, OperationLog* log) {
  const bool parsed =
      parser->parse(model->bytes().data(), model->bytes().size(), model->path().c_str());
  model->ReleaseBytes();
  model->RequireUnchanged();
  if (parsed && parser->getNbErrors() == 0) return;
  std::vector<std::string> errors;
  const std::string text = DescribeParserErrors(*parser, &errors);
  throw Error(ErrorCode::kOnnxParse, "TensorRT's ONNX parser could not read " + spec.model.path +
                                         (text.empty() ? ": " + log->ErrorText() : ":" + text) +
                                         PluginHint(spec.plugins, text))
      .With("path", spec.model.path)
      .With("errors", errors)
      .WithLog(log->Lines());
}

bool HasQuantization(const trt::INetworkDefinition& network) {
  for (int i = 0; i < network.getNbLayers(); ++i) {
    const trt::LayerType type = network.getLayer(i)->getType();
    if (type == trt::LayerType::kQUANTIZE || type == trt::LayerType::kDEQUANTIZE) return true;
  }
  return false;
}

// TensorRT builds without int8 where it has no scales, and without the calibrator where the model has scales; it warns at most.
void RequireScales(const BuildSpec& spec, const trt::INetworkDefinition& network) {
  const bool wanted = spec.precisions.contains(WeakPrecision::kInt8);
  if (!wanted && !spec.calibration) return;
  const bool quantized = HasQuantization(network);
  if (quantized && spec.calibration) {
    throw Error(ErrorCode::kUnsupported,
                "the model has QuantizeLinear or DequantizeLinear nodes, so TensorRT takes its "
                "scales from them and would ignore the calibration. Leave `calibration` out")
        .With("option", std::string("calibration"));
  }
  if (!quantized && !spec.calibration) {
    throw Error(ErrorCode::kCalibrationRequired,
                "int8 needs scales, and " + spec.model.path +
                    " has no QuantizeLinear and DequantizeLinear nodes. Give `calibration`, or a "
                    "quantized model")
        .With("path", spec.model.path);
  }
}

size_t LargestTensorBytes(const trt::INetworkDefinition& network) {
  size_t largest = 0;
  for (int i = 0; i < network.getNbLayers(); ++i) {
    const trt::ILayer& layer = *network.getLayer(i);
    for (int j = 0; j < layer.getNbOutputs(); ++j) {
      const trt::ITensor* const tensor = layer.getOutput(j);
      if (tensor == nullptr) continue;
      const Dims dims = FromTrt(tensor->getDimensions());
      if (IsDynamic(dims)) continue;
      largest = std::max(largest, ByteCount(FromTrt(tensor->getType()), dims));
    }
  }
  return largest;
}

// None where there is no room for it beside what the build itself holds.
std::optional<PlanMemory> MeasurePlan(int device, LoadedEngine* engine) {
  try {
    return MeasureMemory(Device::Get(device), engine);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// The engine as it was built, where it can be opened here. A reason instead, where it cannot.
void InspectPlan(const EntryPoints& entry, const LibraryVersion& version, const BuildSpec& spec,
                 const trt::IHostMemory& plan, BuildOutcome* outcome) {
  if (!spec.device) {
    outcome->engine_information_reason = "built without a GPU, so the plan could not be opened";
    return;
  }
  LoadSpec load;
  load.plugins = spec.plugins;
  load.host_code = spec.tuning.version_compatible;  // a lean runtime of this very TensorRT
  load.await_refit = spec.tuning.strip_plan;
  OperationLog log;
  const LogScope scope(&log);
  try {
    const std::unique_ptr<LoadedEngine> engine =
        DeserializeEngine(entry, version, load, plan.data(), plan.size(), &log);
    try {
      outcome->engine_information = engine->Inspect();
    } catch (const std::exception& error) {
      outcome->engine_information_reason = error.what();
    }
    if (!load.await_refit) outcome->memory = MeasurePlan(*spec.device, engine.get());
  } catch (const std::exception& error) {
    outcome->engine_information_reason = error.what();
  }
}

std::unique_ptr<onnx::IParser> CreateParser(const EntryPoints& entry,
                                            trt::INetworkDefinition* network, OperationLog* log) {
  std::unique_ptr<onnx::IParser> parser(static_cast<onnx::IParser*>(
      entry.create_parser(network, &ProcessLogger(), NV_ONNX_PARSER_VERSION)));
  if (parser) return parser;
  throw Error(ErrorCode::kBuilderMissing,
              "TensorRT's ONNX parser could not be made: " + log->ErrorText())
      .WithLog(log->Lines());
}

void DescribeNetwork(const trt::INetworkDefinition& network, BuildOutcome* outcome) {
  for (int i = 0; i < network.getNbInputs(); ++i) {
    outcome->inputs.push_back(DescribeNetworkTensor(*network.getInput(i)));
  }
  for (int i = 0; i < network.getNbOutputs(); ++i) {
    outcome->outputs.push_back(DescribeNetworkTensor(*network.getOutput(i)));
  }
  outcome->network_layers = DescribeLayers(network);
}

// What TensorRT calls back while it builds, and the config that points to it.
class ConfiguredBuild {
 public:
  ConfiguredBuild(const BuildSpec& spec, const LibraryVersion& version, trt::IBuilder* builder,
                  trt::INetworkDefinition* network, const ProgressSink& progress, OperationLog* log)
      : spec_(spec),
        builder_(builder),
        network_(network),
        log_(log),
        monitor_(progress, [this] { return MustStop(); }),
        config_(builder->createBuilderConfig()) {
    if (!config_) {
      throw Error(ErrorCode::kBuildFailed, "TensorRT could not make a config: " + log->ErrorText())
          .WithLog(log->Lines());
    }
    config_->setProgressMonitor(&monitor_);
    Configure(spec, *builder, config_.get());
    AddProfiles(spec, version, *network, builder, config_.get(), log);
#if defined(TRT_NODE_ABI_V10)
    if (spec.calibration && spec.device) {
      calibration_.emplace(*spec.calibration, Device::Get(*spec.device), progress,
                           [this] { return IsCancelled(); });
      calibration_->Attach(version, *network, builder, config_.get(), log);
    }
#endif
    if (spec.timing_cache) timing_cache_.emplace(*spec.timing_cache, config_.get());
    if (spec.device) {
      room_ =
          BuildRoom{Device::Get(*spec.device).Memory().free_bytes, LargestTensorBytes(*network)};
    }
  }

  std::unique_ptr<trt::IHostMemory> Run(BuildOutcome* outcome) {
    const auto started = std::chrono::steady_clock::now();
    std::unique_ptr<trt::IHostMemory> plan(builder_->buildSerializedNetwork(*network_, *config_));
    outcome->build_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    // A build that failed has timed kernels too.
    if (timing_cache_) timing_cache_->Save(IsCancelled());
#if defined(TRT_NODE_ABI_V10)
    if (calibration_) {
      calibration_->RethrowFailure();
      outcome->calibration_seconds = calibration_->seconds();
    }
#endif
    if (!plan || plan->size() == 0) throw BuildFailure(spec_, *log_, room_);
    if (timing_cache_) {
      timing_cache_->RequireNothingNew();
      outcome->timing_cache = timing_cache_->use();
    }
#if defined(TRT_NODE_ABI_V10)
    if (calibration_) calibration_->SaveCache();
#endif
    return plan;
  }

 private:
  bool IsCancelled() const {
    if (spec_.cancelled != nullptr && *spec_.cancelled) return true;
    // A build in a process of its own needs no such help: ending that works at any moment.
    return Activity::IsExiting(environment_);
  }

  bool MustStop() const {
#if defined(TRT_NODE_ABI_V10)
    if (calibration_ && calibration_->failed()) return true;
#endif
    return IsCancelled();
  }

  const BuildSpec& spec_;
  // TensorRT may report from threads of its own, which have none.
  const Environment environment_ = CurrentEnvironment();
  trt::IBuilder* const builder_;
  trt::INetworkDefinition* const network_;
  OperationLog* const log_;
  // The config goes before what it points to; but for the timing cache, which it made.
  ProgressMonitor monitor_;
#if defined(TRT_NODE_ABI_V10)
  std::optional<Calibration> calibration_;
#endif
  const std::unique_ptr<trt::IBuilderConfig> config_;
  std::optional<TimingCache> timing_cache_;
  std::optional<BuildRoom> room_;  // none: a build without a GPU
};

}  // namespace

BuildOutcome BuildPlan(const EntryPoints& entry, const LibraryVersion& version,
                       const BuildSpec& spec, const ProgressSink& progress, OperationLog* log) {
  if (entry.create_parser == nullptr) {
    throw Error(ErrorCode::kBuilderMissing,
                "TensorRT's ONNX parser (libnvonnxparser) was not found beside the library");
  }
  if (spec.device) Device::Get(*spec.device).MakeCurrent();

  const std::unique_ptr<trt::IBuilder> builder = CreateBuilder(entry, log);
  // Again: by now TensorRT's CUDA runtime may have started, which has handlers of its own.
  WaitForActivitiesAtExit(&entry);
  LoadPlugins(entry, spec.plugins, log);
  StagedModel model(spec.model);  // outlives network and parser
  const std::unique_ptr<trt::INetworkDefinition> network(
      builder->createNetworkV2(NetworkFlags(spec)));
  if (!network) {
    throw Error(ErrorCode::kBuildFailed, "TensorRT could not make a network: " + log->ErrorText())
        .WithLog(log->Lines());
  }
  const std::unique_ptr<onnx::IParser> parser = CreateParser(entry, network.get(), log);
  Parse(parser.get(), spec, &model, log);
  if (network->getNbLayers() == 0 || network->getNbOutputs() == 0) {
    throw Error(ErrorCode::kOnnxInvalid,
                spec.model.path + " holds no network: no layers or no outputs came out of it")
        .With("path", spec.model.path)
        .With("reason", std::string("empty-graph"));
  }
  RequireScales(spec, *network);
  MarkDebugTensors(spec.tuning.debug_tensors, network.get(), log);

  BuildOutcome outcome;
  DescribeNetwork(*network, &outcome);
  // A temporary: the calibrator's device memory is free again before the plan is opened.
  const std::unique_ptr<trt::IHostMemory> plan =
      ConfiguredBuild(spec, version, builder.get(), network.get(), progress, log).Run(&outcome);
  model.RequireUnchanged();
  const FileDigest written = WriteNewPlan(spec.plan_path, plan->data(), plan->size());
  outcome.sha256 = written.sha256;
  outcome.chunks_sha256 = written.chunks_sha256;
  outcome.size_bytes = written.size_bytes;
  InspectPlan(entry, version, spec, *plan, &outcome);
  return outcome;
}

}  // namespace trtnode::TRT_NODE_ABI
