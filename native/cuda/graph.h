// A captured CUDA graph, ready to be launched.
#pragma once

#include <cuda.h>

#include <functional>

namespace trtnode {

class Stream;

// Used by one thread at a time, with the device's context current.
class Graph {
 public:
  // Records what `enqueue` puts on the stream instead of running it. What others put on other streams meanwhile is not
  // affected (thread-local mode). Throws what `enqueue` threw, and Error(kCuda | kOutOfMemory | kCudaContextLost), also where
  // `enqueue` put nothing on it; the stream can be used as before all the same. Long: milliseconds for a large network.
  static Graph Capture(const Stream& stream, const std::function<void()>& enqueue);

  Graph() = default;
  ~Graph();
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph&& other) noexcept;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  explicit operator bool() const { return executable_ != nullptr; }
  void Launch(const Stream& stream) const;
  // Brings it to the GPU, so that the first launch takes no longer than others.
  void Upload(const Stream& stream) const;

 private:
  explicit Graph(CUgraphExec executable) : executable_(executable) {}
  CUgraphExec executable_ = nullptr;
};

}  // namespace trtnode
