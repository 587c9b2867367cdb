#include "napi/lane_options.h"

#include <string>

#include "core/error.h"

namespace trtnode {
namespace {

// The enumerator that NameOf calls by this name.
template <typename Enum>
Enum Read(const Napi::Object& request, const char* key, Enum last) {
  const std::string name = request.Get(key).ToString();
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name == NameOf(static_cast<Enum>(i))) return static_cast<Enum>(i);
  }
  throw Error(ErrorCode::kInvalidArg, "\"" + name + "\" is no value of " + key);
}

size_t ReadSize(const Napi::Object& request, const char* key) {
  return static_cast<size_t>(request.Get(key).As<Napi::Number>().Int64Value());
}

}  // namespace

const char* NameOf(ContextMemory memory) {
  switch (memory) {
    case ContextMemory::kSeparate:
      return "separate";
    case ContextMemory::kShared:
      return "shared";
  }
  return "";
}

const char* NameOf(Waiting waiting) {
  switch (waiting) {
    case Waiting::kBlock:
      return "block";
    case Waiting::kSpin:
      return "spin";
    case Waiting::kAuto:
      return "auto";
  }
  return "";
}

const char* NameOf(GraphMode mode) {
  switch (mode) {
    case GraphMode::kOff:
      return "off";
    case GraphMode::kOn:
      return "on";
    case GraphMode::kAuto:
      return "auto";
  }
  return "";
}

LaneOptions ReadLaneOptions(const Napi::Object& request) {
  LaneOptions options;
  options.lanes = request.Get("lanes").As<Napi::Number>().Int32Value();
  options.waiting = Read(request, "waiting", Waiting::kAuto);
  options.graphs = Read(request, "graphs", GraphMode::kAuto);
  options.max_graphs = ReadSize(request, "maxGraphs");
  options.queue_limit = ReadSize(request, "queueLimit");
  options.context_memory = Read(request, "contextMemory", ContextMemory::kShared);
  options.direct_tensors = request.Get("directTensors").ToBoolean();
  options.nvtx = request.Get("nvtx").ToBoolean();
  return options;
}

}  // namespace trtnode
