#include <cctype>

#include "tensorrt/library.h"
#include "tensorrt/plan.h"

namespace stub {
namespace {

// Everything but letters, digits and underscores as %XX, so that words hold no space, comma or colon.
std::string Encode(const std::string& text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string encoded;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || byte == '_')) {
      encoded += character;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

template <typename Values, typename ToText>
std::string Joined(const Values& values, ToText text) {
  std::string joined;
  for (const auto& value : values) joined += (joined.empty() ? "" : ",") + text(value);
  return joined.empty() ? "-" : joined;
}

std::string DimsWord(const trt::Dims& dims) {
  return Joined(std::vector<int64_t>(dims.d, dims.d + dims.nbDims),
                [](int64_t dim) { return std::to_string(dim); });
}

std::string AxisWord(const AxisRule& axis) {
  const std::string input = Encode(axis.input);
  const std::string index = std::to_string(axis.index);
  switch (axis.kind) {
    case AxisRule::Kind::kConstant:
      return std::to_string(axis.constant);
    case AxisRule::Kind::kDimOf:
      return "dim:" + input + ":" + index;
    case AxisRule::Kind::kValueOf:
      return "value:" + input + ":" + index;
    case AxisRule::Kind::kNonZeroOf:
      return "nonzero:" + input;
  }
  Die("an axis of a kind that nobody knows");
}

std::string Header() {
#if defined(TRT_NODE_STUB_RTX)
  std::string header(64, '\0');
  header.replace(0, 4, "vtrt");
#else
  std::string header(28, '\0');
  header.replace(0, 4, "ftrt");
#endif
  const Version version = LibraryVersion();
  header[24] = static_cast<char>(version.major);
  header[25] = static_cast<char>(version.minor);
  header[26] = static_cast<char>(version.patch);
  return header;
}

std::string TensorLine(const std::string& kind, const TensorPlan& tensor) {
  const std::string line = kind + " " + Encode(tensor.name) + " " +
                           std::to_string(static_cast<int>(tensor.type)) + " " +
                           DimsWord(tensor.dims) + " -";
  if (tensor.is_input) return line + "\n";
  return line + " " + (tensor.source.empty() ? "-" : Encode(tensor.source)) + " " +
         Joined(tensor.axes, AxisWord) + " - " + std::to_string(tensor.alignment) + "\n";
}

}  // namespace

std::string WritePlan(const EnginePlan& plan) {
  std::string text = Header();
  for (const TensorPlan& tensor : plan.tensors) {
    text += TensorLine(tensor.is_input ? "input" : "output", tensor);
  }
  for (const TensorPlan& tensor : plan.debug_tensors) text += TensorLine("debug", tensor);
  for (const ProfilePlan& profile : plan.profiles) {
    text += "profile\n";
    for (const RangePlan& range : profile) {
      text += "range " + Encode(range.input) + " " + DimsWord(range.min) + " " +
              DimsWord(range.opt) + " " + DimsWord(range.max) + "\n";
    }
  }
  text += "memory " + std::to_string(plan.weight_bytes) + " " +
          std::to_string(plan.activation_bytes) + "\n";
  for (const WeightPlan& weights : plan.weights) {
    text += "weights " + Encode(weights.name) + " " +
            std::to_string(static_cast<int>(weights.type)) + " " + std::to_string(weights.count) +
            " " + (weights.bytes ? "=" + Encode(*weights.bytes) : "-") + "\n";
  }
  if (!plan.refit.empty()) text += "refit " + plan.refit + "\n";
  if (plan.streamable) text += "streamable\n";
  if (plan.has_host_code) text += "host-code\n";
  text += "inspection " + Encode(plan.inspection) + "\n";
  text += "record " + Encode(plan.build_record) + "\n";
  return text + "end\n";
}

}  // namespace stub
