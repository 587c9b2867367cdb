#include "tensorrt/builder.h"

#include <csignal>
#include <cstdlib>
#include <thread>

#include "exit/inside.h"
#include "exit/phase.h"
#include "tensorrt/calibration.h"
#include "tensorrt/host_memory.h"
#include "tensorrt/registry.h"

namespace stub {
namespace {

int64_t NumberFrom(const char* variable, int64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoll(text);
}

std::string GpuName(DriverApi* driver) {
  if (driver == nullptr || driver->CurrentDevice() < 0) return "no GPU";
  return driver->NameOf(driver->CurrentDevice());
}

std::string TypeText(trt::DataType type) {
  // As the inspector writes them.
  static const std::map<trt::DataType, std::string> kNames = {
      {trt::DataType::kFLOAT, "FP32"},   {trt::DataType::kHALF, "FP16"},
      {trt::DataType::kINT8, "Int8"},    {trt::DataType::kINT32, "Int32"},
      {trt::DataType::kBOOL, "Bool"},    {trt::DataType::kINT64, "Int64"},
      {trt::DataType::kBF16, "BFloat16"}};
  const auto found = kNames.find(type);
  return found == kNames.end() ? "?" : found->second;
}

// The narrowest type that a layer may have.
trt::DataType ChosenType([[maybe_unused]] const NetworkStub& network,
                         [[maybe_unused]] const BuilderConfigStub& config, trt::DataType type) {
#if defined(TRT_NODE_STUB_V10)
  const bool strong = network.getFlag(trt::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
  if (strong || type != trt::DataType::kFLOAT) return type;
  if (config.getFlag(trt::BuilderFlag::kINT8)) return trt::DataType::kINT8;
  if (config.getFlag(trt::BuilderFlag::kFP16)) return trt::DataType::kHALF;
  if (config.getFlag(trt::BuilderFlag::kBF16)) return trt::DataType::kBF16;
#endif
  return type;
}

TensorPlan InputPlan(const TensorApi& tensor) {
  TensorPlan plan;
  plan.name = tensor.getName();
  plan.type = tensor.getType();
  plan.dims = tensor.getDimensions();
  return plan;
}

// An identity engine's output is what it comes from, through however many layers.
TensorPlan OutputPlan(const TensorApi& tensor) {
  TensorPlan plan = InputPlan(tensor);
  plan.is_input = false;
  const TensorApi* origin = &tensor;
  const LayerStub* layer = nullptr;
  while (origin->implementation().source != nullptr) {
    layer = origin->implementation().source;
    if (layer->input() == nullptr) break;
    origin = layer->input();
  }
  const bool is_constant = layer != nullptr && layer->input() == nullptr;
  plan.source = is_constant ? layer->weights_name : origin->getName();
  for (int i = 0; i < plan.dims.nbDims; ++i) {
    AxisRule axis;
    axis.constant = plan.dims.d[i];
    if (plan.dims.d[i] < 0) {
      axis.kind = AxisRule::Kind::kDimOf;
      axis.input = plan.source;
      axis.index = static_cast<size_t>(i);
    }
    plan.axes.push_back(axis);
  }
  return plan;
}

std::vector<WeightPlan> Weights(const NetworkStub& network, bool stripped) {
  std::vector<WeightPlan> weights;
  for (const LayerStub* layer : network.layers()) {
    if (layer->input() != nullptr) continue;
    const auto* const bytes = static_cast<const char*>(layer->weights.values);
    const size_t size = BytesOf(layer->weights.type, layer->weights.count);
    WeightPlan plan{layer->weights_name, layer->weights.type, layer->weights.count, std::nullopt};
    if (!stripped) plan.bytes = std::string(bytes, size);
    weights.push_back(std::move(plan));
  }
  return weights;
}

std::string Inspection(const NetworkStub& network, const BuilderConfigStub& config) {
  std::vector<std::string> layers;
  for (const LayerStub* layer : network.layers()) {
    const trt::ITensor& output = *layer->getOutput(0);
    const std::string type = TypeText(ChosenType(network, config, output.getType()));
    layers.push_back(json::Object(
        {{"Name", json::Text(layer->getName())},
         {"LayerType", json::Text("Identity")},
         {"Outputs", json::List({json::Object(
                         {{"Name", json::Text(output.getName())},
                          {"Format/Datatype", json::Text("Row major linear " + type)}})})},
         {"TacticName", json::Text("stub_kernel_" + type)}}));
  }
  return json::Object({{"Layers", json::List(layers)}});
}

std::string RefitMode(const BuilderConfigStub& config) {
  if (config.getFlag(trt::BuilderFlag::kREFIT_INDIVIDUAL)) return "individual";
  if (config.getFlag(trt::BuilderFlag::kREFIT_IDENTICAL)) return "identical";
  return config.getFlag(trt::BuilderFlag::kREFIT) ? "all" : "";
}

EnginePlan PlanOf(const NetworkStub& network, const BuilderConfigStub& config) {
  EnginePlan plan;
  for (const TensorApi* input : network.inputs()) plan.tensors.push_back(InputPlan(*input));
  for (const TensorApi* output : network.outputs()) plan.tensors.push_back(OutputPlan(*output));
  for (const TensorApi* tensor : network.debug_tensors()) {
    plan.debug_tensors.push_back(OutputPlan(*tensor));
  }
  plan.profiles = config.profiles();
  if (plan.profiles.empty()) {
    plan.profiles.emplace_back();
    for (const TensorApi* input : network.inputs()) {
      const trt::Dims dims = input->getDimensions();
      plan.profiles.back().push_back({input->getName(), dims, dims, dims, {}});
    }
  }
  plan.refit = RefitMode(config);
  const bool stripped = config.getFlag(trt::BuilderFlag::kSTRIP_PLAN);
  plan.weights = Weights(network, stripped);
  if (stripped && plan.refit.empty()) plan.refit = "identical";
  for (const WeightPlan& weights : plan.weights) {
    plan.weight_bytes += BytesOf(weights.type, weights.count);
  }
  plan.streamable = config.getFlag(trt::BuilderFlag::kWEIGHT_STREAMING);
  plan.has_host_code = config.getFlag(trt::BuilderFlag::kVERSION_COMPATIBLE) &&
                       !config.getFlag(trt::BuilderFlag::kEXCLUDE_LEAN_RUNTIME);
  plan.inspection = Inspection(network, config);
  return plan;
}

void Wait(int64_t microseconds) {
  if (microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

}  // namespace

trt::IBuilderConfig* BuilderStub::createBuilderConfig() noexcept {
  const Inside inside;
  return new BuilderConfigApi(logger_, LibraryVersion().Text() + " " + GpuName(driver_));
}

trt::INetworkDefinition* BuilderStub::createNetworkV2(
    trt::NetworkDefinitionCreationFlags flags) noexcept {
  const Inside inside;
  return new NetworkApi(flags);
}

trt::IOptimizationProfile* BuilderStub::createOptimizationProfile() noexcept {
  const Inside inside;
  profiles_.push_back(std::make_unique<ProfileApi>());
  return profiles_.back().get();
}

trt::IPluginRegistry& BuilderStub::getPluginRegistry() noexcept {
  return PluginRegistryStub::Get();
}

int32_t BuilderStub::getNbDLACores() const noexcept {
  return static_cast<int32_t>(NumberFrom("TRT_NODE_STUB_DLA_CORES", 0));
}

bool BuilderStub::Fault() const {
  const char* const given = std::getenv("TRT_NODE_STUB_BUILD");
  const std::string fault = given == nullptr ? "" : given;
  if (fault.empty()) return true;
  if (fault == "crash") {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }
  if (fault == "killed") std::raise(SIGKILL);  // as the kernel does when memory is out
  if (fault == "exit") std::_Exit(3);
  while (fault == "hang") Wait(1000000);
  if (fault == "out-of-memory") {
    Error(
        "[virtualMemoryBuffer.cpp::resizePhysical::154] Error Code 2: OutOfMemory (Requested "
        "size was 4294967296 bytes.)");
  } else if (fault == "no-workspace") {
    Error(
        "[optimizer.cpp::computeCosts::4044] Error Code 10: Internal Error (Could not find any "
        "implementation for node stub. Insufficient workspace memory is available.)");
  } else if (fault == "no-implementation") {
    Error(
        "[optimizer.cpp::computeCosts::4044] Error Code 10: Internal Error (Could not find any "
        "implementation for node stub.)");
  } else {
    Die("TRT_NODE_STUB_BUILD is " + fault);
  }
  return false;
}

bool BuilderStub::TakeSteps(const NetworkStub& network, const BuilderConfigStub& config) const {
  const auto steps = static_cast<int32_t>(NumberFrom("TRT_NODE_STUB_STEPS", 4));
  const int64_t duration = NumberFrom("TRT_NODE_STUB_STEP_US", 0);
  trt::IProgressMonitor* const monitor = config.getProgressMonitor();
  if (monitor == nullptr) return Fault();
  bool goes_on = true;
  monitor->phaseStart("Building Engine", nullptr, 1);
  monitor->phaseStart("Tactic Selection", "Building Engine", steps);
  for (int32_t step = 0; step < steps && goes_on; ++step) {
    ReachPhase(("step" + std::to_string(step)).c_str());
    Wait(duration);
    goes_on = monitor->stepComplete("Tactic Selection", step) && (step != steps / 2 || Fault());
  }
  monitor->phaseFinish("Tactic Selection");
  if (goes_on) goes_on = monitor->stepComplete("Building Engine", 0);
  monitor->phaseFinish("Building Engine");
  const int64_t needed = NumberFrom("TRT_NODE_STUB_WORKSPACE", 0);
  const size_t limit = config.getMemoryPoolLimit(trt::MemoryPoolType::kWORKSPACE);
  if (!goes_on || static_cast<size_t>(needed) <= limit) return goes_on;
  logger_->log(trt::ILogger::Severity::kWARNING,
               ("Tactic Device request: " + std::to_string(needed >> 20) + "MB Available: " +
                std::to_string(limit >> 20) + "MB. Device memory is insufficient to use tactic.")
                   .c_str());
  const std::string name = network.layers().empty() ? "" : network.layers().front()->getName();
  Error(
      "[optimizer.cpp::computeCosts::4044] Error Code 10: Internal Error (Could not find any "
      "implementation for node " +
      name + ".)");
  return false;
}

bool BuilderStub::TimeKernels(const NetworkStub& network, const BuilderConfigStub& config,
                              std::map<std::string, std::string>* record) const {
  const TimingCacheApi* const cache = config.timing_cache();
  if (cache == nullptr || config.getFlag(trt::BuilderFlag::kDISABLE_TIMING_CACHE)) return true;
  std::map<std::string, std::string>& kernels = cache->implementation().timings.kernels;
  std::vector<std::string> hits;
  std::vector<std::string> misses;
  for (const LayerStub* layer : network.layers()) {
    const trt::ITensor& output = *layer->getOutput(0);
    const std::string key = std::string(layer->getName()) + " " + DimsText(output.getDimensions()) +
                            " " + TypeText(ChosenType(network, config, output.getType()));
    if (kernels.contains(key)) {
      hits.push_back(key);
      continue;
    }
    misses.push_back(key);
    if (config.getFlag(trt::BuilderFlag::kERROR_ON_TIMING_CACHE_MISS)) {
      Error(
          "[optimizer.cpp::getTacticFromCache::1871] Error Code 1: Internal Error (Timing cache "
          "miss for node " +
          std::string(layer->getName()) + ": ERROR_ON_TIMING_CACHE_MISS is set)");
      return false;
    }
    kernels[key] = "1";
  }
  (*record)["timingCache"] =
      json::Object({{"hits", json::Texts(hits)}, {"misses", json::Texts(misses)}});
  return true;
}

trt::IHostMemory* BuilderStub::buildSerializedNetwork(trt::INetworkDefinition& network,
                                                      trt::IBuilderConfig& config) noexcept {
  const Inside inside;
  Inside::OpenAnotherLibrary();
  ReachPhase();
  const NetworkStub& layers = static_cast<NetworkApi&>(network).implementation();
  const BuilderConfigStub& told = static_cast<BuilderConfigApi&>(config).implementation();
  std::map<std::string, std::string> record = told.Record();
  record["version"] = json::Text(LibraryVersion().Text());
  std::vector<std::string> network_flags;
  for (uint32_t bit = 0; bit < 32; ++bit) {
    if ((layers.getFlags() >> bit & 1U) == 0) continue;
    network_flags.push_back(NameOf(static_cast<trt::NetworkDefinitionCreationFlag>(bit)));
  }
  record["networkFlags"] = json::Texts(network_flags);
  std::vector<std::string> debug_tensors;
  for (const TensorApi* tensor : layers.debug_tensors()) debug_tensors.push_back(tensor->getName());
  record["debugTensors"] = json::Texts(debug_tensors);
  record["plugins"] = json::Texts(PluginRegistryStub::Get().libraries());
  record["standardPlugins"] = json::Flag(PluginRegistryStub::Get().HasPlugins());
#if !defined(TRT_NODE_STUB_RTX)
  if (driver_->CurrentDevice() < 0) Die("buildSerializedNetwork without a current CUDA context");
#endif
#if defined(TRT_NODE_STUB_V10)
  if (config.getFlag(trt::BuilderFlag::kINT8) && told.getInt8Calibrator() != nullptr) {
    std::map<std::string, std::string> calibration;
    if (!Calibrate(layers, told, driver_, logger_, &calibration)) return nullptr;
    record["calibration"] = json::Object(calibration);
  }
#endif
  EnginePlan plan = PlanOf(layers, told);
  // Kernels are tried on real memory.
  void* scratch = nullptr;
  if (driver_ != nullptr && driver_->CurrentDevice() >= 0) {
    scratch = driver_->Allocate(driver_->CurrentDevice(), plan.weight_bytes + 4096);
    if (scratch == nullptr) {
      Error("[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)");
      return nullptr;
    }
  }
  const bool built = TakeSteps(layers, told) && TimeKernels(layers, told, &record);
  if (scratch != nullptr) driver_->Free(scratch);
  if (!built) return nullptr;
  plan.build_record = json::Object(record);
  std::string bytes = WritePlan(plan);
  const auto size = static_cast<size_t>(NumberFrom("TRT_NODE_STUB_PLAN_BYTES", 0));
  if (bytes.size() < size) bytes.resize(size, '\n');
  return NewHostMemory(std::move(bytes));
}

void* CreateBuilder(void* logger, DriverApi* driver) {
  auto* const typed = static_cast<trt::ILogger*>(logger);
#if !defined(TRT_NODE_STUB_RTX)
  if (driver == nullptr) {
    typed->log(trt::ILogger::Severity::kERROR, "CUDA initialization failure with error: 35");
    return nullptr;
  }
#endif
  return static_cast<trt::IBuilder*>(new Wrapped<trt::IBuilder, BuilderStub>(typed, driver));
}

}  // namespace stub
