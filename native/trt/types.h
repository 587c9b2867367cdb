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

// The order is that of TensorRT's MemoryPoolType; build.cc asserts it.
enum class MemoryPool {
  kWorkspace,
  kDlaManagedSram,
  kDlaLocalDram,
  kDlaGlobalDram,
  kTacticDram,
  kTacticSharedMemory,
};
inline constexpr MemoryPool kLastMemoryPool = MemoryPool::kTacticSharedMemory;
const char* MemoryPoolName(MemoryPool pool);

struct ExternalFile {
  std::string location;  // relative to the folder, without ".."
  std::string identity;  // as it was when it was examined
};

// Files that the model keeps tensors in.
struct ExternalData {
  std::string folder;
  std::vector<ExternalFile> files;
};

struct BuildSpec {
  std::string model_path;
  std::string model_sha256;  // as it was when it was examined
  ExternalData external_data;
  // An empty private folder, which the parser gets to see in place of the model's own. Whoever made it removes it.
  std::string stage;
  std::string plan_path;
  std::optional<int> device;  // none: without a GPU
  std::optional<bool> tf32;   // none: TensorRT's default
  bool fp16 = false;          // weak typing
  std::vector<Profile> profiles;
  std::vector<std::string> compute_capabilities;  // "8.6"; empty: the GPU's own
  std::optional<int> optimization_level;
  std::map<MemoryPool, uint64_t> memory_pools;
};

struct BuildOutcome {
  std::string sha256;
  uint64_t size_bytes = 0;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::vector<LayerInfo> network_layers;
  // The engine inspector's JSON; empty where the plan could not be opened, and the reason says why.
  std::string engine_information;
  std::string engine_information_reason;
  double build_seconds = 0;
};

}  // namespace trtnode
