// The time of each layer of a network, by TensorRT's IProfiler.
#pragma once

#include <string>
#include <vector>

#include "cuda/device.h"
#include "trt/backend.h"

namespace trtnode {

struct LayerProfileSpec {
  int profile = 0;
  std::vector<Dims> input_dims;                    // one per input
  std::vector<std::vector<unsigned char>> inputs;  // one per input; empty: zeros
  int warmup = 0;
  int iterations = 1;
};

// Milliseconds of GPU time, each between two CUDA events.
struct LayerProfile {
  struct Layer {
    std::string name;
    std::vector<float> times;  // of each iteration that it ran in
  };
  // In the order of the engine.
  std::vector<Layer> layers;
  // Of the whole network, of each iteration.
  std::vector<double> compute;
  // It ran as a CUDA graph, as inference does: without it, gaps between layers show how fast the host enqueues.
  bool graph = false;
};

// Runs the network on a context, a stream and memory of its own, with the device current. Throws Error.
LayerProfile ProfileLayers(const Device& device, LoadedEngine* engine,
                           const LayerProfileSpec& spec);

}  // namespace trtnode
