#include "cuda/graph.h"

#include <utility>

#include "cuda/driver.h"
#include "cuda/stream.h"

namespace trtnode {
namespace {

// What a capture gives, before it can be launched.
class CapturedGraph {
 public:
  CapturedGraph() = default;
  ~CapturedGraph() {
    if (graph_ != nullptr) Driver::Get().table().GraphDestroy(graph_);
  }
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;

  CUgraph get() const { return graph_; }

  // A capture that something forbidden has broken still has to be ended, or the stream stays in it.
  CUresult End(const Stream& stream) {
    return Driver::Get().table().StreamEndCapture(stream.get(), &graph_);
  }

 private:
  CUgraph graph_ = nullptr;
};

}  // namespace

Graph Graph::Capture(const Stream& stream, const std::function<void()>& enqueue) {
  const DriverTable& driver = Driver::Get().table();
  CheckCuda(driver.StreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
            "cuStreamBeginCapture");
  CapturedGraph graph;
  try {
    enqueue();
  } catch (...) {
    static_cast<void>(graph.End(stream));
    throw;
  }
  CheckCuda(graph.End(stream), "cuStreamEndCapture");
  if (graph.get() == nullptr) throw Error(ErrorCode::kCuda, "cuStreamEndCapture gave no graph");
  size_t nodes = 0;
  CheckCuda(driver.GraphGetNodes(graph.get(), nullptr, &nodes), "cuGraphGetNodes");
  // What a plugin puts on a stream of its own choice no capture sees, and no launch would do again.
  if (nodes == 0) throw Error(ErrorCode::kCuda, "nothing was put on the stream that was captured");
  CUgraphExec executable = nullptr;
  CheckCuda(driver.GraphInstantiate(&executable, graph.get(), 0), "cuGraphInstantiate");
  return Graph(executable);
}

Graph::~Graph() {
  if (executable_ != nullptr) Driver::Get().table().GraphExecDestroy(executable_);
}

Graph::Graph(Graph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}

Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(executable_, other.executable_);
  return *this;
}

void Graph::Launch(const Stream& stream) const {
  CheckCuda(Driver::Get().table().GraphLaunch(executable_, stream.get()), "cuGraphLaunch");
}

void Graph::Upload(const Stream& stream) const {
  CheckCuda(Driver::Get().table().GraphUpload(executable_, stream.get()), "cuGraphUpload");
}

}  // namespace trtnode
