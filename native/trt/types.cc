#include "trt/types.h"

#include <algorithm>

namespace trtnode {

const char* FlavourName(Flavour flavour) {
  switch (flavour) {
    case Flavour::kTensorRt:
      return "tensorrt";
    case Flavour::kTensorRtRtx:
      return "tensorrt-rtx";
  }
  return "";
}

const char* DataTypeName(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return "float32";
    case DataType::kFloat16:
      return "float16";
    case DataType::kInt8:
      return "int8";
    case DataType::kInt32:
      return "int32";
    case DataType::kBool:
      return "bool";
    case DataType::kUint8:
      return "uint8";
    case DataType::kFloat8E4M3Fn:
      return "float8e4m3fn";
    case DataType::kBfloat16:
      return "bfloat16";
    case DataType::kInt64:
      return "int64";
    case DataType::kInt4:
      return "int4";
    case DataType::kFloat4E2M1:
      return "float4e2m1";
    case DataType::kFloat8E8M0:
      return "float8e8m0";
  }
  return "unknown";
}

size_t BitsPerElement(DataType type) {
  switch (type) {
    case DataType::kInt64:
      return 64;
    case DataType::kFloat32:
    case DataType::kInt32:
      return 32;
    case DataType::kFloat16:
    case DataType::kBfloat16:
      return 16;
    case DataType::kInt8:
    case DataType::kBool:
    case DataType::kUint8:
    case DataType::kFloat8E4M3Fn:
    case DataType::kFloat8E8M0:
      return 8;
    case DataType::kInt4:
    case DataType::kFloat4E2M1:
      return 4;
  }
  return 0;
}

std::string DimsToString(const Dims& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(dims[i]);
  }
  return text + "]";
}

bool IsDynamic(const Dims& dims) {
  return std::any_of(dims.begin(), dims.end(), [](int64_t dim) { return dim < 0; });
}

int64_t ElementCount(const Dims& dims) {
  // First, as the product of the others may be beyond any integer.
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return 0;
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

size_t ByteCount(DataType type, const Dims& dims) {
  const auto count = static_cast<size_t>(ElementCount(dims));
  const size_t bits = BitsPerElement(type);
  return bits >= 8 ? count * (bits / 8) : (count * bits + 7) / 8;
}

}  // namespace trtnode
