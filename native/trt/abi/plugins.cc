// Plugin libraries, registered with TensorRT for the life of the process: plans and networks may use them from any thread.
#include <sys/stat.h>

#include <array>
#include <map>
#include <mutex>

#include "core/dynamic_library.h"
#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

Error PluginError(const std::string& path, const std::string& message) {
  return Error(ErrorCode::kPlugin, message).With("path", path);
}

using FileState = std::array<int64_t, 5>;

// What tells a file from another one that came to its path; all 0 where there is none.
FileState StateOf(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return {};
  return {static_cast<int64_t>(found.st_dev), static_cast<int64_t>(found.st_ino), found.st_size,
          found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

void RegisterStandard(const EntryPoints& entry) {
  if (entry.plugins_path.empty()) {
    throw Error(ErrorCode::kUnsupported,
                "TensorRT-RTX has no standard plugins. Leave standardPlugins out")
        .With("option", std::string("standardPlugins"));
  }
  const DynamicLibrary library = DynamicLibrary::Open(entry.plugins_path);
  if (!library) {
    throw PluginError(entry.plugins_path,
                      "TensorRT's standard plugins could not be opened: " + library.error() +
                          ". They come with the full TensorRT, beside libnvinfer");
  }
  const auto init = library.Find<bool (*)(void*, const char*)>("initLibNvInferPlugins");
  if (init != nullptr && init(&ProcessLogger(), "")) return;
  throw PluginError(entry.plugins_path, "TensorRT's standard plugins in " + entry.plugins_path +
                                            " could not be registered");
}

trt::IPluginRegistry& Registry(const EntryPoints& entry) {
  auto* registry = entry.get_plugin_registry == nullptr
                       ? nullptr
                       : static_cast<trt::IPluginRegistry*>(entry.get_plugin_registry());
  if (registry != nullptr) return *registry;
  throw Error(ErrorCode::kPlugin,
              "this TensorRT library has no plugin registry. Install the full "
              "TensorRT to use plugins");
}

int CreatorCount(const trt::IPluginRegistry& registry) {
  int32_t count = 0;
  registry.getAllCreators(&count);
  return count;
}

void Register(trt::IPluginRegistry* registry, const std::string& path, OperationLog* log) {
  const int before = CreatorCount(*registry);
  // Opened here first, as TensorRT drops the linker's words.
  const DynamicLibrary library = DynamicLibrary::Open(path);
  if (!library) {
    throw PluginError(path, "the plugin library " + path +
                                " could not be opened: " + library.error() +
                                ". Check that it is there and that what it needs is installed (ldd "
                                "shows it)");
  }
  const bool lists_creators = library.Find<void*>("getCreators") != nullptr ||
                              library.Find<void*>("getPluginCreators") != nullptr;
  if (lists_creators) {
    if (registry->loadLibrary(path.c_str()) != nullptr) return;
  } else if (CreatorCount(*registry) > before) {
    return;  // REGISTER_TENSORRT_PLUGIN did it while the library was opened
  }
  const std::string words = log->ErrorText();
  throw PluginError(path, "TensorRT could not register the plugins of " + path +
                              (words.empty() ? "" : ": " + words) +
                              ". The library must export getCreators() or getPluginCreators(), or "
                              "use REGISTER_TENSORRT_PLUGIN with this very TensorRT, and none of "
                              "its plugins may be registered already")
      .WithLog(log->Lines());
}

}  // namespace

void LoadPlugins(const EntryPoints& entry, const PluginSpec& plugins, OperationLog* log) {
  // TensorRT refuses a library whose plugins are registered already. Never destroyed: threads outlive main().
  static std::mutex& mutex = *new std::mutex;
  static auto& registered = *new std::map<std::pair<const void*, std::string>, FileState>;
  if (!plugins.standard && plugins.libraries.empty()) return;
  const std::lock_guard<std::mutex> lock(mutex);
  if (plugins.standard) RegisterStandard(entry);
  if (plugins.libraries.empty()) return;
  trt::IPluginRegistry& registry = Registry(entry);
  for (const std::string& path : plugins.libraries) {
    const FileState state = StateOf(path);
    const auto known = registered.find({&registry, path});
    if (known == registered.end()) {
      Register(&registry, path, log);
      registered.insert({{&registry, path}, state});
    } else if (known->second != state) {
      throw PluginError(path, "the plugin library " + path +
                                  " was replaced after this process had registered the one that "
                                  "was there. Start a new process")
          .With("reason", std::string("changed"));
    }
  }
}

}  // namespace trtnode::TRT_NODE_ABI
