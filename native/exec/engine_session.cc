#include "exec/engine_session.h"

#include "core/activity.h"

namespace trtnode {

std::shared_ptr<EngineSession> EngineSession::Load(const LibraryFiles& files, const LoadSpec& spec,
                                                   ByteBlock* plan, int device_index) {
  const Activity activity;
  const Device& device = Device::Get(device_index);
  device.MakeCurrent();
  // The parser is for builds.
  Backend& backend = OpenBackend(LibraryFiles{files.core, ""});
  OperationLog log;
  const LogScope scope(&log);
  try {
    return Load(device, backend, spec, plan, &log);
  } catch (Error& error) {
    // After a lost context TensorRT's own words are about something else; this names it.
    static_cast<void>(device.Memory());
    if (error.log().empty()) error.WithLog(log.Lines());
    throw;
  }
}

std::shared_ptr<EngineSession> EngineSession::Load(const Device& device, Backend& backend,
                                                   const LoadSpec& spec, ByteBlock* plan,
                                                   OperationLog* log) {
  std::shared_ptr<LoadedEngine> engine = backend.Deserialize(spec, plan->data(), plan->size(), log);
  plan->Reset();
  auto weights = std::make_unique<EngineWeights>(engine, spec.await_refit);
  return std::shared_ptr<EngineSession>(
      new EngineSession(device, backend, std::move(engine), std::move(weights)));
}

EngineSession::EngineSession(const Device& device, const Backend& backend,
                             std::shared_ptr<LoadedEngine> engine,
                             std::unique_ptr<EngineWeights> weights)
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
      aux_streams_(engine_->AuxStreams()) {
  if (missing_.empty()) lane_ = std::make_shared<Lane>(device, engine_, pool_);
}

bool EngineSession::closed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !engine_;
}

std::shared_ptr<LoadedEngine> EngineSession::OpenEngine() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) throw EngineClosed();
  return engine_;
}

std::optional<Error> EngineSession::LaneFor(std::shared_ptr<Lane>* lane) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) return EngineClosed();
  if (!missing_.empty()) return WeightsMissing(missing_);
  if (!lane_) {
    return Error(ErrorCode::kOutOfMemory,
                 "the engine has its weights, but no execution context could be made for it. Free "
                 "GPU memory and call refit() again");
  }
  *lane = lane_;
  return std::nullopt;
}

PinnedLease EngineSession::TakeStaging(size_t size) {
  if (closed()) throw EngineClosed();
  return pool_->Take(size);
}

void EngineSession::Submit(std::shared_ptr<InferJob> job) {
  std::shared_ptr<Lane> lane;
  job->error = LaneFor(&lane);
  if (lane) {
    lane->Submit(std::move(job));
  } else {
    job->done();
  }
}

void EngineSession::RunNow(InferJob* job) {
  const Activity activity;
  std::shared_ptr<Lane> lane;
  job->error = LaneFor(&lane);
  if (lane) lane->RunNow(job);
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

std::string EngineSession::Inspect() {
  // Not beside a refit.
  return WithWeights([&](const std::shared_ptr<LoadedEngine>& engine, OperationLog*) {
    const Activity activity;
    device_.MakeCurrent();
    return engine->Inspect();
  });
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
  std::shared_ptr<Lane> lane;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    lane = lane_;
  }
  if (lane) {
    lane->RunExclusive([&](const Stream& stream) {
      const LogScope scope(log);
      weights_->Apply(stream, log);
    });
    return;
  }
  const Activity activity;
  device_.MakeCurrent();
  weights_->Apply(Stream(device_), log);
  lane = std::make_shared<Lane>(device_, engine, pool_);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!engine_) throw EngineClosed();
  lane_ = std::move(lane);
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
  std::shared_ptr<Lane> lane;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    engine = std::move(engine_);
    lane = std::move(lane_);
  }
  if (!engine) return;
  if (lane) lane->Stop(pending);
  const std::lock_guard<std::mutex> no_refit(weights_mutex_);
  const Activity activity;
  lane.reset();
  device_.TryMakeCurrent();
  weights_.reset();
  engine.reset();
  pool_->Close();
}

}  // namespace trtnode
