// Included by trt/abi alone: TensorRT's own headers, and the small classes that TensorRT calls back. Every name of ours in
// this folder lives in trtnode::TRT_NODE_ABI, as the same source is compiled once per ABI.
#pragma once

#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "trt/backend.h"

namespace trtnode::TRT_NODE_ABI {

namespace trt = ::nvinfer1;
namespace onnx = ::nvonnxparser;

class Logger final : public trt::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override;
};

// Never destroyed: TensorRT keeps using the logger that its first factory was given.
Logger& ProcessLogger();

// Forwards IProgressMonitor to a ProgressSink, at most one step per phase and 50 ms.
class ProgressMonitor final : public trt::IProgressMonitor {
 public:
  // `cancelled` is asked after each step; true fails the build.
  ProgressMonitor(ProgressSink sink, std::function<bool()> cancelled)
      : sink_(std::move(sink)), cancelled_(std::move(cancelled)) {}

  void phaseStart(const char* phase, const char* parent, int32_t steps) noexcept override;
  bool stepComplete(const char* phase, int32_t step) noexcept override;
  void phaseFinish(const char* phase) noexcept override;

 private:
  void ReportStep(const char* phase, int32_t step);

  using Clock = std::chrono::steady_clock;
  struct Phase {
    std::string parent;
    int steps = 0;
    Clock::time_point last_report;
  };
  const ProgressSink sink_;
  const std::function<bool()> cancelled_;
  std::mutex mutex_;
  std::map<std::string, Phase> phases_;
};

trt::Dims ToTrt(const Dims& dims);
Dims FromTrt(const trt::Dims& dims);
DataType FromTrt(trt::DataType type);

// e.g. "Convolution"
std::string LayerTypeName(trt::LayerType type);

TensorInfo DescribeNetworkTensor(const trt::ITensor& tensor);
std::vector<LayerInfo> DescribeLayers(const trt::INetworkDefinition& network);

ParserError DescribeParserError(const onnx::IParserError& error);
// With the node that caused it.
std::string ParserErrorLine(const ParserError& error);

// The factories, called as C++.
std::unique_ptr<trt::IBuilder> CreateBuilder(const EntryPoints& entry, OperationLog* log);
std::unique_ptr<trt::IRuntime> CreateRuntime(const EntryPoints& entry, OperationLog* log);

// Registers plugin libraries, once each. Throws Error(kPlugin | kUnsupported).
void LoadPlugins(const EntryPoints& entry, const PluginSpec& plugins, OperationLog* log);

std::unique_ptr<LoadedEngine> DeserializeEngine(const EntryPoints& entry,
                                                const LibraryVersion& version, const LoadSpec& spec,
                                                const void* plan, size_t size, OperationLog* log);
std::unique_ptr<Refitter> MakeRefitter(const EntryPoints& entry, trt::ICudaEngine* engine,
                                       OperationLog* log);
ModelInspection InspectOnnxModel(const EntryPoints& entry, const LibraryVersion& version,
                                 const ModelInspectionSpec& spec, OperationLog* log);
BuildOutcome BuildPlan(const EntryPoints& entry, const LibraryVersion& version,
                       const BuildSpec& spec, const ProgressSink& progress, OperationLog* log);

}  // namespace trtnode::TRT_NODE_ABI
