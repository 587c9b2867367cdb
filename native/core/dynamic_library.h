// A shared library that is opened by path or by name and never closed: CUDA's and TensorRT's threads outlive any handle.
#pragma once

#include <string>

namespace trtnode {

class DynamicLibrary {
 public:
  // Null handle and `error` in the loader's own words when it cannot be opened.
  static DynamicLibrary Open(const std::string& path);

  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }

  // The path that the loader really opened; empty when unknown.
  std::string ResolvedPath() const;

  // Null when the library does not export it.
  template <typename Function>
  Function Find(const char* symbol) const {
    return reinterpret_cast<Function>(FindAddress(symbol));
  }

 private:
  void* FindAddress(const char* symbol) const;

  void* handle_ = nullptr;
  std::string error_;
};

}  // namespace trtnode
