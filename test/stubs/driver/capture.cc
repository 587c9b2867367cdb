// TEST ONLY. Capturing streams, and the graphs that come of it.
#include <utility>

#include "driver/machine.h"

namespace stub {

CUresult Machine::BeginCapture(Stream* stream, CUstreamCaptureMode mode) {
  if (stream->capture != nullptr) return CUDA_ERROR_ILLEGAL_STATE;
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  captures_.insert(stream->capture);
  return CUDA_SUCCESS;
}

CUresult Machine::EndCapture(Stream* stream, Graph** graph) {
  *graph = nullptr;
  const std::shared_ptr<Capture> capture = stream->capture;
  if (capture == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->origin != stream) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED &&
      capture->thread != std::this_thread::get_id()) {
    capture->broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  bool joined = true;
  for (const auto& [fork, state] : capture->forks) {
    if (fork != stream) joined = joined && state.joined == state.nodes + 1;
  }
  capture->ended = true;
  for (const auto& [pointer, known] : streams_) {
    if (known->capture == capture) known->capture.reset();
  }
  captures_.erase(capture);
  if (capture->broken) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  *graph = MakeGraph(stream->device,
                     std::make_shared<const std::vector<Kernel>>(std::exchange(capture->nodes, {})),
                     false);
  return CUDA_SUCCESS;
}

// CUDA's documentation calls it potentially unsafe: such calls may put work where no capture sees it, or wait. In global mode any
// thread's break the capture, in thread-local mode those of the thread that began it.
CUresult Machine::BreakCaptures() {
  bool broken = false;
  for (const std::shared_ptr<Capture>& capture : captures_) {
    const bool concerned = capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
                           (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL &&
                            capture->thread == std::this_thread::get_id());
    if (!concerned) continue;
    capture->broken = true;
    broken = true;
  }
  return broken ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult Machine::BreakCapture(Stream* stream) {
  if (stream->capture == nullptr) return CUDA_SUCCESS;
  stream->capture->broken = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

Graph* Machine::MakeGraph(Device* device, GraphNodes nodes, bool executable) {
  auto* const graph = new Graph{device, std::move(nodes), executable};
  graphs_.insert(graph);
  return graph;
}

Graph* Machine::CheckGraph(const void* handle, bool executable) {
  auto* const graph = static_cast<Graph*>(const_cast<void*>(handle));
  if (!graphs_.contains(graph)) Die("a graph was used that is not there");
  if (graph->executable != executable) Die("a CUgraph is not a CUgraphExec");
  return graph;
}

void Machine::DestroyGraph(Graph* graph) {
  graphs_.erase(graph);
  delete graph;
}

CUresult Machine::LaunchGraph(const Graph& graph, Stream* stream) {
  // Of a graph within a graph nothing is known here.
  if (const CUresult broken = BreakCapture(stream); broken != CUDA_SUCCESS) return broken;
  for (const Kernel& kernel : *graph.nodes) Append(stream, kernel);
  return CUDA_SUCCESS;
}

}  // namespace stub
