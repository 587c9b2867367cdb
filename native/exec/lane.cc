#include "exec/lane.h"

#include <cstring>
#include <new>

#include "core/activity.h"
#include "cuda/device.h"

namespace trtnode {
namespace {

double Milliseconds(InferJob::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// How long an idle lane looks for the next inference before it sleeps.
constexpr std::chrono::microseconds kSpin(50);

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Error EngineClosed() {
  return Error(ErrorCode::kEngineClosed, "the engine is closed. Load it again to use it");
}

Lane::Lane(const Device& device, std::shared_ptr<LoadedEngine> engine,
           std::shared_ptr<PinnedPool> pool)
    : device_(device),
      engine_(std::move(engine)),
      pool_(std::move(pool)),
      stream_(device),
      before_h2d_(device),
      before_compute_(device),
      after_compute_(device),
      before_d2h_(device),
      after_d2h_(device),
      execution_(engine_->CreateExecution()),
      input_addresses_(engine_->inputs().size()),
      output_addresses_(engine_->outputs().size()) {
  data_dependent_.resize(engine_->outputs().size());
  host_inputs_.resize(engine_->inputs().size());
  host_outputs_.resize(engine_->outputs().size());
  for (size_t i = 0; i < engine_->inputs().size(); ++i) input_memory_.emplace_back(device);
  for (size_t i = 0; i < engine_->outputs().size(); ++i) output_memory_.emplace_back(device);
  thread_ = std::thread([this, environment = CurrentEnvironment()] {
    SetCurrentEnvironment(environment);
    ThreadMain();
  });
}

Lane::~Lane() {
  Stop(Pending::kFinish);
  // TensorRT frees the context's memory on the current device.
  device_.TryMakeCurrent();
}

void Lane::Submit(std::shared_ptr<InferJob> job) {
  job->submitted = InferJob::Clock::now();
  Work work = std::move(job);
  if (Queue(work)) return;
  const auto& refused = std::get<std::shared_ptr<InferJob>>(work);
  refused->error = EngineClosed();
  refused->done();
}

bool Lane::Queue(Work& work) {
  const std::lock_guard<std::mutex> lock(queue_mutex_);
  if (stopping_) return false;
  queue_.push_back(std::move(work));
  has_news_.store(true, std::memory_order_release);
  queue_changed_.notify_one();
  return true;
}

void Lane::RunNow(InferJob* job) {
  job->submitted = InferJob::Clock::now();
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    if (stopping_) {
      job->error = EngineClosed();
      return;
    }
  }
  Execute(job);
}

void Lane::RunExclusive(std::function<void(const Stream&)> work) {
  ExclusiveWork task([this, work = std::move(work)](const Stream& stream) {
    try {
      work(stream);
      unusable_.reset();
    } catch (const Error& error) {
      unusable_ = error;
      throw;
    } catch (const std::exception& error) {
      unusable_ = Error(ErrorCode::kInternal, error.what());
      throw;
    }
  });
  std::future<void> done = task.get_future();
  Work queued = std::move(task);
  if (!Queue(queued)) throw EngineClosed();
  try {
    done.get();
  } catch (const std::future_error&) {
    throw EngineClosed();  // discarded
  }
}

void Lane::Stop(Pending pending) {
  std::deque<Work> discarded;
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    stopping_ = true;
    if (pending == Pending::kDiscard) discarded.swap(queue_);
    has_news_.store(true, std::memory_order_release);
    queue_changed_.notify_one();
  }
  for (const Work& work : discarded) {
    const auto* job = std::get_if<std::shared_ptr<InferJob>>(&work);
    if (job == nullptr) continue;
    (*job)->error = EngineClosed();
    (*job)->done();
  }
  discarded.clear();  // whoever waits for exclusive work learns it now
  if (thread_.joinable()) thread_.join();
}

void Lane::ThreadMain() {
  while (std::optional<Work> work = NextWork()) {
    std::visit([this](auto& item) { Do(item); }, *work);
    // Whoever awaits one inference before the next submits it within microseconds, and waking a sleeping thread costs
    // more than that.
    const InferJob::Clock::time_point until = InferJob::Clock::now() + kSpin;
    while (!has_news_.load(std::memory_order_acquire) && InferJob::Clock::now() < until) Pause();
  }
}

std::optional<Lane::Work> Lane::NextWork() {
  std::unique_lock<std::mutex> lock(queue_mutex_);
  queue_changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty()) return std::nullopt;
  Work work = std::move(queue_.front());
  queue_.pop_front();
  has_news_.store(stopping_ || !queue_.empty(), std::memory_order_release);
  return work;
}

void Lane::Do(const std::shared_ptr<InferJob>& job) {
  {
    const Activity activity;
    Execute(job.get());
  }
  pool_->FreeSurplus();
  job->done();
}

void Lane::Do(ExclusiveWork& work) {
  const Activity activity;
  const std::lock_guard<std::mutex> one_at_a_time(execute_mutex_);
  device_.TryMakeCurrent();
  work(stream_);
}

void Lane::Execute(InferJob* job) {
  const std::lock_guard<std::mutex> one_at_a_time(execute_mutex_);
  OperationLog log;
  const LogScope scope(&log);
  const InferJob::Clock::time_point started = InferJob::Clock::now();
  job->timing.queue = Milliseconds(started - job->submitted);
  try {
    if (unusable_) throw Error(*unusable_);
    device_.MakeCurrent();
    try {
      Enqueue(job);
    } catch (...) {
      // What was already queued on the stream must not write into memory that goes back to the pool.
      stream_.Synchronize();
      throw;
    }
    stream_.Synchronize();
    CopyHostOutputs(job);
    if (job->timed) CollectTiming(job);
  } catch (const Error& error) {
    job->outputs.clear();
    const std::string words = log.ErrorText();
    Error failure(error.code(), error.message() + (words.empty() ? "" : ": " + words));
    for (const auto& [key, value] : error.details()) failure.With(key, value);
    job->error = std::move(failure.WithLog(log.Lines()));
  } catch (const std::bad_alloc&) {
    job->outputs.clear();
    job->error = Error(ErrorCode::kOutOfMemory, "the machine has not enough free memory");
  } catch (const std::exception& error) {
    job->outputs.clear();
    job->error = Error(ErrorCode::kInternal, error.what());
  }
  job->timing.total = Milliseconds(InferJob::Clock::now() - job->submitted);
}

void Lane::Enqueue(InferJob* job) {
  SetInputs(*job);
  PlaceInputs(*job);
  PlaceOutputs(job);

  if (job->timed) before_h2d_.Record(stream_);
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].on_host) continue;
    stream_.CopyToDevice(input_memory_[i].pointer(), job->staging.data() + job->input_offsets[i],
                         job->input_bytes[i]);
  }
  if (job->timed) before_compute_.Record(stream_);
  const InferJob::Clock::time_point before = InferJob::Clock::now();
  RunNetwork();
  job->timing.enqueue = Milliseconds(InferJob::Clock::now() - before);
  if (job->timed) after_compute_.Record(stream_);
  // May pin memory on the host, which no event shall count.
  CompleteOutputs(job);
  if (job->timed) before_d2h_.Record(stream_);
  CopyOutputs(job);
  if (job->timed) after_d2h_.Record(stream_);
}

void Lane::SetInputs(const InferJob& job) {
  const bool same_profile = job.profile == profile_;
  if (shapes_known_ && same_profile && job.input_dims == input_dims_) return;
  // Should TensorRT refuse one of them, the next inference tells it everything again.
  shapes_known_ = false;
  if (!same_profile) {
    execution_->SetProfile(job.profile, stream_.get());
    profile_ = job.profile;
  }
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  bool values_set_dims = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].on_host) {
      const size_t size = job.input_bytes[i];
      if (!host_inputs_[i] || host_inputs_[i].size() < size) host_inputs_[i] = pool_->Take(size);
      std::memcpy(host_inputs_[i].data(), job.staging.data() + job.input_offsets[i], size);
      // Told anew each time: TensorRT may keep what followed from the values before.
      execution_->SetAddress(inputs[i], host_inputs_[i].data());
      values_set_dims = true;
    }
    execution_->SetInputDims(inputs[i], job.input_dims[i]);
  }
  output_dims_.clear();
  for (const TensorInfo& output : engine_->outputs()) {
    output_dims_.push_back(execution_->OutputDims(output));
  }
  input_dims_ = job.input_dims;
  // A shape tensor's values, read on the host, decide other dims: nothing is known about the next inference's.
  shapes_known_ = !values_set_dims;
}

void Lane::PlaceInputs(const InferJob& job) {
  const std::vector<TensorInfo>& inputs = engine_->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].on_host) continue;
    input_memory_[i].Reserve(job.input_bytes[i]);
    SetAddress(inputs[i], input_memory_[i].address(), &input_addresses_[i]);
  }
}

void Lane::PlaceOutputs(InferJob* job) {
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  job->outputs.resize(outputs.size());
  for (const auto& output : data_dependent_) {
    if (output) output->Forget();
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    InferOutput& output = job->outputs[i];
    output.dims = output_dims_[i];
    if (IsDynamic(output.dims)) {
      PlaceDataDependent(i);
      continue;
    }
    output.size_bytes = ByteCount(outputs[i].type, output.dims);
    if (job->wanted[i]) output.memory = pool_->Take(output.size_bytes);
    if (outputs[i].on_host) {
      PinnedLease& memory = host_outputs_[i];
      if (!memory || memory.size() < output.size_bytes) memory = pool_->Take(output.size_bytes);
      SetAddress(outputs[i], memory.data(), &output_addresses_[i]);
      continue;
    }
    output_memory_[i].Reserve(output.size_bytes);
    SetAddress(outputs[i], output_memory_[i].address(), &output_addresses_[i]);
  }
}

void Lane::PlaceDataDependent(size_t index) {
  if (data_dependent_[index]) return;
  const TensorInfo& output = engine_->outputs()[index];
  if (output.on_host) {
    // TensorRT says that it has none: a shape tensor's own dims are known when the engine is built.
    throw Error(ErrorCode::kUnsupported,
                "output " + output.name +
                    " is a shape tensor whose dims depend on the data, which trt-node cannot fetch")
        .With("output", output.name);
  }
  auto memory = std::make_unique<DataDependentOutput>(device_, &output_memory_[index]);
  execution_->SetOutputMemory(output, memory.get());
  data_dependent_[index] = std::move(memory);
}

void Lane::RunNetwork() {
  const auto throw_failure = [this] {
    for (const auto& output : data_dependent_) {
      if (output && output->failure()) throw Error(*output->failure());
    }
  };
  try {
    execution_->Enqueue(stream_.get());
  } catch (const Error&) {
    throw_failure();
    throw;
  }
  throw_failure();
}

void Lane::CompleteOutputs(InferJob* job) {
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    InferOutput& output = job->outputs[i];
    if (!IsDynamic(output.dims)) continue;
    const std::optional<Dims> dims = data_dependent_[i]->dims();
    if (!dims || IsDynamic(*dims)) {
      throw Error(ErrorCode::kInferFailed, "TensorRT did not tell the dims of output " +
                                               outputs[i].name + ", which depend on the data")
          .With("output", outputs[i].name);
    }
    output.dims = *dims;
    output.size_bytes = ByteCount(outputs[i].type, output.dims);
    if (job->wanted[i]) output.memory = pool_->Take(output.size_bytes);
  }
}

void Lane::CopyOutputs(InferJob* job) {
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].on_host || !job->wanted[i]) continue;
    const bool placed_by_tensorrt = IsDynamic(output_dims_[i]);
    stream_.CopyToHost(
        job->outputs[i].memory.data(),
        placed_by_tensorrt ? data_dependent_[i]->pointer() : output_memory_[i].pointer(),
        job->outputs[i].size_bytes);
  }
}

void Lane::CopyHostOutputs(InferJob* job) const {
  const std::vector<TensorInfo>& outputs = engine_->outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].on_host || !job->wanted[i]) continue;
    std::memcpy(job->outputs[i].memory.data(), host_outputs_[i].data(), job->outputs[i].size_bytes);
  }
}

void Lane::SetAddress(const TensorInfo& tensor, void* address, void** known) {
  if (*known == address) return;
  *known = nullptr;
  execution_->SetAddress(tensor, address);
  *known = address;
}

void Lane::CollectTiming(InferJob* job) const {
  job->timing.h2d = before_compute_.MillisecondsSince(before_h2d_);
  job->timing.compute = after_compute_.MillisecondsSince(before_compute_);
  job->timing.d2h = after_d2h_.MillisecondsSince(before_d2h_);
}

}  // namespace trtnode
