#include "tensorrt/plan.h"

#include <cstring>
#include <sstream>

#include "driver/api.h"
#include "tensorrt/library.h"

namespace stub {
namespace {

#if defined(TRT_NODE_STUB_RTX)
constexpr uint32_t kMagic = 0x74727476;
constexpr size_t kHeaderBytes = 64;
#else
constexpr uint32_t kMagic = 0x74727466;
constexpr size_t kHeaderBytes = 28;
#endif

std::string Decode(const std::string& text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      decoded += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// "2,-1,3"; "-" is a scalar's.
std::vector<int64_t> Numbers(const std::string& text) {
  std::vector<int64_t> numbers;
  if (text == "-") return numbers;
  for (const std::string& part : Split(text, ',')) numbers.push_back(std::stoll(part));
  return numbers;
}

trt::Dims DimsFrom(const std::string& text) {
  const std::vector<int64_t> numbers = Numbers(text);
  trt::Dims dims{};
  dims.nbDims = static_cast<int32_t>(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) dims.d[i] = numbers[i];
  return dims;
}

// "3", "dim:x:0", "value:shape:1" or "nonzero:x"
AxisRule RuleFrom(const std::string& text) {
  const std::vector<std::string> parts = Split(text, ':');
  AxisRule rule;
  if (parts.size() == 1) {
    rule.constant = std::stoll(text);
    return rule;
  }
  rule.kind = parts[0] == "dim"     ? AxisRule::Kind::kDimOf
              : parts[0] == "value" ? AxisRule::Kind::kValueOf
                                    : AxisRule::Kind::kNonZeroOf;
  rule.input = Decode(parts[1]);
  if (parts.size() > 2) rule.index = std::stoul(parts[2]);
  return rule;
}

// One line: its first word says what it is about.
class LineReader {
 public:
  explicit LineReader(const std::string& line) : words_(line) { words_ >> kind_; }

  const std::string& kind() const { return kind_; }
  std::string Word() {
    std::string word;
    words_ >> word;
    return word;
  }
  std::string Text() { return Decode(Word()); }
  int Number() { return std::stoi(Word()); }

 private:
  std::istringstream words_;
  std::string kind_;
};

TensorPlan TensorFrom(LineReader* line) {
  TensorPlan tensor;
  tensor.is_input = line->kind() == "input";
  tensor.name = line->Text();
  tensor.type = static_cast<trt::DataType>(line->Number());
  tensor.dims = DimsFrom(line->Word());
  for (const std::string& flag : Split(line->Word(), ',')) {
    tensor.on_host = tensor.on_host || flag == "host";
    tensor.is_shape = tensor.is_shape || flag == "shape";
    tensor.is_vectorized = tensor.is_vectorized || flag == "vectorized";
    tensor.without_zeros = tensor.without_zeros || flag == "without-zeros";
  }
  if (tensor.is_input) return tensor;
  tensor.source = line->Text();
  const std::string axes = line->Word();
  if (axes != "-") {
    for (const std::string& axis : Split(axes, ',')) tensor.axes.push_back(RuleFrom(axis));
  }
  const std::string alias = line->Text();
  if (alias != "-") tensor.alias = alias;
  // A plan may be cut off in the middle of a line.
  if (const std::string word = line->Word(); !word.empty()) tensor.alignment = std::stoull(word);
  return tensor;
}

void ReadLine(const std::string& text, EnginePlan* plan) {
  LineReader line(text);
  const std::string& kind = line.kind();
  if (kind == "input" || kind == "output") {
    plan->tensors.push_back(TensorFrom(&line));
  } else if (kind == "debug") {
    plan->debug_tensors.push_back(TensorFrom(&line));
  } else if (kind == "profile") {
    plan->profiles.emplace_back();
  } else if (kind == "range") {
    RangePlan range;
    range.input = line.Text();
    range.min = DimsFrom(line.Word());
    range.opt = DimsFrom(line.Word());
    range.max = DimsFrom(line.Word());
    plan->profiles.back().push_back(range);
  } else if (kind == "values") {
    for (int i = 0; i < 3; ++i) {
      plan->profiles.back().back().values.push_back(Numbers(line.Word()));
    }
  } else if (kind == "memory") {
    plan->weight_bytes = std::stoull(line.Word());
    plan->activation_bytes = std::stoull(line.Word());
  } else if (kind == "delay") {
    plan->delay_microseconds = line.Number();
  } else if (kind == "slow") {
    plan->slow_call = line.Number();
    plan->slow_microseconds = line.Number();
  } else if (kind == "capture-unsafe") {
    plan->capture_unsafe = true;
  } else if (kind == "capture-empty") {
    plan->capture_empty = true;
  } else if (kind == "log") {
    LogPlan log;
    log.step = line.Word();
    log.severity = static_cast<trt::ILogger::Severity>(line.Number());
    log.text = line.Text();
    plan->log.push_back(log);
  } else if (kind == "fail") {
    Moment moment;
    moment.step = line.Word();
    moment.call = line.Number();
    moment.and_later = line.Word() == "later";
    plan->failures.push_back(moment);
  } else if (kind == "pause") {
    const std::string step = line.Word();
    plan->pauses.push_back({step, line.Number()});
  } else if (kind == "plugin") {
    plan->plugin = line.Text();
  } else if (kind == "poison") {
    plan->poisoned_call = line.Number();
    plan->poison = line.Number();
  } else if (kind == "chatter") {
    plan->chatter_microseconds = line.Number();
  } else if (kind == "inspection") {
    plan->inspection = line.Text();
  } else if (kind == "weights") {
    WeightPlan weights;
    weights.name = line.Text();
    weights.type = static_cast<trt::DataType>(line.Number());
    weights.count = line.Number();
    const std::string bytes = line.Word();
    if (bytes != "-") weights.bytes = Decode(bytes.substr(1));
    plan->weights.push_back(std::move(weights));
  } else if (kind == "refit") {
    plan->refit = line.Word();
  } else if (kind == "streamable") {
    plan->streamable = true;
  } else if (kind == "host-code") {
    plan->has_host_code = true;
  } else if (kind == "record") {
    plan->build_record = line.Text();
  } else if (!kind.empty()) {
    Die("a stub plan has a line that nobody knows: " + text);
  }
}

}  // namespace

const TensorPlan* EnginePlan::Find(const std::string& name) const {
  for (const TensorPlan& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

const TensorPlan* EnginePlan::FindDebug(const std::string& name) const {
  for (const TensorPlan& tensor : debug_tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

int BitsOf(trt::DataType type) {
  // In the order of the headers' own enum, from kFLOAT to kE8M0.
  static constexpr int kBits[] = {32, 16, 8, 32, 8, 8, 8, 16, 64, 4, 4, 8};
  static_assert(std::size(kBits) >= static_cast<size_t>(trt::EnumMax<trt::DataType>()));
  return kBits[static_cast<size_t>(type)];
}

size_t BytesOf(trt::DataType type, int64_t elements) {
  return (static_cast<size_t>(elements) * static_cast<size_t>(BitsOf(type)) + 7) / 8;
}

int64_t CountOf(const trt::Dims& dims) {
  int64_t count = 1;
  for (int i = 0; i < dims.nbDims; ++i) count *= dims.d[i];
  return count;
}

std::string DimsText(const trt::Dims& dims) {
  std::string text = "[";
  for (int i = 0; i < dims.nbDims; ++i) text += (i > 0 ? "," : "") + std::to_string(dims.d[i]);
  return text + "]";
}

ParsedPlan ParsePlan(const void* blob, size_t size) {
  ParsedPlan parsed;
  const auto* const bytes = static_cast<const unsigned char*>(blob);
  uint32_t magic = 0;
  if (size >= kHeaderBytes) std::memcpy(&magic, bytes, sizeof(magic));
  if (magic != kMagic) {
    parsed.refusal = "Serialization assertion plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed.";
    return parsed;
  }
  const Version own = LibraryVersion();
  if (bytes[24] != own.major || bytes[25] != own.minor || bytes[26] != own.patch) {
    parsed.refusal =
        "The engine plan file is not compatible with this version of TensorRT, expecting library "
        "version " +
        own.Text() + ", version tag does not match";
    return parsed;
  }
  std::istringstream lines(
      std::string(reinterpret_cast<const char*>(bytes) + kHeaderBytes, size - kHeaderBytes));
  std::string line;
  bool complete = false;
  while (std::getline(lines, line)) {
    complete = line == "end";
    if (complete) break;
    ReadLine(line, &parsed.engine);
  }
  if (!complete) parsed.refusal = "Unexpected end of the engine plan: it is truncated";
  return parsed;
}

}  // namespace stub
