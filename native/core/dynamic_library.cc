#include "core/dynamic_library.h"

#include <dlfcn.h>
#include <link.h>

namespace trtnode {

DynamicLibrary DynamicLibrary::Open(const std::string& path) {
  DynamicLibrary library;
  library.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle_ == nullptr) {
    const char* words = dlerror();
    library.error_ = words != nullptr ? words : "the loader gave no reason";
  }
  return library;
}

std::string DynamicLibrary::ResolvedPath() const {
  link_map* map = nullptr;
  if (handle_ == nullptr || dlinfo(handle_, RTLD_DI_LINKMAP, reinterpret_cast<void*>(&map)) != 0 ||
      map == nullptr)
    return "";
  return map->l_name != nullptr ? map->l_name : "";
}

void* DynamicLibrary::FindAddress(const char* symbol) const {
  return handle_ != nullptr ? dlsym(handle_, symbol) : nullptr;
}

}  // namespace trtnode
