#include "exec/manual_context.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"
#include "cuda/device.h"
#include "trt/log.h"

namespace trtnode {
namespace {

Error NotBound(const TensorInfo& tensor, const char* what, const char* way) {
  return Error(ErrorCode::kInvalidArg,
               "expected " + std::string(what) + " for tensor " + tensor.name +
                   " before the context is enqueued or captured but there is none. Call " + way)
      .With("tensor", tensor.name);
}

void RequireRoom(const TensorInfo& tensor, const Dims& dims, const DeviceMemory& memory) {
  const size_t needed = ByteCount(tensor.type, dims);
  if (memory.size() >= needed) return;
  throw Error(ErrorCode::kInvalidArg, "expected device memory of " + std::to_string(needed) +
                                          " bytes for tensor " + tensor.name + " of dims " +
                                          DimsToString(dims) + " but received " +
                                          std::to_string(memory.size()))
      .With("tensor", tensor.name);
}

void RequireAligned(const TensorInfo& tensor, const DeviceMemory& memory) {
  constexpr CUdeviceptr kAlignment = 256;  // TensorRT's own rule
  if (memory.pointer() % kAlignment == 0) return;
  throw Error(ErrorCode::kInvalidArg,
              "expected device memory at a multiple of 256 bytes for tensor " + tensor.name +
                  ", as TensorRT wants it, but received an address that is none")
      .With("tensor", tensor.name);
}

Graph CaptureOn(const Stream& stream, Execution* execution) {
  try {
    return Graph::Capture(stream, [&] { execution->Enqueue(stream.get()); });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInferFailed && error.code() != ErrorCode::kCuda) throw;
    throw Error(
        ErrorCode::kUnsupported,
        "this network cannot be captured as a CUDA graph, most often because TensorRT waits "
        "for the GPU while it enqueues it. enqueue() and infer() run it without. " +
            error.message());
  }
}

}  // namespace

// What it throws carries TensorRT's own words.
template <typename Call>
auto ManualContext::WithLog(Call call) {
  OperationLog log;
  const LogScope scope(&log);
  try {
    return call();
  } catch (const Error& error) {
    const std::string words = log.ErrorText();
    Error failure(error.code(), error.message() + (words.empty() ? "" : ": " + words));
    for (const auto& [key, value] : error.details()) failure.With(key, value);
    throw failure.WithLog(log.Lines());
  }
}

ManualContext::ManualContext(const Device& device, std::shared_ptr<LoadedEngine> engine,
                             int profile, bool nvtx)
    : device_(device),
      inputs_(engine->inputs()),
      outputs_(engine->outputs()),
      engine_(std::move(engine)),
      dims_(inputs_.size()),
      values_(inputs_.size()),
      reads_(inputs_.size()),
      writes_(outputs_.size()) {
  for (const TensorInfo& output : outputs_) {
    if (!output.on_host) continue;
    throw Error(ErrorCode::kUnsupported, "output " + output.name +
                                             " is a shape tensor that TensorRT writes on the host, "
                                             "which a context by hand cannot fetch. Use infer()")
        .With("output", output.name);
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!IsDynamic(inputs_[i].dims)) dims_[i] = inputs_[i].dims;
  }
  device_.MakeCurrent();
  own_stream_ = std::make_shared<Stream>(device_);
  last_ = std::make_shared<Event>(device_, EventKind::kUntimed);
  ExecutionOptions options;
  options.nvtx = nvtx;
  execution_ = engine_->CreateExecution(options);
  if (profile == 0) return;
  execution_->SetProfile(profile, own_stream_->get());
  own_stream_->Synchronize();
}

ManualContext::~ManualContext() {
  WaitForWork();
  FreeEverything();
}

void ManualContext::SetInputDims(size_t index, const Dims& dims) {
  const std::unique_lock<std::mutex> lock = Enter();
  if (dims_[index] == dims) return;
  dims_[index].reset();
  prepared_ = settled_ = false;
  ++shapes_version_;
  WithLog([&] { execution_->SetInputDims(inputs_[index], dims); });
  dims_[index] = dims;
}

void ManualContext::SetInputValues(size_t index, const void* data, size_t size) {
  const std::unique_lock<std::mutex> lock = Enter();
  std::shared_ptr<PinnedBuffer>& values = values_[index];
  if (values && values->size() == size && std::memcmp(values->data(), data, size) == 0) return;
  prepared_ = settled_ = false;
  ++shapes_version_;
  auto replacing = std::make_shared<PinnedBuffer>(device_, std::max<size_t>(size, 1));
  std::memcpy(replacing->data(), data, size);
  WithLog([&] { execution_->SetAddress(inputs_[index], replacing->data()); });
  if (last_->Done()) earlier_values_.clear();
  if (values) earlier_values_.push_back(std::move(values));
  values = std::move(replacing);
}

Dims ManualContext::OutputDims(size_t index) {
  const std::unique_lock<std::mutex> lock = Enter();
  return WithLog([&] { return execution_->OutputDims(outputs_[index]); });
}

ManualContext::SharedMemory ManualContext::BindInput(size_t index, SharedMemory memory) {
  RequireAligned(inputs_[index], *memory);
  const std::unique_lock<std::mutex> lock = Enter();
  prepared_ = false;
  WithLog([&] { execution_->SetAddress(inputs_[index], memory->address()); });
  return std::exchange(reads_[index], std::move(memory));
}

ManualContext::SharedMemory ManualContext::BindOutput(size_t index, SharedMemory memory) {
  RequireAligned(outputs_[index], *memory);
  const std::unique_lock<std::mutex> lock = Enter();
  prepared_ = false;
  WithLog([&] { execution_->SetAddress(outputs_[index], memory->address()); });
  return std::exchange(writes_[index], std::move(memory));
}

void ManualContext::Prepare() {
  if (prepared_) return;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const std::optional<Dims>& dims = dims_[i];
    if (!dims) throw NotBound(inputs_[i], "dims", "setInput()");
    if (inputs_[i].on_host) {
      if (!values_[i]) throw NotBound(inputs_[i], "values", "setInput()");
      continue;
    }
    if (!reads_[i]) throw NotBound(inputs_[i], "device memory", "setInput()");
    RequireRoom(inputs_[i], *dims, *reads_[i]);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) CheckOutput(i);
  prepared_ = true;
}

void ManualContext::CheckOutput(size_t index) {
  const TensorInfo& output = outputs_[index];
  const Dims dims = execution_->OutputDims(output);
  if (IsDynamic(dims)) {
    throw Error(ErrorCode::kUnsupported,
                "the dims of output " + output.name +
                    " depend on the data, so TensorRT waits for the GPU while it enqueues, which a "
                    "context by hand does not do on the event loop. Use infer()")
        .With("output", output.name);
  }
  if (!writes_[index]) throw NotBound(output, "device memory", "setOutput()");
  RequireRoom(output, dims, *writes_[index]);
}

template <typename Work>
void ManualContext::PutOn(const SharedStream& stream, const std::vector<SharedMemory>& reads,
                          const std::vector<SharedMemory>& writes, Work work) {
  // On one stream they are in order anyway.
  if (last_stream_ && last_stream_ != stream) stream->Wait(*last_);
  for (const SharedMemory& memory : reads) {
    if (memory) memory->WaitReady(*stream, last_.get());
  }
  for (const SharedMemory& memory : writes) memory->WaitUnused(*stream, last_.get());
  const auto mark = [&] {
    last_->Record(*stream);
    last_stream_ = stream;
    for (const SharedMemory& memory : reads) {
      if (memory) memory->MarkRead(last_);
    }
    for (const SharedMemory& memory : writes) memory->MarkWritten(last_);
  };
  try {
    work();
  } catch (...) {
    mark();  // part of it may be on the stream; and a lost context is named here
    throw;
  }
  mark();
}

void ManualContext::Enqueue(const SharedStream& stream) {
  const std::unique_lock<std::mutex> lock = Enter();
  RequireUsable();
  WithLog([&] {
    Prepare();
    PutOn(stream, reads_, writes_, [&] { execution_->Enqueue(stream->get()); });
    settled_ = true;
  });
}

void ManualContext::Launch(const ContextGraph& graph, const SharedStream& stream) {
  const std::unique_lock<std::mutex> lock = Enter();
  RequireUsable();
  if (graph.weights_version_ != weights_version_) {
    throw Error(ErrorCode::kRefit,
                "the engine was refitted after this graph was captured, which may hold the weights "
                "of before. Capture it again")
        .With("reason", std::string("graph"));
  }
  if (graph.shapes_version_ != shapes_version_) {
    throw Error(
        ErrorCode::kInvalidArg,
        "the graph's context was given other dims or values after it was captured, and what "
        "TensorRT kept of those before is gone. Capture it again, or keep a context for each")
        .With("reason", std::string("dims"));
  }
  PutOn(stream, graph.reads_, graph.writes_, [&] { graph.graph_.Launch(*stream); });
}

std::shared_ptr<ContextGraph> ManualContext::Capture() {
  const std::lock_guard<std::mutex> lock(mutex_);
  RequireOpen();
  RequireUsable();
  device_.MakeCurrent();
  return WithLog([&] {
    Prepare();
    if (!settled_) {
      PutOn(own_stream_, reads_, writes_, [&] { execution_->Enqueue(own_stream_->get()); });
      settled_ = true;
    }
    auto graph = std::make_shared<ContextGraph>();
    graph->reads_ = reads_;
    graph->writes_ = writes_;
    graph->values_ = values_;
    graph->weights_version_ = weights_version_;
    graph->shapes_version_ = shapes_version_;
    graph->graph_ = CaptureOn(*own_stream_, execution_.get());
    graph->graph_.Upload(*own_stream_);
    return graph;
  });
}

void ManualContext::Close(const Error& why) {
  {
    const std::lock_guard<std::mutex> lock(state_mutex_);
    if (!closed_) closed_ = why;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  WaitForWork();
  FreeEverything();
}

void ManualContext::SetUnusable(std::optional<Error> why) {
  const std::lock_guard<std::mutex> lock(state_mutex_);
  unusable_ = std::move(why);
}

void ManualContext::WaitForWork() noexcept {
  device_.TryMakeCurrent();
  try {
    if (last_) last_->Synchronize();
    if (own_stream_) own_stream_->Synchronize();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // The context is lost, and with it all work.
  }
}

void ManualContext::FreeEverything() {
  execution_.reset();
  last_stream_.reset();
  last_.reset();
  own_stream_.reset();
  reads_.clear();
  writes_.clear();
  values_.clear();
  earlier_values_.clear();
  engine_.reset();
}

std::unique_lock<std::mutex> ManualContext::Enter() {
  RequireOpen();
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock) {
    throw Error(ErrorCode::kInvalidArg,
                "the context is being captured, or its engine refitted: await that first");
  }
  RequireOpen();  // it may have been closed in between
  device_.MakeCurrent();
  return lock;
}

void ManualContext::RequireOpen() {
  const std::lock_guard<std::mutex> lock(state_mutex_);
  if (closed_) throw Error(*closed_);
}

void ManualContext::RequireUsable() {
  const std::lock_guard<std::mutex> lock(state_mutex_);
  if (unusable_) throw Error(*unusable_);
}

void ManualContexts::Add(const std::shared_ptr<ManualContext>& context) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(contexts_, [](const auto& known) { return known.expired(); });
  contexts_.push_back(context);
}

std::vector<std::shared_ptr<ManualContext>> ManualContexts::Open() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<ManualContext>> open;
  for (const auto& known : contexts_) {
    if (std::shared_ptr<ManualContext> context = known.lock()) open.push_back(std::move(context));
  }
  return open;
}

ManualContexts::Pause ManualContexts::PauseAll() {
  Pause pause;
  pause.contexts_ = Open();
  for (const auto& context : pause.contexts_) {
    pause.locks_.emplace_back(context->mutex_);
    context->WaitForWork();
    ++context->weights_version_;
  }
  return pause;
}

void ManualContexts::SetUnusable(const std::optional<Error>& why) {
  for (const auto& context : Open()) context->SetUnusable(why);
}

void ManualContexts::CloseAll(const Error& why) {
  for (const auto& context : Open()) context->Close(why);
}

}  // namespace trtnode
