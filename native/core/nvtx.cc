// What a program and a profiler agree on in NVTX 2 and 3: the profiler names a library of its own in NVTX_INJECTION64_PATH, which is
// handed tables of function pointers and writes its functions into them. NVIDIA's headers do the same in whoever includes them;
// libnvToolsExt.so.1, which did it for all, is gone since CUDA 12.9.
#include "core/nvtx.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/dynamic_library.h"

namespace trtnode {
namespace {

using Function = void (*)();
using GetTable = const void* (*)(uint32_t id);
using Initialize = int (*)(GetTable get_table);
using RangePush = int (*)(const char* name);
using RangePop = int (*)();

// The functions of each module (none, core, CUDA, OpenCL, CUDA runtime, core 2, synchronization) and one: they count from 1.
constexpr std::array<unsigned, 7> kSizes = {0, 16, 9, 15, 7, 16, 7};
constexpr size_t kLargest = 16;
constexpr size_t kCore = 1;
constexpr size_t kRangePushAscii = 9;
constexpr size_t kRangePop = 11;

struct Module {
  std::array<Function, kLargest> functions{};
  // A place of each function's; null at 0 and behind the last.
  std::array<Function*, kLargest + 1> table{};
};

// Not destroyed, as nothing here is: the profiler keeps the addresses.
std::array<Module, kSizes.size()> modules;

// NvtxExportTableCallbacks
struct Callbacks {
  size_t size;
  int (*get_functions)(int module, Function*** table, unsigned* count);
};

// NvtxExportTableVersionInfo
struct VersionInfo {
  size_t size;
  uint32_t version;
  uint32_t reserved;
  void (*set_profilers_version)(uint32_t version);
};

int GetFunctions(int module, Function*** table, unsigned* count) {
  if (module < 1 || static_cast<size_t>(module) >= kSizes.size()) return 0;
  const auto index = static_cast<size_t>(module);
  if (table != nullptr) *table = modules[index].table.data();
  if (count != nullptr) *count = kSizes[index];
  return 1;
}

const void* GetExportTable(uint32_t id) {
  static constexpr Callbacks kCallbacks = {sizeof(Callbacks), GetFunctions};
  static constexpr VersionInfo kVersionInfo = {sizeof(VersionInfo), 3, 0, [](uint32_t) {}};
  switch (id) {
    case 1:
      return &kCallbacks;
    case 3:
      return &kVersionInfo;
    default:
      return nullptr;
  }
}

// Null both, or neither.
struct Profiler {
  RangePush push = nullptr;
  RangePop pop = nullptr;
};

Profiler FindProfiler() {
  const char* const path = std::getenv("NVTX_INJECTION64_PATH");
  if (path == nullptr) return {};
  const DynamicLibrary library = DynamicLibrary::Open(path);
  const auto initialize = library.Find<Initialize>("InitializeInjectionNvtx2");
  if (initialize == nullptr) return {};
  for (size_t i = 0; i < modules.size(); ++i) {
    for (size_t j = 1; j < kSizes[i]; ++j) modules[i].table[j] = &modules[i].functions[j];
  }
  if (initialize(GetExportTable) == 0) return {};
  const auto& core = modules[kCore].functions;
  const auto push = reinterpret_cast<RangePush>(core[kRangePushAscii]);
  const auto pop = reinterpret_cast<RangePop>(core[kRangePop]);
  if (push == nullptr || pop == nullptr) return {};
  return {push, pop};
}

}  // namespace

NvtxRange::NvtxRange(bool on, const char* name) {
  if (!on) return;
  static const Profiler profiler = FindProfiler();
  if (profiler.push == nullptr) return;
  profiler.push(name);
  pop_ = profiler.pop;
}

NvtxRange::~NvtxRange() {
  if (pop_ != nullptr) pop_();
}

}  // namespace trtnode
