// What a load, a refit and an inspection are asked for, and what came of them. No TensorRT header is seen here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "trt/build_spec.h"
#include "trt/types.h"

namespace trtnode {

struct WeightStreamingBudget {
  bool automatic = false;  // TensorRT's choice, by the free memory
  uint64_t bytes = 0;      // of streamable weights that stay on the GPU
};

struct LoadSpec {
  PluginSpec plugins;
  bool host_code = false;
  std::optional<WeightStreamingBudget> weight_streaming_budget;  // none: nothing is streamed
  // The plan has no weights: no execution context is made before a refit has brought them.
  bool await_refit = false;
  // Whoever built the plan says that it has all its weights, and that they are fixed.
  bool fixed_weights = false;
  // File that keeps the kernels which TensorRT-RTX compiles at run time; empty: none does.
  std::string runtime_cache;
};

struct WeightsInfo {
  std::string name;
  DataType type = DataType::kFloat32;
  int64_t elements = 0;
};

struct NamedWeights {
  WeightsInfo info;
  ByteBlock data;
};

struct ModelInspectionSpec {
  ModelFile model;
  std::optional<int> device;  // none: without a GPU
  PluginSpec plugins;
};

// Nodes by their index in the model's file.
struct ModelSubgraph {
  std::vector<int64_t> nodes;
  bool supported = false;
};

struct ParserError {
  int node = -1;  // -1: of the model as a whole
  std::string name;
  std::string op;
  std::string code;  // e.g. "unsupported-node"
  std::string message;
};

struct ModelInspection {
  bool supported = false;
  std::vector<ModelSubgraph> subgraphs;
  std::vector<ParserError> errors;
};

}  // namespace trtnode
