#include "exec/engine_session.h"

#include "core/activity.h"

namespace trtnode {
std::shared_ptr<EngineSession> EngineSession::Load(const LibraryFiles& files, ByteBlock* plan,
                                                   int device_index) {
  const Activity activity;
  const Device& device = Device::Get(device_index);
  device.MakeCurrent();
  // The parser is for builds.
  Backend& backend = OpenBackend(LibraryFiles{files.core, ""});
  OperationLog log;
  const LogScope scope(&log);
  try {
    return Load(device, backend, plan, &log);
  } catch (Error& error) {
    // After a lost context TensorRT's own words are about something else; this names it.
    static_cast<void>(device.Memory());
    if (error.log().empty()) error.WithLog(log.Lines());
    throw;
  }
}

std::shared_ptr<EngineSession> EngineSession::Load(const Device& device, Backend& backend,
                                                   ByteBlock* plan, OperationLog* log) {
  std::unique_ptr<LoadedEngine> engine = backend.Deserialize(plan->data(), plan->size(), log);
  plan->Reset();
  return std::shared_ptr<EngineSession>(new EngineSession(device, backend, std::move(engine)));
}

EngineSession::EngineSession(const Device& device, const Backend& backend,
                             std::unique_ptr<LoadedEngine> engine)
    : device_(device),
      flavour_(backend.flavour()),
      version_(backend.version()),
      pool_(std::make_shared<PinnedPool>(device)),
      engine_(std::move(engine)),
      lane_(std::make_shared<Lane>(device, engine_, pool_)),
      inputs_(engine_->inputs()),
      outputs_(engine_->outputs()),
      profiles_(engine_->profiles()),
      device_memory_bytes_(engine_->DeviceMemoryBytes()) {}

bool EngineSession::closed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !engine_;
}

std::shared_ptr<Lane> EngineSession::OpenLane() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return lane_;
}

PinnedLease EngineSession::TakeStaging(size_t size) {
  if (!OpenLane()) throw EngineClosed();
  return pool_->Take(size);
}

void EngineSession::Submit(std::shared_ptr<InferJob> job) {
  const std::shared_ptr<Lane> lane = OpenLane();
  if (lane) {
    lane->Submit(std::move(job));
    return;
  }
  job->error = EngineClosed();
  job->done();
}

void EngineSession::RunNow(InferJob* job) {
  const Activity activity;
  const std::shared_ptr<Lane> lane = OpenLane();
  if (lane) {
    lane->RunNow(job);
  } else {
    job->error = EngineClosed();
  }
}

std::string EngineSession::Inspect() {
  const Activity activity;  // first, so that it ends last: this may be the engine's last owner
  std::shared_ptr<LoadedEngine> engine;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    engine = engine_;
  }
  if (!engine) throw EngineClosed();
  device_.MakeCurrent();
  return engine->Inspect();
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
  lane->Stop(pending);
  const Activity activity;
  lane.reset();
  device_.TryMakeCurrent();
  engine.reset();
  pool_->Close();
}

}  // namespace trtnode
