#include "exec/layer_profile.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "exec/data_dependent_output.h"

namespace trtnode {
namespace {

// Keeps what TensorRT tells of each iteration. A name comes several times where a layer runs several times.
class Collector final : public LayerTimes {
 public:
  void Add(const char* layer, float milliseconds) noexcept override {
    sum_ += milliseconds;
    if (!collecting_) return;
    try {
      const std::pair<std::string, int> key(layer, seen_[layer]++);
      const auto [found, added] = index_.try_emplace(key, layers_.size());
      if (added) layers_.push_back({layer, {}});
      layers_[found->second].times.push_back(milliseconds);
    } catch (...) {
      lost_ = true;
    }
  }

  // What is told from now on counts, as one more iteration.
  void NextIteration() {
    collecting_ = true;
    seen_.clear();
  }

  // Milliseconds of all layers since this was last asked.
  double TakeSum() { return std::exchange(sum_, 0.0); }

  std::vector<LayerProfile::Layer> Take() {
    if (lost_) throw Error(ErrorCode::kOutOfMemory, "the machine has not enough free memory");
    return std::move(layers_);
  }

 private:
  bool collecting_ = false;
  double sum_ = 0;
  bool lost_ = false;
  std::map<std::string, int> seen_;
  std::map<std::pair<std::string, int>, size_t> index_;
  std::vector<LayerProfile::Layer> layers_;
};

// The network on a context of its own.
class ProfiledNetwork {
 public:
  ProfiledNetwork(const Device& device, LoadedEngine* engine, const LayerProfileSpec& spec)
      : device_(device), engine_(*engine), stream_(device), before_(device), after_(device) {
    // Its ranges are the engine's own: without them, layers could lose their names.
    ExecutionOptions options;
    options.nvtx = true;
    execution_ = engine->CreateExecution(options);
    execution_->SetLayerTimes(&times_);
    execution_->SetProfile(spec.profile, stream_.get());
    for (size_t i = 0; i < engine_.inputs().size(); ++i) {
      PlaceInput(engine_.inputs()[i], spec.input_dims[i], spec.inputs[i]);
    }
    for (const TensorInfo& output : engine_.outputs()) PlaceOutput(output);
  }

  // Nothing may be running when memory and context go.
  ~ProfiledNetwork() {
    device_.TryMakeCurrent();
    try {
      stream_.Synchronize();
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
      // The context is lost: nothing runs any longer.
    }
  }
  ProfiledNetwork(const ProfiledNetwork&) = delete;
  ProfiledNetwork& operator=(const ProfiledNetwork&) = delete;

  void WarmUp(int iterations) {
    // TensorRT does what new dims ask for in the first run, which no capture may see.
    for (int i = 0; i < std::max(1, iterations); ++i) Run();
    if (!IsCapturable()) return;
    try {
      graph_ = Graph::Capture(stream_, [this] { execution_->Enqueue(stream_.get()); });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCudaContextLost) throw;
      return;
    }
    Run();
    if (!TellsTimes()) graph_ = Graph();
  }

  // Milliseconds of the whole network.
  double Measure() {
    times_.NextIteration();
    Run();
    if (!execution_->ReportLayerTimes()) {
      throw Error(ErrorCode::kUnsupported, "TensorRT tells no times of this engine's layers");
    }
    return after_.MillisecondsSince(before_);
  }

  std::vector<LayerProfile::Layer> TakeLayers() { return times_.Take(); }
  bool has_graph() const { return static_cast<bool>(graph_); }

 private:
  void PlaceInput(const TensorInfo& input, const Dims& dims,
                  const std::vector<unsigned char>& given) {
    execution_->SetInputDims(input, dims);
    const size_t size = ByteCount(input.type, dims);
    unsigned char* const host = TakeHost(size);
    std::copy_n(given.begin(), std::min(given.size(), size), host);
    if (input.on_host) {
      execution_->SetAddress(input, host);
      return;
    }
    DeviceBuffer& memory = device_memory_.emplace_back(device_);
    memory.Reserve(size);
    stream_.CopyToDevice(memory.pointer(), host, size);
    execution_->SetAddress(input, memory.address());
  }

  void PlaceOutput(const TensorInfo& output) {
    const Dims dims = execution_->OutputDims(output);
    if (output.on_host) {
      const size_t size = IsDynamic(dims) ? 0 : ByteCount(output.type, dims);
      execution_->SetAddress(output, TakeHost(size));
      return;
    }
    auto memory = std::make_unique<DeviceBuffer>(device_);
    if (IsDynamic(dims)) {
      allocators_.push_back(std::make_unique<DataDependentOutput>(device_, memory.get()));
      execution_->SetOutputMemory(output, allocators_.back().get());
    } else {
      memory->Reserve(ByteCount(output.type, dims));
      execution_->SetAddress(output, memory->address());
    }
    output_memory_.push_back(std::move(memory));
  }

  unsigned char* TakeHost(size_t size) {
    // TensorRT wants an address even for a tensor without elements.
    size = std::max<size_t>(size, 256);
    host_.push_back(std::make_unique<PinnedBuffer>(device_, size));
    auto* const data = static_cast<unsigned char*>(host_.back()->data());
    std::fill_n(data, size, static_cast<unsigned char>(0));
    return data;
  }

  // Whether TensorRT measures its layers in a graph too: together they cannot take longer than the run that they are of.
  bool TellsTimes() {
    constexpr double kMeasuringError = 0.1;
    times_.TakeSum();
    if (!execution_->ReportLayerTimes()) return false;
    const double sum = times_.TakeSum();
    return sum > 0 && sum <= after_.MillisecondsSince(before_) * 1.5 + kMeasuringError;
  }

  bool IsCapturable() const {
    const auto on_host = [](const TensorInfo& tensor) { return tensor.on_host; };
    return allocators_.empty() && std::ranges::none_of(engine_.outputs(), on_host);
  }

  void Run() {
    before_.Record(stream_);
    if (graph_) {
      graph_.Launch(stream_);
    } else {
      execution_->Enqueue(stream_.get());
    }
    after_.Record(stream_);
    stream_.Synchronize();
  }

  const Device& device_;
  const LoadedEngine& engine_;
  Collector times_;
  std::vector<std::unique_ptr<PinnedBuffer>> host_;
  // Destroyed in reverse: graph and context before what they were given.
  const Stream stream_;
  const Event before_;
  const Event after_;
  std::vector<DeviceBuffer> device_memory_;
  std::vector<std::unique_ptr<DeviceBuffer>> output_memory_;
  std::vector<std::unique_ptr<DataDependentOutput>> allocators_;
  std::unique_ptr<Execution> execution_;
  Graph graph_;
};

}  // namespace

LayerProfile ProfileLayers(const Device& device, LoadedEngine* engine,
                           const LayerProfileSpec& spec) {
  ProfiledNetwork network(device, engine, spec);
  network.WarmUp(spec.warmup);
  LayerProfile profile;
  for (int i = 0; i < spec.iterations; ++i) profile.compute.push_back(network.Measure());
  profile.layers = network.TakeLayers();
  profile.graph = network.has_graph();
  return profile;
}

}  // namespace trtnode
