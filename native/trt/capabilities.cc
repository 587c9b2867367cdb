#include "trt/capabilities.h"

#include "core/error.h"

namespace trtnode {
namespace {

struct Capability {
  const char* option;
  bool (*asked)(const BuildSpec& spec);
  bool (*honoured)(Flavour flavour, const LibraryVersion& version);
  ErrorCode code;
  const char* remedy;
};

bool IsTensorRt(Flavour flavour, const LibraryVersion&) { return flavour == Flavour::kTensorRt; }
bool IsRtx(Flavour flavour, const LibraryVersion&) { return flavour == Flavour::kTensorRtRtx; }

bool Never(Flavour, const LibraryVersion&) { return false; }

bool AsksPool(const BuildSpec& spec, MemoryPool pool) { return spec.memory_pools.contains(pool); }

// TensorRT-RTX times nothing while it builds: with these options its plans came out byte for byte as without them (digits
// with 1.7.1, levels 0 and 5, and 1 MiB of tactic DRAM), whereas the workspace and shared-memory limits changed them.
constexpr const char* kNoTacticTiming =
    "It picks kernels when the engine first runs, so the option would change nothing. Leave it out";

constexpr const char* kNoDla =
    "trt-node does not build for DLA, so the pool would have no effect. Leave it out";

constexpr Capability kCapabilities[] = {
    {"building without a GPU", [](const BuildSpec& spec) { return !spec.device.has_value(); },
     IsRtx, ErrorCode::kNoDriver,
     "TensorRT times kernels on the GPU while it builds. Build on a machine with the target GPU, "
     "or use TensorRT-RTX (runtime: 'tensorrt-rtx') with computeCapabilities"},
    {"precision 'fp16'", [](const BuildSpec& spec) { return spec.fp16; },
     [](Flavour flavour, const LibraryVersion& version) {
       return flavour == Flavour::kTensorRt && version.major == 10;
     },
     ErrorCode::kPrecisionUnsupported,
     "It has no precision flags: the model's own types rule. Give it an ONNX file whose types are "
     "float16, or build with TensorRT 10"},
    {"computeCapabilities",
     [](const BuildSpec& spec) { return !spec.compute_capabilities.empty(); }, IsRtx,
     ErrorCode::kUnsupported,
     "TensorRT's engines run on the compute capability they were built on. Leave the option out, "
     "or build with runtime: 'tensorrt-rtx'"},
    {"optimizationLevel", [](const BuildSpec& spec) { return spec.optimization_level.has_value(); },
     IsTensorRt, ErrorCode::kUnsupported, kNoTacticTiming},
    {"memoryPools.tacticDram",
     [](const BuildSpec& spec) { return AsksPool(spec, MemoryPool::kTacticDram); }, IsTensorRt,
     ErrorCode::kUnsupported, kNoTacticTiming},
    {"memoryPools.dlaManagedSram",
     [](const BuildSpec& spec) { return AsksPool(spec, MemoryPool::kDlaManagedSram); }, Never,
     ErrorCode::kUnsupported, kNoDla},
    {"memoryPools.dlaLocalDram",
     [](const BuildSpec& spec) { return AsksPool(spec, MemoryPool::kDlaLocalDram); }, Never,
     ErrorCode::kUnsupported, kNoDla},
    {"memoryPools.dlaGlobalDram",
     [](const BuildSpec& spec) { return AsksPool(spec, MemoryPool::kDlaGlobalDram); }, Never,
     ErrorCode::kUnsupported, kNoDla},
};

}  // namespace

void CheckCapabilities(const BuildSpec& spec, Flavour flavour, const LibraryVersion& version) {
  for (const Capability& capability : kCapabilities) {
    if (!capability.asked(spec) || capability.honoured(flavour, version)) continue;
    const char* product = flavour == Flavour::kTensorRt ? "TensorRT " : "TensorRT-RTX ";
    throw Error(capability.code, product + version.ToString() + " does not offer " +
                                     capability.option + ". " + capability.remedy)
        .With("option", std::string(capability.option))
        .With("version", version.ToString());
  }
}

}  // namespace trtnode
