// One TensorRT on disk: opened, its version asked before any factory is called, and driven by the backend of its ABI.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "trt/backend.h"

namespace trtnode {

struct LibraryFiles {
  std::string core;
  std::string parser;  // empty: none
};

struct LibraryProbe {
  Flavour flavour = Flavour::kTensorRt;
  LibraryVersion version;
  std::string abi;
  bool has_builder = false;
  bool has_runtime = false;
  std::string parser_version;  // empty: no parser given
};

// Opens the library and asks its version; calls no factory. Throws Error(kLibraryLoad | kLibraryUnsupported).
LibraryProbe ProbeLibrary(const LibraryFiles& files);

// The backend for this library; each is made once and lives as long as the process.
Backend& OpenBackend(const LibraryFiles& files);

// Of an ONNX parser library. Throws Error(kLibraryLoad).
CreateParserRefitter FindParserRefitter(const std::string& parser);

// ABI name → version of the headers that were compiled in.
std::vector<std::pair<std::string, std::string>> CompiledAbis();

}  // namespace trtnode
