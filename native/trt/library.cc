#include "trt/library.h"

#include <map>
#include <mutex>

#include "core/activity.h"

namespace trtnode {

// Defined by each ABI's backend.cc.
namespace v10 {
const char* HeaderVersion();
}
namespace v11 {
const char* HeaderVersion();
}
namespace rtx {
const char* HeaderVersion();
}

namespace {

constexpr const char* kSupported =
    "trt-node works with TensorRT 10.x and 11.x and with TensorRT-RTX 1.5 and newer";

struct AbiEntry {
  const char* name;
  BackendFactory create;  // null: left out of this build for want of headers
  const char* (*header_version)();
};

const AbiEntry& AbiFor(const LibraryVersion& version) {
  static constexpr AbiEntry kV10 = {"v10",
#if TRT_NODE_HAS_V10
                                    v10::CreateBackend, v10::HeaderVersion
#else
                                    nullptr, nullptr
#endif
  };
  static constexpr AbiEntry kV11 = {"v11",
#if TRT_NODE_HAS_V11
                                    v11::CreateBackend, v11::HeaderVersion
#else
                                    nullptr, nullptr
#endif
  };
  static constexpr AbiEntry kRtx = {"rtx",
#if TRT_NODE_HAS_RTX
                                    rtx::CreateBackend, rtx::HeaderVersion
#else
                                    nullptr, nullptr
#endif
  };
  return version.major == 10 ? kV10 : version.major == 11 ? kV11 : kRtx;
}

// TensorRT up to 9 packs its version as major·1000 + minor·100 + patch, 10 and newer (and RTX) as major·10000 + ….
LibraryVersion Unpack(int packed) {
  if (packed >= 10000) return {packed / 10000, packed / 100 % 100, packed % 100};
  return {packed / 1000, packed / 100 % 10, packed % 100};
}

struct OpenedLibrary {
  DynamicLibrary core;
  DynamicLibrary parser;
  LibraryProbe probe;
  EntryPoints entry;
};

Error Unsupported(const std::string& path, const LibraryVersion& version, const std::string& why) {
  return Error(ErrorCode::kLibraryUnsupported,
               path + " is version " + version.ToString() + ": " + why + ". " + kSupported)
      .With("path", path)
      .With("version", version.ToString());
}

DynamicLibrary OpenOrThrow(const std::string& path) {
  DynamicLibrary library = DynamicLibrary::Open(path);
  if (!library) {
    throw Error(ErrorCode::kLibraryLoad, "the dynamic linker could not open " + path + ": " +
                                             library.error() +
                                             ". Check that the library is whole and that what it "
                                             "needs is installed (ldd shows it)")
        .With("path", path);
  }
  return library;
}

// TensorRT itself does not check who calls it: a caller of another ABI crashes. So the version is asked first.
void CheckVersion(const std::string& path, const LibraryVersion& version, int packed_version) {
  if (version.major == 1) {
    if (!version.AtLeast(1, 5)) {
      throw Unsupported(path, version, "TensorRT-RTX before 1.5 has another ABI and would crash");
    }
  } else if (version.major != 10 && version.major != 11) {
    // 2 to 9: TensorRT of old, or a TensorRT-RTX to come; they differ in how the number is packed.
    const bool old = version.major < 10 && packed_version < 10000;
    throw Unsupported(path, version, old ? "too old" : "newer than this trt-node knows");
  }
  if (AbiFor(version).create == nullptr) {
    throw Unsupported(path, version,
                      "this build of trt-node has no backend for it, as its headers were missing "
                      "when the addon was compiled");
  }
}

OpenedLibrary OpenLibrary(const LibraryFiles& files) {
  OpenedLibrary opened;
  opened.core = OpenOrThrow(files.core);
  const auto version = opened.core.Find<int (*)()>("getInferLibVersion");
  if (version == nullptr) {
    throw Error(
        ErrorCode::kLibraryUnsupported,
        files.core + " does not export getInferLibVersion: it is not TensorRT. " + kSupported)
        .With("path", files.core);
  }
  opened.entry.packed_version = version();
  LibraryProbe& probe = opened.probe;
  probe.version = Unpack(opened.entry.packed_version);
  probe.flavour = probe.version.major == 1 ? Flavour::kTensorRtRtx : Flavour::kTensorRt;
  CheckVersion(files.core, probe.version, opened.entry.packed_version);
  probe.abi = AbiFor(probe.version).name;

  opened.entry.create_builder =
      opened.core.Find<void* (*)(void*, int)>("createInferBuilder_INTERNAL");
  opened.entry.create_runtime =
      opened.core.Find<void* (*)(void*, int)>("createInferRuntime_INTERNAL");
  opened.entry.create_refitter =
      opened.core.Find<void* (*)(void*, void*, int)>("createInferRefitter_INTERNAL");
  opened.entry.get_plugin_registry = opened.core.Find<void* (*)()>("getPluginRegistry");
  probe.has_builder = opened.entry.create_builder != nullptr;
  probe.has_runtime = opened.entry.create_runtime != nullptr;

  if (files.parser.empty()) return opened;
  opened.parser = OpenOrThrow(files.parser);
  opened.entry.create_parser =
      opened.parser.Find<void* (*)(void*, void*, int)>("createNvOnnxParser_INTERNAL");
  const auto parser_version = opened.parser.Find<int (*)()>("getNvOnnxParserVersion");
  if (opened.entry.create_parser == nullptr || parser_version == nullptr) {
    throw Error(ErrorCode::kLibraryLoad, files.parser + " is not TensorRT's ONNX parser")
        .With("path", files.parser);
  }
  const int packed = parser_version();
  probe.parser_version =
      LibraryVersion{packed / 10000, packed / 100 % 100, packed % 100}.ToString();
  return opened;
}

// The plugins that ONNX models may need are in a library of their own, beside the core; RTX has none.
std::string PluginsPath(const LibraryFiles& files, const LibraryProbe& probe) {
  if (probe.flavour != Flavour::kTensorRt) return "";
  const std::string folder = files.core.substr(0, files.core.rfind('/') + 1);
  return folder + "libnvinfer_plugin.so." + std::to_string(probe.version.major);
}

}  // namespace

LibraryProbe ProbeLibrary(const LibraryFiles& files) { return OpenLibrary(files).probe; }

Backend& OpenBackend(const LibraryFiles& files) {
  // Never destroyed, like the libraries themselves: threads of theirs outlive main().
  static std::mutex& mutex = *new std::mutex;
  static auto& backends = *new std::map<std::string, std::unique_ptr<Backend>>;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Backend>& backend = backends[files.core + '\n' + files.parser];
  if (!backend) {
    OpenedLibrary opened = OpenLibrary(files);
    opened.entry.plugins_path = PluginsPath(files, opened.probe);
    backend = AbiFor(opened.probe.version).create(opened.entry, opened.probe.version);
    // The libraries have exit handlers now.
    WaitForActivitiesAtExit(backend.get());
  }
  return *backend;
}

CreateParserRefitter FindParserRefitter(const std::string& parser) {
  const auto create =
      OpenOrThrow(parser).Find<CreateParserRefitter>("createNvOnnxParserRefitter_INTERNAL");
  if (create != nullptr) return create;
  throw Error(ErrorCode::kLibraryLoad,
              parser +
                  " does not export createNvOnnxParserRefitter_INTERNAL: it is not TensorRT's ONNX "
                  "parser of version 10 or newer")
      .With("path", parser);
}

std::vector<std::pair<std::string, std::string>> CompiledAbis() {
  std::vector<std::pair<std::string, std::string>> abis;
  for (const int major : {10, 11, 1}) {
    const AbiEntry& abi = AbiFor(LibraryVersion{major, 0, 0});
    if (abi.header_version != nullptr) abis.emplace_back(abi.name, abi.header_version());
  }
  return abis;
}

}  // namespace trtnode
