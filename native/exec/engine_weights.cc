#include "exec/engine_weights.h"

#include <algorithm>

#include "trt/library.h"

namespace trtnode {
namespace {

std::vector<std::string> NamesOf(const std::vector<WeightsInfo>& weights) {
  std::vector<std::string> names;
  names.reserve(weights.size());
  for (const WeightsInfo& info : weights) names.push_back(info.name);
  return names;
}

Error NothingToRefit() {
  return Error(ErrorCode::kRefit,
               "expected a plan to give weights to, but TensorRT knows no weights of this one that "
               "could be set. Build it with stripPlan or refit, or load it without weights")
      .With("reason", std::string("not-refittable"));
}

// null for an engine that cannot be refitted. Asking is the only way to know, unless the plan's maker tells: TensorRT 10.6 says so
// of a stripped plan too, which would infer without its weights. It takes half as long as opening the plan. Its words are about our question, so that no error shall show them.
std::unique_ptr<Refitter> TryRefitter(LoadedEngine* engine) {
  OperationLog unheard;
  const LogScope scope(&unheard);
  try {
    return engine->CreateRefitter(&unheard);
  } catch (const Error&) {
    return nullptr;
  }
}

// Whether a plan is too small for its weights, at the byte each that int8 takes. TensorRT 10.6 names none of a stripped plan's
// weights as missing, and infers with zeros.
bool CannotHold(size_t plan_bytes, const std::vector<WeightsInfo>& weights) {
  size_t least = 0;
  for (const WeightsInfo& info : weights) {
    const size_t bytes = ByteCount(info.type, {info.elements});
    least += std::min(bytes, static_cast<size_t>(info.elements));
  }
  return plan_bytes < least;
}

}  // namespace

Error WeightsMissing(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string shown;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    shown += (i == 0 ? "\"" : ", \"") + names[i] + "\"";
  }
  if (names.size() > kShown) shown += ", …";
  return Error(ErrorCode::kRefit,
               "the engine still needs " + std::to_string(names.size()) + " weights: " + shown +
                   ". Give them with engine.refit(): the model that the plan was "
                   "built from has them all")
      .With("reason", std::string("missing"))
      .With("weights", names);
}

EngineWeights::EngineWeights(std::shared_ptr<LoadedEngine> engine, const LoadSpec& spec,
                             size_t plan_bytes)
    : engine_(std::move(engine)) {
  const bool await_refit = spec.await_refit;
  if (!await_refit && spec.fixed_weights && !engine_->IsRefittable()) return;
  const std::unique_ptr<Refitter> refitter = TryRefitter(engine_.get());
  if (!refitter || (await_refit && refitter->All().empty())) {
    if (await_refit) throw NothingToRefit();
    return;
  }
  refittable_ = true;
  lacking_ = refitter->Missing();
  if (lacking_.empty() && (await_refit || CannotHold(plan_bytes, refitter->All()))) {
    tensorrt_counts_ = false;
    lacking_ = NamesOf(refitter->All());
  }
  missing_ = lacking_;
}

std::vector<WeightsInfo> EngineWeights::All(OperationLog* log) {
  if (!refittable_) return {};
  return refitter_ ? refitter_->All() : engine_->CreateRefitter(log)->All();
}

void EngineWeights::Collect(RefitSource source, OperationLog* log) {
  if (!refittable_) {
    throw Error(
        ErrorCode::kRefit,
        "this engine's weights are fixed. Build the plan with refit: 'all' to change them later")
        .With("reason", std::string("not-refittable"));
  }
  if (const auto* model = std::get_if<ModelWeights>(&source)) {
    CollectFrom(*model, log);
  } else {
    CollectNamed(std::move(std::get<std::vector<NamedWeights>>(source)), log);
  }
}

void EngineWeights::CollectFrom(const ModelWeights& source, OperationLog* log) {
  ForgetCollected();
  std::unique_ptr<Refitter> refitter = engine_->CreateRefitter(log);
  refitter->SetFromModel(source.model, FindParserRefitter(source.parser), log);
  // The parser has set every one, or failed.
  missing_ = refitter->Missing();
  refitter_ = std::move(refitter);
}

void EngineWeights::CollectNamed(std::vector<NamedWeights> weights, OperationLog* log) {
  if (!refitter_) refitter_ = engine_->CreateRefitter(log);
  std::vector<std::string> names;
  names.reserve(weights.size());
  for (const NamedWeights& given : weights) names.push_back(given.info.name);
  try {
    refitter_->Set(std::move(weights), log);
  } catch (...) {
    if (collected_.empty()) ForgetCollected();
    throw;
  }
  collected_.insert(names.begin(), names.end());
  missing_ = StillMissing();
}

std::vector<std::string> EngineWeights::StillMissing() {
  if (tensorrt_counts_) return refitter_->Missing();
  std::vector<std::string> missing;
  for (const std::string& name : lacking_) {
    if (!collected_.contains(name)) missing.push_back(name);
  }
  for (std::string& name : refitter_->Missing()) {
    if (std::find(missing.begin(), missing.end(), name) == missing.end()) {
      missing.push_back(std::move(name));
    }
  }
  return missing;
}

void EngineWeights::Apply(const Stream& stream, OperationLog* log) {
  // Nothing to apply: weights that TensorRT needs no more of, or none at all.
  if (!refitter_) return;
  try {
    refitter_->Apply(stream.get(), log);
    stream.Synchronize();
  } catch (...) {
    // Some of them may be set.
    tensorrt_counts_ = false;
    lacking_ = NamesOf(refitter_->All());
    ForgetCollected();
    throw;
  }
  tensorrt_counts_ = true;
  lacking_.clear();
  ForgetCollected();
}

void EngineWeights::ForgetCollected() {
  refitter_.reset();
  collected_.clear();
  missing_ = lacking_;
}

}  // namespace trtnode
