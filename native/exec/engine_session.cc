#include "exec/engine_session.h"

#include <algorithm>

#include "core/activity.h"

namespace trtnode {
namespace {

// Of the GPU's memory: what a second context may take without having been asked for.
constexpr uint64_t kShareOfSpareContext = 10;

// Whoever plans each call anew should find its graphs again.
constexpr size_t kKnownCalls = 256;

LaneOptions Choose(LaneOptions options, const Device& device, const LoadedEngine& engine) {
  if (options.lanes > 0) return options;
  const bool shared = options.context_memory == ContextMemory::kShared;
  const uint64_t bytes = engine.DeviceMemoryBytes() * (shared ? 1 : 2);
  options.lanes = bytes <= device.info().memory_total_bytes / kShareOfSpareContext ? 2 : 1;
  return options;
}

void RequireMemory(const LaneOptions& options, const Device& device, const LoadedEngine& engine) {
  const uint64_t each = engine.DeviceMemoryBytes();
  const bool shared = options.context_memory == ContextMemory::kShared;
  const uint64_t needed = each * static_cast<uint64_t>(shared ? 1 : options.lanes);
  const uint64_t free = device.Memory().free_bytes;
  if (needed <= free) return;
  throw Error(ErrorCode::kOutOfMemory,
              "expected " + std::to_string(needed) +
                  " bytes of free GPU memory for the activations of " +
                  std::to_string(options.lanes) + " lanes (" + std::to_string(each) +
                  " each) but found " + std::to_string(free) +
                  ". Free GPU memory, use fewer `lanes`, contextMemory: 'shared' or smaller "
                  "profiles, or stream weights (weightStreaming at build, weightStreamingBudget at "
                  "load)")
      .With("neededBytes", static_cast<double>(needed))
      .With("freeBytes", static_cast<double>(free));
}

// Whoever closed the engine meanwhile has left them to this thread.
void LetGo(std::shared_ptr<Lanes> lanes) {
  const Activity activity;
  lanes.reset();
}

}  // namespace

std::shared_ptr<EngineSession> EngineSession::Load(const LibraryFiles& files, const LoadSpec& spec,
                                                   ByteBlock* plan, int device_index,
                                                   const LaneOptions& options) {
  const Activity activity;
  const Device& device = Device::Get(device_index);
  device.MakeCurrent();
  // The parser is for builds.
  Backend& backend = OpenBackend(LibraryFiles{files.core, ""});
  OperationLog log;
  const LogScope scope(&log);
  try {
    return Load(device, backend, spec, options, plan, &log);
  } catch (Error& error) {
    // After a lost context TensorRT's own words are about something else; this names it.
    static_cast<void>(device.Memory());
    if (error.log().empty()) error.WithLog(log.Lines());
    throw;
  }
}

std::shared_ptr<EngineSession> EngineSession::Load(const Device& device, Backend& backend,
                                                   const LoadSpec& spec, const LaneOptions& options,
                                                   ByteBlock* plan, OperationLog* log) {
  std::shared_ptr<LoadedEngine> engine = backend.Deserialize(spec, plan->data(), plan->size(), log);
  const size_t plan_bytes = plan->size();
  plan->Reset();
  auto weights = std::make_unique<EngineWeights>(engine, spec, plan_bytes);
  return std::shared_ptr<EngineSession>(
      new EngineSession(device, backend, std::move(engine), std::move(weights), options));
}

EngineSession::EngineSession(const Device& device, const Backend& backend,
                             std::shared_ptr<LoadedEngine> engine,
                             std::unique_ptr<EngineWeights> weights, const LaneOptions& options)
    : device_(device),
      flavour_(backend.flavour()),
      version_(backend.version()),
      pool_(std::make_shared<PinnedPool>(device)),
      weights_(std::move(weights)),
      engine_(std::move(engine)),
      missing_(weights_->missing()),
      inputs_(engine_->inputs()),
      outputs_(engine_->outputs()),
      profiles_(engine_->profiles()),
      device_memory_bytes_(engine_->DeviceMemoryBytes()),
      streamable_weights_bytes_(engine_->StreamableWeightsBytes()),
      weight_streaming_budget_bytes_(engine_->WeightStreamingBudgetBytes()),
      refittable_(weights_->refittable()),
      hardware_compatibility_level_(engine_->HardwareCompatibilityLevel()),
      aux_streams_(engine_->AuxStreams()),
      options_(Choose(options, device, *engine_)) {
  if (missing_.empty()) lanes_ = MakeLanes(engine_);
}

std::shared_ptr<Lanes> EngineSession::MakeLanes(const std::shared_ptr<LoadedEngine>& engine) const {
  RequireMemory(options_, device_, *engine);
  return std::make_shared<Lanes>(device_, engine, pool_, options_);
}

bool EngineSession::closed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !engine_;
}

bool EngineSession::IsDebugTensor(const std::string& name) {
  // No pointer leaves the lock: the last to have one frees the engine, which is not for the JS thread.
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) throw EngineClosed();
  return engine_->IsDebugTensor(name);
}

std::shared_ptr<LoadedEngine> EngineSession::OpenEngine() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) throw EngineClosed();
  return engine_;
}

std::optional<Error> EngineSession::LanesFor(std::shared_ptr<Lanes>* lanes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) return EngineClosed();
  if (!missing_.empty()) return WeightsMissing(missing_);
  if (!lanes_) {
    return Error(ErrorCode::kOutOfMemory,
                 "the engine has its weights, but no execution context could be made for it. Free "
                 "GPU memory and call refit() again");
  }
  *lanes = lanes_;
  return std::nullopt;
}

std::vector<LaneGraphs> EngineSession::GraphState() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return lanes_ ? lanes_->Graphs() : std::vector<LaneGraphs>();
}

std::shared_ptr<const CallPlan> EngineSession::PlanCall(int profile, std::vector<Dims> input_dims) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& known = calls_[{profile, input_dims}];
  if (known) return known;
  known = std::make_shared<const CallPlan>(profile, std::move(input_dims), inputs_);
  const std::shared_ptr<const CallPlan> call = known;
  if (calls_.size() > kKnownCalls) {
    std::erase_if(calls_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  return call;
}

PinnedLease EngineSession::TakeStaging(size_t size) {
  if (closed()) throw EngineClosed();
  return pool_->Take(size);
}

void EngineSession::Submit(std::shared_ptr<InferJob> job) {
  job->holds.clear();
  for (const InputSource& input : job->inputs) {
    if (input.memory) job->holds.emplace_back(*input.memory);
  }
  for (const OutputTarget& target : job->targets) {
    if (target.memory) job->holds.emplace_back(*target.memory);
  }
  std::shared_ptr<Lanes> lanes;
  job->error = LanesFor(&lanes);
  if (lanes) {
    lanes->Submit(std::move(job));
  } else {
    job->done();
  }
}

void EngineSession::Expect() {
  std::shared_ptr<Lanes> lanes;
  // What is wrong, Submit tells.
  static_cast<void>(LanesFor(&lanes));
  if (lanes) lanes->Expect();
}

void EngineSession::RunNow(InferJob* job) {
  const Activity activity;
  std::shared_ptr<Lanes> lanes;
  job->error = LanesFor(&lanes);
  if (lanes) lanes->RunNow(job);
}

bool EngineSession::Cancel(const InferJob* job) {
  std::shared_ptr<Lanes> lanes;
  return !LanesFor(&lanes) && lanes->Cancel(job);
}

void EngineSession::DiscardQueued() {
  std::shared_ptr<Lanes> lanes;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    lanes = lanes_;
  }
  if (lanes) lanes->DiscardQueued();
}

template <typename Work>
auto EngineSession::WithWeights(Work work) {
  const std::lock_guard<std::mutex> one_at_a_time(weights_mutex_);
  // Close waits for the lock, so this is never the engine's last owner.
  const std::shared_ptr<LoadedEngine> engine = OpenEngine();
  OperationLog log;
  const LogScope scope(&log);
  const auto update = [this] {
    const std::lock_guard<std::mutex> lock(mutex_);
    missing_ = weights_->missing();
  };
  try {
    auto result = work(engine, &log);
    update();
    return result;
  } catch (Error& error) {
    update();
    if (error.log().empty()) error.WithLog(log.Lines());
    throw;
  } catch (...) {
    update();
    throw;
  }
}

void EngineSession::Warm(InferJob* job) {
  std::shared_ptr<Lanes> lanes;
  if (const std::optional<Error> error = LanesFor(&lanes)) throw Error(*error);
  try {
    lanes->RunOnEach(job);
  } catch (...) {
    LetGo(std::move(lanes));
    throw;
  }
  LetGo(std::move(lanes));
  // What it compiled outlives a process that ends without closing the engine.
  WithWeights([](const std::shared_ptr<LoadedEngine>& engine, OperationLog*) {
    const Activity activity;
    engine->SaveRuntimeCache();
    return true;
  });
}

std::string EngineSession::Inspect() {
  // Not beside a refit.
  return WithWeights([&](const std::shared_ptr<LoadedEngine>& engine, OperationLog*) {
    const Activity activity;
    device_.MakeCurrent();
    return engine->Inspect();
  });
}

std::shared_ptr<ManualContext> EngineSession::CreateContext(int profile) {
  return WithWeights([&](const std::shared_ptr<LoadedEngine>& engine, OperationLog*) {
    if (!weights_->missing().empty()) throw WeightsMissing(weights_->missing());
    const Activity activity;
    auto context = std::make_shared<ManualContext>(device_, engine, profile, options_.nvtx);
    contexts_.Add(context);
    return context;
  });
}

LayerProfile EngineSession::ProfileLayers(const LayerProfileSpec& spec) {
  return WithWeights([&](const std::shared_ptr<LoadedEngine>& engine, OperationLog*) {
    if (!weights_->missing().empty()) throw WeightsMissing(weights_->missing());
    const Activity activity;
    device_.MakeCurrent();
    return trtnode::ProfileLayers(device_, engine.get(), spec);
  });
}

EngineMemory EngineSession::Memory() {
  // Under the lock, so that this is never the engine's last owner.
  const std::lock_guard<std::mutex> lock(mutex_);
  EngineMemory memory;
  if (!engine_) return memory;
  memory.weights = engine_->WeightsMemoryBytes();
  memory.context = engine_->DeviceMemoryBytes();
  // While TensorRT replaces weights, there may be less than at load.
  const uint64_t allocated = engine_->AllocatedBytes();
  memory.contexts = allocated - std::min<uint64_t>(allocated, memory.weights);
  memory.staging = pool_->bytes();
  if (!lanes_) return memory;
  memory.lanes = lanes();
  memory.tensors = lanes_->TensorBytes();
  // Beside what TensorRT holds for each of them.
  const bool shared = options_.context_memory == ContextMemory::kShared;
  memory.contexts += memory.context * (shared ? 1 : lanes());
  return memory;
}

std::vector<std::string> EngineSession::Refit(RefitSource source) {
  return WithWeights([&](const std::shared_ptr<LoadedEngine>& engine, OperationLog* log) {
    {
      const Activity activity;
      device_.MakeCurrent();
      weights_->Collect(std::move(source), log);
    }
    if (weights_->missing().empty()) ApplyWeights(engine, log);
    return weights_->missing();
  });
}

void EngineSession::ApplyWeights(const std::shared_ptr<LoadedEngine>& engine, OperationLog* log) {
  std::shared_ptr<Lanes> lanes;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Close has taken the lanes away, and what they began may still be running.
    if (!engine_) throw EngineClosed();
    lanes = lanes_;
  }
  const auto apply = [&](const Stream& stream) {
    const LogScope scope(log);
    const ManualContexts::Pause pause = contexts_.PauseAll();
    try {
      weights_->Apply(stream, log);
    } catch (const Error& error) {
      contexts_.SetUnusable(error);
      throw;
    }
    contexts_.SetUnusable(std::nullopt);
  };
  if (lanes) {
    lanes->RunExclusive(apply);
    return;
  }
  const Activity activity;
  device_.MakeCurrent();
  apply(Stream(device_));
  lanes = MakeLanes(engine);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) throw EngineClosed();
  lanes_ = std::move(lanes);
}

RefittableWeights EngineSession::ListWeights() {
  return WithWeights([&](const std::shared_ptr<LoadedEngine>&, OperationLog* log) {
    const Activity activity;
    device_.MakeCurrent();
    return RefittableWeights{weights_->All(log), weights_->missing()};
  });
}

FileDigest EngineSession::Serialize(const std::string& plan_path) {
  return WithWeights([&](const std::shared_ptr<LoadedEngine>& engine, OperationLog* log) {
    if (!weights_->missing().empty()) throw WeightsMissing(weights_->missing());
    const Activity activity;
    device_.MakeCurrent();
    return engine->Serialize(plan_path, log);
  });
}

void EngineSession::Close(Pending pending) {
  const std::lock_guard<std::mutex> one_closer(close_mutex_);
  std::shared_ptr<LoadedEngine> engine;
  std::shared_ptr<Lanes> lanes;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    engine = std::move(engine_);
    lanes = std::move(lanes_);
  }
  if (!engine) return;
  if (lanes) lanes->Stop(pending);
  const std::lock_guard<std::mutex> no_refit(weights_mutex_);
  const Activity activity;
  contexts_.CloseAll(EngineClosed());
  lanes.reset();
  device_.TryMakeCurrent();
  weights_.reset();
  engine.reset();
  pool_->Close();
}

}  // namespace trtnode
