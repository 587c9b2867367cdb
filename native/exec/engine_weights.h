// Which weights an engine lacks, and how it gets new ones.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cuda/stream.h"
#include "trt/backend.h"

namespace trtnode {

struct ModelWeights {
  ModelFile model;
  std::string parser;  // libnvonnxparser
};
using RefitSource = std::variant<ModelWeights, std::vector<NamedWeights>>;

// Used by one thread at a time, with the device's context current.
class EngineWeights {
 public:
  // `plan_bytes`: size of the plan that the engine came from. Throws Error(kRefit) when the load awaits a refit and the engine
  // cannot be refitted.
  EngineWeights(std::shared_ptr<LoadedEngine> engine, const LoadSpec& spec, size_t plan_bytes);

  bool refittable() const { return refittable_; }

  // While there are any, the engine must neither infer nor be serialized.
  const std::vector<std::string>& missing() const { return missing_; }

  // Empty for an engine that cannot be refitted.
  std::vector<WeightsInfo> All(OperationLog* log);

  // Reads new weights; the engine does not change yet. Named ones add to those of earlier calls, a model replaces them. Throws
  // Error(kRefit), with which a model's weights are forgotten, and those that were collected before it too.
  void Collect(RefitSource source, OperationLog* log);

  // Gives the engine what was collected, when none is missing. Nothing else may be running on it. After Error(kRefit) all are.
  void Apply(const Stream& stream, OperationLog* log);

 private:
  void CollectFrom(const ModelWeights& source, OperationLog* log);
  void CollectNamed(std::vector<NamedWeights> weights, OperationLog* log);
  std::vector<std::string> StillMissing();
  void ForgetCollected();

  const std::shared_ptr<LoadedEngine> engine_;
  bool refittable_ = false;
  // What the engine lacks without what is collected; empty for an engine that has its weights.
  std::vector<std::string> lacking_;
  // TensorRT counts what a stripped plan lacks as missing; where it does not, all has to be given.
  bool tensorrt_counts_ = true;
  std::vector<std::string> missing_;
  std::unique_ptr<Refitter> refitter_;  // null: nothing is collected
  std::set<std::string> collected_;
};

// What using an engine fails with while weights are missing.
Error WeightsMissing(const std::vector<std::string>& names);

}  // namespace trtnode
