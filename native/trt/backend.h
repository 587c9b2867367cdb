// What the rest of trt-node knows of TensorRT: one abstract backend, implemented once per ABI from one source (trt/abi).
#pragma once

#include <cuda.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dynamic_library.h"
#include "trt/build_spec.h"
#include "trt/load_spec.h"
#include "trt/log.h"
#include "trt/types.h"

namespace trtnode {

// The C entry points of one TensorRT, looked up by name. Null where it does not export them.
struct EntryPoints {
  void* (*create_builder)(void* logger, int version) = nullptr;
  void* (*create_runtime)(void* logger, int version) = nullptr;
  void* (*create_parser)(void* network, void* logger, int version) = nullptr;
  void* (*create_refitter)(void* engine, void* logger, int version) = nullptr;
  void* (*get_plugin_registry)() = nullptr;
  // Of the library that holds the standard plugins; empty: none.
  std::string plugins_path;
  // TensorRT's own packed version number, which its factories are passed back.
  int packed_version = 0;
};

struct ProgressEvent {
  enum class Kind { kPhaseStart, kStep, kPhaseEnd, kLog };
  Kind kind = Kind::kStep;
  std::string phase;
  std::string parent;
  int step = 0;
  int steps = 0;
  LogLine log{LogSeverity::kInfo, ""};
};
using ProgressSink = std::function<void(ProgressEvent)>;

// Where an output goes whose dims TensorRT only learns while it runs. Called from within Execution::Enqueue.
class OutputMemory {
 public:
  virtual ~OutputMemory() = default;
  // Device memory of at least this size and alignment; null where there is none.
  virtual void* Reserve(size_t size_bytes, size_t alignment) noexcept = 0;
  virtual void SetDims(const int64_t* dims, size_t rank) noexcept = 0;
};

struct ExecutionOptions {
  // False: the context comes without activation memory, and needs SetDeviceMemory before it runs.
  bool own_memory = true;
  // Ranges around each layer for Nsight, as detailed as the engine was built with; they cost time in every Enqueue.
  bool nvtx = false;
};

// Is told the time of each layer, in the order of the engine. Called from within Execution::Enqueue or ReportLayerTimes.
class LayerTimes {
 public:
  virtual ~LayerTimes() = default;
  virtual void Add(const char* layer, float milliseconds) noexcept = 0;
};

// The value of a debug tensor, good until the call that hands it out returns.
struct DebugTensor {
  std::string name;
  DataType type = DataType::kFloat32;
  Dims dims;
  const void* data = nullptr;
  bool on_host = false;
  CUstream stream = nullptr;  // what is put on it finds the value in `data`
};

// Is given the values of debug tensors, once each or, in a loop, once for each round. Called from within Execution::Enqueue.
class DebugSink {
 public:
  virtual ~DebugSink() = default;
  // What it throws, Enqueue throws.
  virtual void Take(const DebugTensor& tensor) = 0;
};

// One execution context. Used by one thread at a time, with the device's context current.
class Execution {
 public:
  virtual ~Execution() = default;
  virtual void SetProfile(int index, CUstream stream) = 0;
  virtual void SetInputDims(const TensorInfo& input, const Dims& dims) = 0;
  virtual void SetAddress(const TensorInfo& tensor, void* address) = 0;
  // Instead of an address, for an output whose dims depend on the data. `memory` must outlive this.
  virtual void SetOutputMemory(const TensorInfo& output, OutputMemory* memory) = 0;
  // Dims of an output once every input's dims are set; -1 where they depend on the data.
  virtual Dims OutputDims(const TensorInfo& output) = 0;
  // Activation memory for a context that has none of its own: at least LoadedEngine::ContextMemoryBytes of the profile that is
  // used. It is in use from Enqueue until the stream has run it. Must be set again after a larger profile was selected.
  virtual void SetDeviceMemory(void* memory, size_t size) = 0;
  // `times` must outlive this. From then on Enqueue also records an event per layer; ReportLayerTimes tells `times` of it.
  virtual void SetLayerTimes(LayerTimes* times) = 0;
  // After the stream has run what was enqueued, or a graph captured from it. False where TensorRT has nothing to tell.
  virtual bool ReportLayerTimes() = 0;
  // From then on Enqueue gives `sink` the values of these tensors, of which LoadedEngine::IsDebugTensor is true, and of no other.
  // Nothing of it can be captured. `sink` must live until it is called again; no names and null end it.
  virtual void SetDebug(const std::vector<std::string>& names, DebugSink* sink) = 0;
  virtual void Enqueue(CUstream stream) = 0;
};

// createNvOnnxParserRefitter_INTERNAL
using CreateParserRefitter = void* (*)(void* refitter, void* logger, int version);

// New weights of one engine, collected until none is missing. Nothing of the engine changes before Apply. It must not outlive
// the engine, and is used by one thread at a time, with the device's context current.
class Refitter {
 public:
  virtual ~Refitter() = default;
  virtual std::vector<WeightsInfo> All() = 0;
  // Of those that TensorRT needs beside what was set: it may have folded several into one.
  virtual std::vector<std::string> Missing() = 0;
  // Throws Error(kRefit) when the model is not the one that the engine was built from, but for its weights.
  virtual void SetFromModel(const ModelFile& model, CreateParserRefitter create,
                            OperationLog* log) = 0;
  // All of them or, with Error(kRefit), none.
  virtual void Set(std::vector<NamedWeights> weights, OperationLog* log) = 0;
  // Nothing else may be running on the engine. Throws Error(kRefit); the engine may have some of the weights then.
  virtual void Apply(CUstream stream, OperationLog* log) = 0;
};

class LoadedEngine {
 public:
  virtual ~LoadedEngine() = default;
  virtual const std::vector<TensorInfo>& inputs() const = 0;
  virtual const std::vector<TensorInfo>& outputs() const = 0;
  virtual const std::vector<Profile>& profiles() const = 0;
  // Activation memory of one context that may use every profile, bytes. Depends on the weight streaming budget.
  virtual uint64_t DeviceMemoryBytes() const = 0;
  // The same of one profile.
  virtual uint64_t ContextMemoryBytes(int profile) const = 0;
  // Device memory that TensorRT holds for the engine now, its contexts included, as it asked for it, bytes.
  virtual uint64_t AllocatedBytes() const = 0;
  // Of that, what the engine holds without any context: weights above all.
  virtual uint64_t WeightsMemoryBytes() const = 0;
  // Throws Error(kOutOfMemory).
  virtual std::unique_ptr<Execution> CreateExecution(const ExecutionOptions& options) = 0;
  // Writes the kernels that TensorRT-RTX has compiled to LoadSpec::runtime_cache, where something is new; the engine's end does so
  // too. Thread-safe; a failure is a warning in the log. Nothing with TensorRT.
  virtual void SaveRuntimeCache() noexcept = 0;
  // The engine inspector's JSON.
  virtual std::string Inspect() = 0;
  virtual uint64_t StreamableWeightsBytes() const = 0;
  virtual uint64_t WeightStreamingBudgetBytes() const = 0;
  virtual HardwareCompatibility HardwareCompatibilityLevel() const = 0;
  // Streams that TensorRT uses beside the one of the inference.
  virtual int AuxStreams() const = 0;
  // Whether the engine was built to give out the value of this tensor.
  virtual bool IsDebugTensor(const std::string& name) const = 0;
  // TensorRT 10.6 says no of some engines that can be, and have to be.
  virtual bool IsRefittable() const = 0;
  // Throws Error(kRefit) for an engine that cannot be refitted.
  virtual std::unique_ptr<Refitter> CreateRefitter(OperationLog* log) = 0;
  // The engine as a plan with its weights, written to a file that must not exist yet.
  virtual FileDigest Serialize(const std::string& plan_path, OperationLog* log) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Flavour flavour() const = 0;
  virtual LibraryVersion version() const = 0;
  // Long: runs on the calling thread. Throws Error with `log`'s lines attached.
  virtual BuildOutcome Build(const BuildSpec& spec, const ProgressSink& progress,
                             OperationLog* log) = 0;
  // The bytes may be freed afterwards. The device's context must be current.
  virtual std::unique_ptr<LoadedEngine> Deserialize(const LoadSpec& spec, const void* plan,
                                                    size_t size, OperationLog* log) = 0;
  // What the parser says of a model, without building it.
  virtual ModelInspection InspectModel(const ModelInspectionSpec& spec, OperationLog* log) = 0;
};

using BackendFactory = std::unique_ptr<Backend> (*)(const EntryPoints&, LibraryVersion);

namespace v10 {
std::unique_ptr<Backend> CreateBackend(const EntryPoints& entry, LibraryVersion version);
}
namespace v11 {
std::unique_ptr<Backend> CreateBackend(const EntryPoints& entry, LibraryVersion version);
}
namespace rtx {
std::unique_ptr<Backend> CreateBackend(const EntryPoints& entry, LibraryVersion version);
}

}  // namespace trtnode
