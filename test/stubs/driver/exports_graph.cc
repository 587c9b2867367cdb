// TEST ONLY. The functions of libcuda.so.1 that trt-node looks up: capturing streams, and graphs.
#include <cuda.h>

#include "driver/calls.h"

#pragma GCC visibility push(default)

using stub::Device;
using stub::Graph;
using stub::InContext;
using stub::InWorkingContext;
using stub::Machine;
using stub::Release;
using stub::Stream;

extern "C" {

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return InWorkingContext("cuStreamBeginCapture", [&](Machine& machine, Device*) {
    if (stream == nullptr) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    Stream* const checked = machine.Check(stream);
    stub::RequireCurrent("cuStreamBeginCapture", checked->device);
    return machine.BeginCapture(checked, mode);
  });
}

// It ends the capture even where it is told to fail, and has made nothing then.
CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  *graph = nullptr;
  Graph* made = nullptr;
  const auto forget = [&] {
    const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
    if (made != nullptr) Machine::Get().DestroyGraph(made);
  };
  try {
    const CUresult result =
        stub::AfterWaiting("cuStreamEndCapture", [&](Machine& machine, Device* device) {
          const CUresult ended = machine.EndCapture(machine.Check(stream), &made);
          return device->lost != CUDA_SUCCESS ? device->lost : ended;
        });
    if (result == CUDA_SUCCESS) {
      *graph = reinterpret_cast<CUgraph>(made);
    } else {
      forget();
    }
    return result;
  } catch (...) {
    forget();
    throw;
  }
}

CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  return InContext("cuStreamIsCapturing", [&](Machine& machine, Device*) {
    const Stream& checked = *machine.Check(stream);
    *status = checked.capture == nullptr ? CU_STREAM_CAPTURE_STATUS_NONE
              : checked.capture->broken  ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                         : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long) {
  return InWorkingContext("cuGraphInstantiate", [&](Machine& machine, Device*) {
    const Graph& captured = *machine.CheckGraph(graph, false);
    stub::RequireCurrent("cuGraphInstantiate", captured.device);
    *executable =
        reinterpret_cast<CUgraphExec>(machine.MakeGraph(captured.device, captured.nodes, true));
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphUpload(CUgraphExec executable, CUstream stream) {
  return InWorkingContext("cuGraphUpload", [&](Machine& machine, Device*) {
    const Graph& graph = *machine.CheckGraph(executable, true);
    Stream* const on = machine.Check(stream);
    stub::RequireCurrent("cuGraphUpload", graph.device);
    stub::RequireCurrent("cuGraphUpload", on->device);
    const CUresult broken = Machine::BreakCapture(on);
    return broken != CUDA_SUCCESS ? broken : machine.Queue(on, {[] {}});
  });
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  return InWorkingContext("cuGraphLaunch", [&](Machine& machine, Device*) {
    const Graph& graph = *machine.CheckGraph(executable, true);
    Stream* const on = machine.Check(stream);
    stub::RequireCurrent("cuGraphLaunch", graph.device);
    stub::RequireCurrent("cuGraphLaunch", on->device);
    return machine.LaunchGraph(graph, on);
  });
}

CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return InContext("cuGraphGetNodes", [&](Machine& machine, Device*) {
    if (nodes != nullptr) stub::Die("cuGraphGetNodes knows how many there are, and no more");
    *count = machine.CheckGraph(graph, false)->nodes->size();
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphDestroy(CUgraph graph) {
  return Release("cuGraphDestroy",
                 [&](Machine& machine) { machine.DestroyGraph(machine.CheckGraph(graph, false)); });
}

CUresult cuGraphExecDestroy(CUgraphExec executable) {
  return Release("cuGraphExecDestroy", [&](Machine& machine) {
    machine.DestroyGraph(machine.CheckGraph(executable, true));
  });
}

}  // extern "C"

#pragma GCC visibility pop
