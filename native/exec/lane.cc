#include "exec/lane.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/nvtx.h"
#include "cuda/device.h"

namespace trtnode {
namespace {

using Clock = InferJob::Clock;

// TensorRT's own rule for addresses. Device memory of somebody else's may begin anywhere.
constexpr CUdeviceptr kAlignment = 256;

// A copy takes the GPU microseconds, however little is copied, and a kernel that reads or writes so few bytes over the bus takes less. Inputs
// are read by many blocks of threads, outputs are mostly written once.
constexpr size_t kDirectInputBytes = 1024;
constexpr size_t kDirectOutputBytes = 4096;

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void* AddressOf(CUdeviceptr pointer) {
  return reinterpret_cast<void*>(pointer);  // NOLINT(performance-no-int-to-ptr)
}

CUdeviceptr Bindable(const DeviceMemory& memory) {
  return memory.pointer() % kAlignment == 0 ? memory.pointer() : 0;
}

bool StreamsWeights(const LoadedEngine& engine) {
  return engine.WeightStreamingBudgetBytes() < engine.StreamableWeightsBytes();
}

}  // namespace

Lane::Lane(const Device& device, std::shared_ptr<LoadedEngine> engine,
           std::shared_ptr<PinnedPool> pool, const LaneOptions& options,
           std::shared_ptr<SharedContextMemory> shared)
    : device_(device),
      engine_(std::move(engine)),
      pool_(std::move(pool)),
      options_(options),
      shared_(std::move(shared)),
      stream_(device),
      wait_(device, options.waiting),
      before_h2d_(device),
      after_h2d_(device),
      before_compute_(device),
      after_compute_(device),
      before_d2h_(device),
      after_d2h_(device),
      activations_(shared_ ? DeviceBuffer(device)
                           : TakeActivationMemory(device, engine_->DeviceMemoryBytes())),
      any_shape_(MakeContext()),
      cache_(options.max_graphs) {
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  data_dependent_.resize(outputs.size());
  key_.external.resize(inputs.size() + outputs.size());
  aliases_.resize(outputs.size());
  direct_inputs_.resize(inputs.size());
  direct_outputs_.resize(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto input = std::ranges::find(inputs, outputs[i].aliased_input, &TensorInfo::name);
    if (input != inputs.end()) aliases_[i] = static_cast<size_t>(input - inputs.begin());
  }
  for (size_t i = 0; i < inputs.size(); ++i) input_memory_.emplace_back(device);
  for (size_t i = 0; i < outputs.size(); ++i) output_memory_.emplace_back(device);
  const auto on_host = [](const TensorInfo& tensor) { return tensor.on_host; };
  has_host_inputs_ = std::ranges::any_of(inputs, on_host);
  captures_ = options.graphs != GraphMode::kOff && options.max_graphs > 0;
  if (!captures_) return;
  if (std::ranges::any_of(outputs, on_host)) {
    captures_ = false;
    Refuse("an output is computed on the host, which a graph would not do again");
  } else if (StreamsWeights(*engine_)) {
    captures_ = false;
    Refuse("TensorRT cannot be captured while it streams weights");
  }
}

Lane::~Lane() {
  // TensorRT frees the context's memory on the current device.
  device_.TryMakeCurrent();
  try {
    // After a failure something may still be running.
    stream_.Synchronize();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
    // The GPU is lost, and runs nothing.
  }
}

void Lane::Execute(InferJob* job, bool idle_caller) {
  const NvtxRange range(options_.nvtx, "trt-node:infer");
  OperationLog log;
  const LogScope scope(&log);
  job->timing = {};
  job->timing.queue = Milliseconds(Clock::now() - job->submitted);
  try {
    device_.MakeCurrent();
    try {
      Run(job);
      wait_.Wait(stream_, idle_caller);
      CopyHostOutputs(job);
    } catch (...) {
      // What was already queued on the stream must not write into memory that goes back to the pool.
      stream_.Synchronize();
      ForgetUse(*job);
      throw;
    }
    ForgetUse(*job);
    if (job->timed) CollectTiming(job);
  } catch (const Error& error) {
    const std::string words = log.ErrorText();
    Error failure(error.code(), error.message() + (words.empty() ? "" : ": " + words));
    for (const auto& [key, value] : error.details()) failure.With(key, value);
    job->error = std::move(failure.WithLog(log.Lines()));
  } catch (const std::bad_alloc&) {
    job->error = Error(ErrorCode::kOutOfMemory, "the machine has not enough free memory");
  } catch (const std::exception& error) {
    job->error = Error(ErrorCode::kInternal, error.what());
  }
  if (job->error) job->outputs.clear();
  job->holds.clear();
  job->timing.total = Milliseconds(Clock::now() - job->submitted);
}

void Lane::Run(InferJob* job) {
  ChooseBindings(*job);
  if (has_host_inputs_) ReadHostInputs(*job);
  // The value of a debug tensor, which may be an output too, is copied from the GPU.
  direct_ = options_.direct_tensors && device_.info().maps_host_memory && job->debug.empty();
  GraphEntry* entry = nullptr;
  // Debug tensors need TensorRT to enqueue, on a context that no graph rests on.
  if (captures_ && job->debug.empty()) {
    key_.call = job->call->id;
    entry = cache_.Find(key_);
    // Whoever warms up asks for graphs: what had failed is tried again.
    if (job->warm) no_more_contexts_ = entry->refused = false;
  }
  const bool replays = entry != nullptr && entry->graph;
  context_ = replays ? entry->context : ContextFor(entry);
  if (!replays) {
    context_->TellShape(*job->call, key_.host_values, stream_.get());
    for (size_t i = 0; i < engine_->outputs().size(); ++i) {
      if (IsDynamic(context_->output_dims()[i])) PlaceDataDependent(i);
    }
  }
  CheckTargets(*job, context_->output_bytes());
  if (!replays) TellAddresses(*job);

  CopyInputs(*job);
  RunNetwork(job, replays ? entry : nullptr);
  CompleteOutputs(job, context_->output_dims(), context_->output_bytes());
  TakeOutputMemory(job);
  if (job->timed) before_d2h_.Record(stream_);
  CopyOutputs(job);
  if (job->timed) after_d2h_.Record(stream_);
  MarkUse(*job);

  // PlaceDataDependent may have found that nothing of this engine can be captured.
  if (entry == nullptr || !captures_) return;
  if (replays) {
    ++entry->replays;
    return;
  }
  ++entry->uses;
  const bool at_once = options_.graphs == GraphMode::kOn || job->warm || entry->context;
  const bool is_due = at_once || cache_.HasEarned(*entry, no_more_contexts_);
  if (is_due && !entry->refused) CaptureBehind(entry);
}

std::shared_ptr<LaneContext> Lane::MakeContext() {
  void* const memory = shared_ ? shared_->address() : activations_.address();
  const size_t size = shared_ ? shared_->size() : activations_.capacity();
  return std::make_shared<LaneContext>(engine_.get(), pool_, options_.nvtx, memory, size);
}

std::shared_ptr<LaneContext> Lane::ContextFor(const GraphEntry* entry) {
  if (entry != nullptr) {
    if (std::shared_ptr<LaneContext> own = cache_.ContextOf(entry->key)) return own;
  }
  if (!any_shape_ && !no_more_contexts_) any_shape_ = TryContext();
  if (!any_shape_) {
    any_shape_ = cache_.TakeOldest();
    CountGraphs();
  }
  return any_shape_;
}

std::shared_ptr<LaneContext> Lane::TryContext() {
  OperationLog log;
  const LogScope scope(&log);
  try {
    return MakeContext();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCudaContextLost || !cache_.HasContexts()) throw;
    Refuse("no execution context for another shape could be made: " + error.message());
  } catch (const std::bad_alloc&) {
    if (!cache_.HasContexts()) throw;
    Refuse("the machine has not enough free memory");
  }
  no_more_contexts_ = true;
  return nullptr;
}

void Lane::ChooseBindings(const InferJob& job) {
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const InputSource& source = job.inputs[i];
    CUdeviceptr& external = key_.external[i];
    external = 0;
    if (source.kind != InputSource::Kind::kDevice) continue;
    if (source.memory->size() < job.call->input_bytes[i]) {
      throw Error(ErrorCode::kInvalidArg, "expected " + std::to_string(job.call->input_bytes[i]) +
                                              " bytes of device memory for input " +
                                              inputs[i].name + " but received " +
                                              std::to_string(source.memory->size()))
          .With("input", inputs[i].name);
    }
    if (!inputs[i].on_host) external = Bindable(*source.memory);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const OutputTarget& target = job.targets[i];
    CUdeviceptr& external = key_.external[inputs.size() + i];
    external = 0;
    const bool is_ours = outputs[i].on_host || data_dependent_[i] || aliases_[i];
    if (target.kind == OutputTarget::Kind::kDevice && !is_ours) external = Bindable(*target.memory);
  }
}

void Lane::ReadHostInputs(const InferJob& job) {
  key_.host_values.clear();
  for (size_t i = 0; i < engine_->inputs().size(); ++i) {
    if (engine_->inputs()[i].on_host) ReadHostInput(job, i);
  }
}

void Lane::ReadHostInput(const InferJob& job, size_t input) {
  const InputSource& source = job.inputs[input];
  const size_t size = job.call->input_bytes[input];
  if (size == 0) return;
  const auto append = [&](const void* from) {
    const auto* const bytes = static_cast<const unsigned char*>(from);
    key_.host_values.insert(key_.host_values.end(), bytes, bytes + size);
  };
  switch (source.kind) {
    case InputSource::Kind::kStaged:
      append(job.staging.data() + job.call->staging_offsets[input]);
      break;
    case InputSource::Kind::kPinned:
      append(source.host);
      break;
    case InputSource::Kind::kDevice: {
      const PinnedLease fetched = pool_->Take(size);
      source.memory->WaitReady(stream_);
      stream_.CopyToHost(fetched.data(), source.memory->pointer(), size);
      stream_.Synchronize();
      append(fetched.data());
      break;
    }
  }
}

void Lane::PlaceDataDependent(size_t index) {
  if (data_dependent_[index]) {
    context_->TellOutputMemory(index, data_dependent_[index].get());
    return;
  }
  const TensorInfo& output = engine_->outputs()[index];
  if (output.on_host) {
    // TensorRT says that it has none: a shape tensor's own dims are known when the engine is built.
    throw Error(ErrorCode::kUnsupported,
                "output " + output.name +
                    " is a shape tensor whose dims depend on the data, which trt-node cannot fetch")
        .With("output", output.name);
  }
  auto memory = std::make_unique<DataDependentOutput>(device_, &output_memory_[index]);
  context_->TellOutputMemory(index, memory.get());
  data_dependent_[index] = std::move(memory);
  key_.external[engine_->inputs().size() + index] = 0;
  if (!captures_) return;
  captures_ = false;
  Refuse("the dims of output " + output.name + " depend on the data");
}

void Lane::CheckTarget(const OutputTarget& target, size_t output, size_t bytes) const {
  size_t capacity = bytes;
  switch (target.kind) {
    case OutputTarget::Kind::kNone:
    case OutputTarget::Kind::kFresh:
    case OutputTarget::Kind::kNewDevice:
      break;
    case OutputTarget::Kind::kPinned:
      capacity = target.capacity;
      break;
    case OutputTarget::Kind::kDevice:
      capacity = target.memory->size();
      break;
  }
  if (capacity >= bytes) return;
  const std::string& name = engine_->outputs()[output].name;
  throw Error(ErrorCode::kInvalidArg, "expected at least " + std::to_string(bytes) +
                                          " bytes for output " + name + " but received " +
                                          std::to_string(capacity))
      .With("output", name);
}

void Lane::CheckTargets(const InferJob& job, const std::vector<size_t>& bytes) const {
  for (size_t i = 0; i < bytes.size(); ++i) CheckTarget(job.targets[i], i, bytes[i]);
}

void Lane::Grow(DeviceBuffer* buffer, size_t size) {
  const size_t before = buffer->capacity();
  if (before > 0 && size <= before) return;
  // They hold the address that goes.
  if (before > 0) DropGraphs();
  // Where dims vary, growing in small steps would drop the graphs in each.
  const size_t roomy = before + before / 2;
  try {
    buffer->Reserve(std::max(size, roomy));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory || roomy <= size) throw;
    buffer->Reserve(size);
  }
  CountTensorBytes();
}

void Lane::CountTensorBytes() {
  size_t bytes = 0;
  for (const DeviceBuffer& buffer : input_memory_) bytes += buffer.capacity();
  for (const DeviceBuffer& buffer : output_memory_) bytes += buffer.capacity();
  tensor_bytes_.store(bytes, std::memory_order_relaxed);
}

bool Lane::IsDirectInput(size_t index, size_t bytes) const {
  return direct_ && key_.external[index] == 0 && bytes > 0 && bytes <= kDirectInputBytes &&
         !engine_->inputs()[index].on_host && !IsOverwritten(index);
}

bool Lane::IsDirectOutput(size_t index) const {
  const size_t bytes = context_->output_bytes()[index];
  return direct_ && key_.external[engine_->inputs().size() + index] == 0 && bytes > 0 &&
         bytes <= kDirectOutputBytes && !engine_->outputs()[index].on_host && !aliases_[index] &&
         !data_dependent_[index];
}

unsigned char* Lane::DirectMemory(std::vector<PinnedLease>* memory, size_t index) {
  PinnedLease& lease = (*memory)[index];
  // Graphs hold its address.
  if (!lease) lease = pool_->Take(std::max(kDirectInputBytes, kDirectOutputBytes));
  return lease.data();
}

CUdeviceptr Lane::InputPointer(size_t index) const {
  const CUdeviceptr external = key_.external[index];
  return external != 0 ? external : input_memory_[index].pointer();
}

CUdeviceptr Lane::OutputPointer(size_t index) const {
  const std::optional<size_t>& alias = aliases_[index];
  if (alias) return InputPointer(*alias);
  if (data_dependent_[index]) return data_dependent_[index]->pointer();
  const CUdeviceptr external = key_.external[engine_->inputs().size() + index];
  return external != 0 ? external : output_memory_[index].pointer();
}

bool Lane::IsOverwritten(size_t input) const {
  return std::ranges::find(aliases_, input) != aliases_.end();
}

void Lane::TellAddresses(const InferJob& job) {
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].on_host) continue;
    const size_t bytes = job.call->input_bytes[i];
    if (IsDirectInput(i, bytes)) {
      context_->TellInput(i, DirectMemory(&direct_inputs_, i));
      continue;
    }
    if (key_.external[i] == 0) Grow(&input_memory_[i], bytes);
    context_->TellInput(i, AddressOf(InputPointer(i)));
  }
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (data_dependent_[i]) {
      data_dependent_[i]->Forget();
      continue;
    }
    if (outputs[i].on_host) {
      context_->TellHostOutput(i);
      continue;
    }
    if (IsDirectOutput(i)) {
      context_->TellOutput(i, DirectMemory(&direct_outputs_, i));
      continue;
    }
    const bool is_own = key_.external[inputs.size() + i] == 0 && !aliases_[i];
    if (is_own) Grow(&output_memory_[i], context_->output_bytes()[i]);
    context_->TellOutput(i, AddressOf(OutputPointer(i)));
  }
}

void Lane::CopyInputs(const InferJob& job) {
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  const CallPlan& call = *job.call;
  for (const OutputTarget& target : job.targets) {
    if (target.kind == OutputTarget::Kind::kDevice) target.memory->WaitUnused(stream_);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (job.inputs[i].kind != InputSource::Kind::kDevice) continue;
    DeviceMemory& memory = *job.inputs[i].memory;
    IsOverwritten(i) ? memory.WaitUnused(stream_) : memory.WaitReady(stream_);
  }
  if (job.timed) before_h2d_.Record(stream_);
  for (size_t i = 0; i < inputs.size(); ++i) {
    // A job without any bytes to stage has no staging.
    if (inputs[i].on_host || key_.external[i] != 0 || call.input_bytes[i] == 0) continue;
    IsDirectInput(i, call.input_bytes[i]) ? FillDirectInput(job, i) : CopyInput(job, i);
  }
  if (job.timed) after_h2d_.Record(stream_);
}

void Lane::CopyInput(const InferJob& job, size_t index) {
  const CUdeviceptr to = input_memory_[index].pointer();
  const size_t size = job.call->input_bytes[index];
  const InputSource& source = job.inputs[index];
  switch (source.kind) {
    case InputSource::Kind::kStaged:
      stream_.CopyToDevice(to, job.staging.data() + job.call->staging_offsets[index], size);
      break;
    case InputSource::Kind::kPinned:
      stream_.CopyToDevice(to, source.host, size);
      break;
    case InputSource::Kind::kDevice:
      stream_.CopyOnDevice(to, source.memory->pointer(), size);
      break;
  }
}

// Nothing on the GPU reads it: the lane has waited for its last inference.
void Lane::FillDirectInput(const InferJob& job, size_t index) {
  unsigned char* const to = direct_inputs_[index].data();
  const size_t size = job.call->input_bytes[index];
  const InputSource& source = job.inputs[index];
  switch (source.kind) {
    case InputSource::Kind::kStaged:
      std::memcpy(to, job.staging.data() + job.call->staging_offsets[index], size);
      break;
    case InputSource::Kind::kPinned:
      std::memcpy(to, source.host, size);
      break;
    case InputSource::Kind::kDevice:
      stream_.CopyToHost(to, source.memory->pointer(), size);
      break;
  }
}

void Lane::RunNetwork(InferJob* job, const GraphEntry* replayed) {
  std::optional<SharedContextMemory::Turn> turn;
  if (shared_) turn.emplace(shared_.get(), stream_);
  Clock::time_point before;
  if (job->timed) {
    before_compute_.Record(stream_);
    before = Clock::now();
  }
  if (replayed != nullptr) {
    replayed->graph.Launch(stream_);
    replays_.fetch_add(1, std::memory_order_relaxed);
  } else {
    job->debug.empty() ? EnqueueNetwork() : EnqueueDebugged(job);
    eager_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!job->timed) return;
  job->timing.enqueue = Milliseconds(Clock::now() - before);
  after_compute_.Record(stream_);
}

void Lane::EnqueueNetwork() {
  const auto throw_failure = [this] {
    for (const auto& output : data_dependent_) {
      if (output && output->failure()) throw Error(*output->failure());
    }
  };
  try {
    context_->Enqueue(stream_.get());
  } catch (const Error&) {
    throw_failure();
    throw;
  }
  throw_failure();
}

void Lane::EnqueueDebugged(InferJob* job) {
  DebugValues values(device_, pool_.get());
  try {
    context_->SetDebug(job->debug, &values);
    EnqueueNetwork();
  } catch (...) {
    context_->SetDebug({}, nullptr);
    throw;
  }
  context_->SetDebug({}, nullptr);
  job->debug_values = values.Collect(job->debug);
}

void Lane::CompleteOutputs(InferJob* job, const std::vector<Dims>& dims,
                           const std::vector<size_t>& bytes) {
  job->outputs.resize(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    InferOutput& output = job->outputs[i];
    output.dims = dims[i];
    output.size_bytes = bytes[i];
    if (!IsDynamic(output.dims)) continue;
    const TensorInfo& info = engine_->outputs()[i];
    const std::optional<Dims> told = data_dependent_[i]->dims();
    if (!told || IsDynamic(*told)) {
      throw Error(ErrorCode::kInferFailed, "TensorRT did not tell the dims of output " + info.name +
                                               ", which depend on the data")
          .With("output", info.name);
    }
    CountTensorBytes();
    output.dims = *told;
    output.size_bytes = ByteCount(info.type, output.dims);
    CheckTarget(job->targets[i], i, output.size_bytes);
  }
}

void Lane::TakeOutputMemory(InferJob* job) {
  for (size_t i = 0; i < job->outputs.size(); ++i) {
    InferOutput& output = job->outputs[i];
    const OutputTarget& target = job->targets[i];
    output.memory.Return();
    output.device = target.memory;
    switch (target.kind) {
      case OutputTarget::Kind::kFresh:
        output.memory = pool_->Take(output.size_bytes);
        break;
      case OutputTarget::Kind::kNewDevice:
        output.device = DeviceMemory::Allocate(device_, output.size_bytes);
        break;
      case OutputTarget::Kind::kNone:
      case OutputTarget::Kind::kPinned:
      case OutputTarget::Kind::kDevice:
        break;
    }
  }
}

void Lane::CopyOutputs(InferJob* job) {
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].on_host || key_.external[engine_->inputs().size() + i] != 0) continue;
    const InferOutput& output = job->outputs[i];
    const bool is_direct = IsDirectOutput(i);
    const CUdeviceptr from = is_direct ? 0 : OutputPointer(i);
    switch (job->targets[i].kind) {
      case OutputTarget::Kind::kNone:
        break;
      case OutputTarget::Kind::kFresh:
        if (!is_direct) stream_.CopyToHost(output.memory.data(), from, output.size_bytes);
        break;
      case OutputTarget::Kind::kPinned:
        if (!is_direct) stream_.CopyToHost(job->targets[i].host, from, output.size_bytes);
        break;
      case OutputTarget::Kind::kNewDevice:
      case OutputTarget::Kind::kDevice: {
        const CUdeviceptr to = output.device->pointer();
        if (is_direct) {
          stream_.CopyToDevice(to, direct_outputs_[i].data(), output.size_bytes);
        } else if (to != from) {  // an output that shares an input's memory may be there already
          stream_.CopyOnDevice(to, from, output.size_bytes);
        }
        break;
      }
    }
  }
}

void Lane::MarkUse(const InferJob& job) {
  const auto is_device = [](const auto& place) { return place.memory != nullptr; };
  const bool none =
      std::ranges::none_of(job.inputs, is_device) && std::ranges::none_of(job.targets, is_device);
  if (none) return;
  if (!used_) used_ = std::make_shared<const Event>(device_, EventKind::kUntimed);
  used_->Record(stream_);
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    DeviceMemory* const memory = job.inputs[i].memory.get();
    if (memory == nullptr) continue;
    IsOverwritten(i) ? memory->MarkWritten(used_) : memory->MarkRead(used_);
  }
  for (const OutputTarget& target : job.targets) {
    if (target.memory) target.memory->MarkWritten(used_);
  }
}

void Lane::ForgetUse(const InferJob& job) {
  // Otherwise they would wait for the next inference too, which the same event is recorded behind.
  const auto forget = [](const auto& place) {
    if (place.memory) static_cast<void>(place.memory->Idle());
  };
  std::ranges::for_each(job.inputs, forget);
  std::ranges::for_each(job.targets, forget);
}

void Lane::CaptureBehind(GraphEntry* entry) {
  entry->refused = true;
  // The only one that there will be is for whatever comes. Why, was told when there came no other.
  if (no_more_contexts_ && !cache_.HasContexts()) return;
  // What TensorRT says of a capture is no fault of the inference.
  OperationLog log;
  const LogScope scope(&log);
  try {
    // The context was enqueued just now with all that it was told, so nothing is left for it to do but to launch kernels.
    Graph graph = Graph::Capture(stream_, [this] { EnqueueNetwork(); });
    graph.Upload(stream_);
    entry->graph = std::move(graph);
    entry->refused = false;
    KeepContext(entry);
    captured_.fetch_add(1, std::memory_order_relaxed);
    CountGraphs();
    return;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCudaContextLost) throw;
    const std::string words = log.ErrorText();
    Refuse(error.message() + (words.empty() ? "" : ": " + words));
  } catch (const std::bad_alloc&) {
    Refuse("the machine has not enough free memory");
  }
  // Who knows how far it came: graphs of before may rest on what it changed, and the next inference tells it everything again.
  cache_.Release(context_);
  context_->Forget();
  if (!any_shape_) any_shape_ = context_;
  CountGraphs();
}

void Lane::KeepContext(GraphEntry* entry) {
  entry->context = context_;
  if (any_shape_ == context_) any_shape_.reset();
  const std::shared_ptr<LaneContext> spare = cache_.Trim();
  if (any_shape_) return;
  // Making one takes milliseconds, which the next inference of another shape would wait for.
  any_shape_ = spare;
  if (!any_shape_ && no_more_contexts_) any_shape_ = cache_.TakeOldest();
}

void Lane::CopyHostOutputs(InferJob* job) {
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  bool copies = false;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const bool is_direct = IsDirectOutput(i);
    if (!outputs[i].on_host && !is_direct) continue;
    const InferOutput& output = job->outputs[i];
    const unsigned char* const from =
        is_direct ? direct_outputs_[i].data() : context_->host_output(i);
    switch (job->targets[i].kind) {
      case OutputTarget::Kind::kNone:
        break;
      case OutputTarget::Kind::kFresh:
        std::memcpy(output.memory.data(), from, output.size_bytes);
        break;
      case OutputTarget::Kind::kPinned:
        std::memcpy(job->targets[i].host, from, output.size_bytes);
        break;
      case OutputTarget::Kind::kNewDevice:
      case OutputTarget::Kind::kDevice:
        if (is_direct) break;  // by the stream
        stream_.CopyToDevice(output.device->pointer(), from, output.size_bytes);
        copies = true;
        break;
    }
  }
  if (copies) stream_.Synchronize();
}

void Lane::CollectTiming(InferJob* job) const {
  job->timing.h2d = after_h2d_.MillisecondsSince(before_h2d_);
  job->timing.compute = after_compute_.MillisecondsSince(before_compute_);
  job->timing.d2h = after_d2h_.MillisecondsSince(before_d2h_);
}

void Lane::DropGraphs() {
  cache_.DropGraphs();
  CountGraphs();
}

LaneGraphs Lane::graphs() const {
  const std::lock_guard<std::mutex> lock(refusal_mutex_);
  return {held_.load(std::memory_order_relaxed), captured_.load(std::memory_order_relaxed),
          replays_.load(std::memory_order_relaxed), eager_.load(std::memory_order_relaxed),
          refusal_};
}

void Lane::CountGraphs() { held_.store(cache_.graphs(), std::memory_order_relaxed); }

void Lane::Refuse(const std::string& why) {
  const std::lock_guard<std::mutex> lock(refusal_mutex_);
  refusal_ = why;
}

}  // namespace trtnode
