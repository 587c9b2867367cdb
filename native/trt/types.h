// Plain structs that describe engines and builds. No TensorRT header is seen here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace trtnode {

enum class Flavour { kTensorRt, kTensorRtRtx };
const char* FlavourName(Flavour flavour);

// major.minor.patch as getInferLib*Version() reports them.
struct LibraryVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;

  bool AtLeast(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
  std::string ToString() const {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  }
};

// The order is that of TensorRT's own enum, which all three ABIs share; describe.cc asserts it.
enum class DataType {
  kFloat32,
  kFloat16,
  kInt8,
  kInt32,
  kBool,
  kUint8,
  kFloat8E4M3Fn,
  kBfloat16,
  kInt64,
  kInt4,
  kFloat4E2M1,
  kFloat8E8M0,
};
inline constexpr DataType kLastDataType = DataType::kFloat8E8M0;

const char* DataTypeName(DataType type);
// Elements of less than 8 bits lie two in a byte, the first in the low half.
size_t BitsPerElement(DataType type);

using Dims = std::vector<int64_t>;
std::string DimsToString(const Dims& dims);

// Whether any of them is open (-1).
bool IsDynamic(const Dims& dims);

// Elements of static dims.
int64_t ElementCount(const Dims& dims);

// Of a tensor with static dims, without gaps.
size_t ByteCount(DataType type, const Dims& dims);

struct TensorInfo {
  std::string name;
  DataType type = DataType::kFloat32;
  Dims dims;  // -1 is dynamic
  bool is_shape_tensor = false;
  bool on_host = false;  // TensorRT reads or writes it in host memory
  // Of an output: the input whose memory it must share, as TensorRT updates that in place; empty: none.
  std::string aliased_input;
};

struct DimsRange {
  Dims min;
  Dims opt;
  Dims max;
};

struct InputRange {
  DimsRange dims;
  std::optional<DimsRange> values;  // of a shape tensor, element by element
};

// Input name → range, for the inputs that a profile speaks of.
using Profile = std::map<std::string, InputRange>;

struct LayerInfo {
  std::string name;
  std::string type;
  std::vector<std::string> output_types;
};

struct ExternalFile {
  std::string location;  // relative to the folder, without ".."
  std::string identity;  // as it was when it was examined
};

// Files that the model keeps tensors in.
struct ExternalData {
  std::string folder;
  std::vector<ExternalFile> files;
};

// A model as it was examined, for TensorRT's parser.
struct ModelFile {
  std::string path;
  std::string sha256;
  ExternalData external_data;
  // An empty private folder, which the parser gets to see in place of the model's own. Whoever made it removes it.
  std::string stage;
};

}  // namespace trtnode
