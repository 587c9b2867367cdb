// TEST ONLY. The streams and events of the machine.
#include <algorithm>
#include <thread>

#include "driver/machine.h"

namespace stub {

Stream* Machine::MakeStream(Device* device) {
  const auto stream = std::make_shared<Stream>();
  stream->device = device;
  streams_[stream.get()] = stream;
  return stream.get();
}

void Machine::DestroyStream(Stream* stream) {
  BreakCapture(stream);
  WaitFor(stream);
  streams_.erase(stream);
}

Stream* Machine::Check(CUstream handle) {
  // The default stream of whichever device is current.
  if (handle == nullptr) {
    if (Current() == nullptr) Die("the default stream was used without a current context");
    std::shared_ptr<Stream>& stream = default_streams_[Current()];
    if (!stream) stream = std::make_shared<Stream>();
    stream->device = Current();
    return stream.get();
  }
  auto* const stream = reinterpret_cast<Stream*>(handle);
  if (!streams_.contains(stream)) Die("a stream was used that is not there");
  return stream;
}

Event* Machine::MakeEvent(Device* device, bool timed) {
  auto* const event = new Event;
  event->device = device;
  event->timed = timed;
  events_.insert(event);
  return event;
}

void Machine::DestroyEvent(Event* event) {
  events_.erase(event);
  delete event;
}

Event* Machine::Check(CUevent handle) {
  auto* const event = reinterpret_cast<Event*>(handle);
  if (!events_.contains(event)) Die("an event was used that is not there");
  return event;
}

CUresult Machine::Queue(Stream* stream, Kernel kernel) {
  if (stream->capture == nullptr) {
    Append(stream, std::move(kernel));
    return CUDA_SUCCESS;
  }
  Capture& capture = *stream->capture;
  if (capture.broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (stream != capture.origin) ++capture.forks[stream].nodes;
  capture.nodes.push_back(std::move(kernel));
  return CUDA_SUCCESS;
}

void Machine::Append(Stream* stream, Kernel kernel) {
  TakeScratch(stream, kernel);
  stream->end = std::max(stream->end, Clock::now()) + kernel.duration;
  stream->queue.push_back({std::move(kernel.run), stream->end, {}});
  ++stream->queued;
  if (eager_) Poll(stream, stream->queued);
}

// Two pieces of work in one memory have to be in order: on one stream, or by an event that one of them waits for.
void Machine::TakeScratch(Stream* stream, const Kernel& kernel) {
  if (kernel.scratch == nullptr) return;
  Position& last = scratch_[kernel.scratch];
  const auto waits_for_it = [&](const Work& work) {
    return work.after.stream == last.stream && work.after.count >= last.count;
  };
  if (!last.Reached() && last.stream.get() != stream &&
      std::none_of(stream->queue.begin(), stream->queue.end(), waits_for_it)) {
    Die("two streams use the same memory at a time");
  }
  last = {stream->shared_from_this(), stream->queued + 1};
}

CUresult Machine::Record(Event* event, Stream* stream) {
  event->recorded = false;
  event->capture = stream->capture;
  if (stream->capture != nullptr) {
    if (stream->capture->broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    event->captured_on = stream;
    event->captured_nodes = stream->capture->forks[stream].nodes;
    return CUDA_SUCCESS;
  }
  Append(stream, {[] {}});
  event->recorded = true;
  event->time = stream->end;
  event->position = {stream->shared_from_this(), stream->queued};
  return CUDA_SUCCESS;
}

CUresult Machine::MakeWait(Stream* stream, const Event& event) {
  if (event.capture != nullptr) {
    if (event.capture->ended) return CUDA_ERROR_CAPTURED_EVENT;
    if (stream->capture == nullptr) stream->capture = event.capture;
    if (stream->capture != event.capture) return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    if (stream != stream->capture->origin) {
      stream->capture->forks[stream];
    } else {
      stream->capture->forks[event.captured_on].joined = event.captured_nodes + 1;
    }
    return CUDA_SUCCESS;
  }
  if (!event.recorded) return CUDA_SUCCESS;
  if (stream->capture != nullptr) {
    stream->capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (event.position.Reached()) return CUDA_SUCCESS;
  stream->end = std::max({stream->end, event.time, Clock::now()});
  stream->queue.push_back({[] {}, stream->end, event.position});
  ++stream->queued;
  return CUDA_SUCCESS;
}

void Machine::RunNext(Stream* stream) {
  const std::function<void()> work = std::move(stream->queue.front().run);
  stream->queue.pop_front();
  // After a lost context nothing runs any more.
  if (stream->device->lost == CUDA_SUCCESS) work();
  ++stream->completed;
}

CUresult Machine::Wait(Stream* stream, uint64_t position) {
  // Another thread may destroy it meanwhile, which waits for its work too.
  const std::shared_ptr<Stream> kept = stream->shared_from_this();
  while (stream->completed < position) {
    const bool works = stream->device->lost == CUDA_SUCCESS;
    const Position after = stream->queue.front().after;
    const Clock::time_point end = stream->queue.front().end;
    if (works && !after.Reached()) {
      Wait(after.stream.get(), after.count);
    } else if (works && end > Clock::now()) {
      // Others may use the machine meanwhile, this stream too, and lose its context.
      mutex_.unlock();
      std::this_thread::sleep_until(std::min(end, Clock::now() + std::chrono::milliseconds(1)));
      mutex_.lock();
    } else {
      RunNext(stream);
    }
  }
  return stream->device->lost;
}

bool Machine::Poll(Stream* stream, uint64_t position) {
  while (stream->completed < position) {
    if (stream->device->lost == CUDA_SUCCESS) {
      const Work& next = stream->queue.front();
      if (!next.after.Reached() && !Poll(next.after.stream.get(), next.after.count)) return false;
      if (next.end > Clock::now()) return false;
    }
    RunNext(stream);
  }
  return true;
}

void Machine::WaitForDevice(const Device* device) {
  std::vector<std::shared_ptr<Stream>> streams;
  for (const auto& [pointer, stream] : streams_) streams.push_back(stream);
  for (const auto& [owner, stream] : default_streams_) streams.push_back(stream);
  for (const std::shared_ptr<Stream>& stream : streams) {
    if (stream->device == device) WaitFor(stream.get());
  }
}

}  // namespace stub
