// TEST ONLY. What a stub plan says of its engine. test/support/stub-plans.ts writes it: TensorRT's header, then one line
// for each fact, words separated by spaces, names and texts percent-encoded.
#pragma once

#include <NvInferRuntime.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stub {

namespace trt = ::nvinfer1;

// How many elements an output has on one axis.
struct AxisRule {
  enum class Kind { kConstant, kDimOf, kValueOf, kNonZeroOf };
  Kind kind = Kind::kConstant;
  int64_t constant = 0;
  std::string input;
  size_t index = 0;  // of the input's axis, or of its element
};

struct TensorPlan {
  std::string name;
  bool is_input = true;
  trt::DataType type = trt::DataType::kFLOAT;
  trt::Dims dims{};
  bool on_host = false;
  bool is_shape = false;
  bool is_vectorized = false;
  // What its address in device memory has to be a multiple of, and what an allocator is asked for.
  uint64_t alignment = 256;
  // Outputs alone. Of an identity engine: the input that is copied, whole or without its zeros.
  std::string source;
  bool without_zeros = false;
  std::vector<AxisRule> axes;
  std::string alias;
};

struct RangePlan {
  std::string input;
  trt::Dims min{};
  trt::Dims opt{};
  trt::Dims max{};
  // Of a shape tensor: min, opt and max of each element. Empty for others.
  std::vector<std::vector<int64_t>> values;
};

using ProfilePlan = std::vector<RangePlan>;

// Constants of the network, by the name of the model's initializer.
struct WeightPlan {
  std::string name;
  trt::DataType type = trt::DataType::kFLOAT;
  int64_t count = 0;
  // None in a stripped plan.
  std::optional<std::string> bytes;
};

// At which call of which step something happens; later calls too where it says so.
struct Moment {
  std::string step;
  int call = 1;
  bool and_later = false;
};

struct LogPlan {
  std::string step;
  trt::ILogger::Severity severity = trt::ILogger::Severity::kINFO;
  std::string text;
};

struct PausePlan {
  std::string step;
  int microseconds = 0;
};

struct EnginePlan {
  std::vector<TensorPlan> tensors;  // inputs, then outputs
  // Inside of the network: copies of their sources, as outputs are.
  std::vector<TensorPlan> debug_tensors;
  std::vector<ProfilePlan> profiles;
  size_t weight_bytes = 0;
  size_t activation_bytes = 0;
  int delay_microseconds = 0;
  // The enqueue of this number takes so long instead.
  int slow_call = 0;
  int slow_microseconds = 0;
  // Its enqueue waits for the GPU each time, which no capture allows.
  bool capture_unsafe = false;
  // Its kernels go onto a stream of its own, which no capture sees.
  bool capture_empty = false;
  std::vector<LogPlan> log;
  std::vector<Moment> failures;
  // How long a step keeps its caller.
  std::vector<PausePlan> pauses;
  // The inference of this number loses the device's context with this CUDA error.
  int poisoned_call = 0;
  int poison = 0;
  // A thread of the library's logs a warning every so many microseconds from the first engine on, for ever.
  int chatter_microseconds = 0;
  std::string inspection;
  // Opens only where the library of plugins was registered.
  std::string plugin;
  // Outputs whose source is one of them are copies of it.
  std::vector<WeightPlan> weights;
  // `all`, `identical` or `individual`; empty: none can be set.
  std::string refit;
  bool streamable = false;
  // Opens only where that is allowed.
  bool has_host_code = false;
  // JSON of what its builder was told (tensorrt/builder.h); empty where a test wrote the plan.
  std::string build_record;

  const TensorPlan* Find(const std::string& name) const;
  const TensorPlan* FindDebug(const std::string& name) const;
};

int BitsOf(trt::DataType type);
// Bytes of so many elements: sub-byte types are packed.
size_t BytesOf(trt::DataType type, int64_t elements);
int64_t CountOf(const trt::Dims& dims);
std::string DimsText(const trt::Dims& dims);

// Header and description. An empty reason means that the plan is good.
struct ParsedPlan {
  EnginePlan engine;
  std::string refusal;
};
ParsedPlan ParsePlan(const void* blob, size_t size);
// The same backwards, for what a build can say of an engine.
std::string WritePlan(const EnginePlan& plan);

}  // namespace stub
