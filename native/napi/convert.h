// JS values ↔ plain structs. TypeScript has validated what comes in.
#pragma once

#include <string>
#include <vector>

#include "cuda/device.h"
#include "napi/napi_include.h"
#include "trt/build_spec.h"
#include "trt/library.h"
#include "trt/types.h"

namespace trtnode {

// An Error object with `code`, and `details` and `log` where there are any.
Napi::Error ToJsError(Napi::Env env, const Error& error);

// Runs a synchronous method's body: a trtnode::Error becomes a JS error with its code.
template <typename Body>
auto Guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Error& error) {
    throw ToJsError(env, error);
  }
}

// The C++ object behind a JS handle, or Error(kInvalidArg) when the handle is not one of ours.
template <typename Wrapped>
Wrapped& Unwrap(const Napi::Value& value, const char* name) {
  if (value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&Wrapped::kTypeTag)) {
    return *Wrapped::Unwrap(value.As<Napi::Object>());
  }
  throw Error(ErrorCode::kInvalidArg, std::string("expected a native handle for `") + name +
                                          "` but received something else");
}

LibraryFiles ReadLibraryFiles(const Napi::Object& object);
// Of any request that has a model: a build, an inspection, a refit.
ModelFile ReadModelFile(const Napi::Object& request);
PluginSpec ReadPlugins(const Napi::Object& request);
Profile ReadProfile(const Napi::Object& object);
std::vector<std::string> ReadStrings(const Napi::Value& array);
Dims ReadDims(const Napi::Value& array);
// Throws Error(kInvalidArg) for a name that is none of ours.
DataType ReadDataType(const Napi::Value& name);

// The bytes of a Uint8Array at this moment: they may be gone after the next JS call.
struct ByteView {
  const unsigned char* data;
  size_t size;
};
ByteView ReadBytes(const Napi::Value& value);

Napi::Value ToJs(Napi::Env env, const Dims& dims);
Napi::Value ToJs(Napi::Env env, const std::vector<TensorInfo>& tensors);
Napi::Value ToJs(Napi::Env env, const std::vector<LayerInfo>& layers);
Napi::Value ToJs(Napi::Env env, const std::vector<Profile>& profiles);
Napi::Value ToJs(Napi::Env env, const DeviceInfo& device);
Napi::Value ToJs(Napi::Env env, const LogLine& line);
Napi::Value ToJs(Napi::Env env, const std::vector<LogLine>& log);
Napi::Value ToJs(Napi::Env env, const std::vector<std::string>& strings);
// null for an empty string
Napi::Value StringOrNull(Napi::Env env, const std::string& text);

}  // namespace trtnode
