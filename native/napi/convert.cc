#include "napi/convert.h"

namespace trtnode {
namespace {

template <typename Items, typename Convert>
Napi::Array ToArray(Napi::Env env, const Items& items, Convert convert) {
  Napi::Array array = Napi::Array::New(env, items.size());
  uint32_t index = 0;
  for (const auto& item : items) array.Set(index++, convert(item));
  return array;
}

Napi::Object RangeToJs(Napi::Env env, const DimsRange& range) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("min", ToJs(env, range.min));
  object.Set("opt", ToJs(env, range.opt));
  object.Set("max", ToJs(env, range.max));
  return object;
}

Napi::Value RangeToJs(Napi::Env env, const InputRange& range) {
  Napi::Object object = RangeToJs(env, range.dims);
  if (range.values) object.Set("values", RangeToJs(env, *range.values));
  return object;
}

DimsRange ReadRange(const Napi::Object& object) {
  return {ReadDims(object.Get("min")), ReadDims(object.Get("opt")), ReadDims(object.Get("max"))};
}

ExternalData ReadExternalData(const Napi::Object& object) {
  ExternalData data;
  data.folder = object.Get("folder").ToString();
  const auto files = object.Get("files").As<Napi::Array>();
  for (uint32_t i = 0; i < files.Length(); ++i) {
    const auto file = files.Get(i).As<Napi::Object>();
    data.files.push_back({file.Get("location").ToString(), file.Get("identity").ToString()});
  }
  return data;
}

}  // namespace

Napi::Error ToJsError(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.message());
  js.Set("code", Napi::String::New(env, ErrorCodeName(error.code())));
  if (!error.details().empty()) {
    Napi::Object details = Napi::Object::New(env);
    for (const auto& [key, value] : error.details()) {
      if (const auto* text = std::get_if<std::string>(&value)) {
        details.Set(key, *text);
      } else if (const auto* number = std::get_if<double>(&value)) {
        details.Set(key, *number);
      } else {
        details.Set(key, ToJs(env, std::get<std::vector<std::string>>(value)));
      }
    }
    js.Set("details", details);
  }
  if (!error.log().empty()) js.Set("log", ToJs(env, error.log()));
  return js;
}

LibraryFiles ReadLibraryFiles(const Napi::Object& object) {
  LibraryFiles files;
  files.core = object.Get("core").ToString();
  const Napi::Value parser = object.Get("parser");
  if (parser.IsString()) files.parser = parser.ToString();
  return files;
}

ModelFile ReadModelFile(const Napi::Object& request) {
  ModelFile model;
  model.path = request.Get("model").ToString();
  model.sha256 = request.Get("modelSha256").ToString();
  model.stage = request.Get("stage").ToString();
  const Napi::Value external_data = request.Get("externalData");
  if (external_data.IsObject()) {
    model.external_data = ReadExternalData(external_data.As<Napi::Object>());
  }
  return model;
}

PluginSpec ReadPlugins(const Napi::Object& request) {
  return {ReadStrings(request.Get("plugins")), request.Get("standardPlugins").ToBoolean()};
}

Profile ReadProfile(const Napi::Object& object) {
  Profile profile;
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const Napi::Value key = names.Get(i);
    const std::string name = key.ToString();
    const Napi::Object range = object.Get(key).As<Napi::Object>();
    const Napi::Value values = range.Get("values");
    InputRange& read = profile[name];
    read.dims = ReadRange(range);
    if (values.IsObject()) read.values = ReadRange(values.As<Napi::Object>());
  }
  return profile;
}

std::vector<std::string> ReadStrings(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  strings.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) strings.push_back(array.Get(i).ToString());
  return strings;
}

DataType ReadDataType(const Napi::Value& value) {
  const std::string name = value.ToString();
  for (int i = 0; i <= static_cast<int>(kLastDataType); ++i) {
    const auto type = static_cast<DataType>(i);
    if (name == DataTypeName(type)) return type;
  }
  throw Error(ErrorCode::kInvalidArg, "\"" + name + "\" is no tensor type");
}

Dims ReadDims(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  Dims dims(array.Length());
  for (uint32_t i = 0; i < dims.size(); ++i) {
    dims[i] = array.Get(i).As<Napi::Number>().Int64Value();
  }
  return dims;
}

ByteView ReadBytes(const Napi::Value& value) {
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) !=
          napi_ok ||
      type != napi_uint8_array) {
    throw Error(ErrorCode::kInvalidArg, "expected a Uint8Array for native bytes");
  }
  return {static_cast<const unsigned char*>(data), length};
}

Napi::Value ToJs(Napi::Env env, const Dims& dims) {
  return ToArray(env, dims,
                 [&](int64_t dim) { return Napi::Number::New(env, static_cast<double>(dim)); });
}

Napi::Value ToJs(Napi::Env env, const std::vector<TensorInfo>& tensors) {
  return ToArray(env, tensors, [&](const TensorInfo& tensor) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", tensor.name);
    object.Set("type", DataTypeName(tensor.type));
    object.Set("dims", ToJs(env, tensor.dims));
    object.Set("isShapeTensor", tensor.is_shape_tensor);
    return object;
  });
}

Napi::Value ToJs(Napi::Env env, const std::vector<LayerInfo>& layers) {
  return ToArray(env, layers, [&](const LayerInfo& layer) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", layer.name);
    object.Set("type", layer.type);
    object.Set("outputTypes", ToJs(env, layer.output_types));
    return object;
  });
}

Napi::Value ToJs(Napi::Env env, const std::vector<Profile>& profiles) {
  return ToArray(env, profiles, [&](const Profile& profile) {
    Napi::Object object = Napi::Object::New(env);
    for (const auto& [name, range] : profile) {
      // Defined, not set: an input may be called __proto__.
      object.DefineProperty(
          Napi::PropertyDescriptor::Value(name, RangeToJs(env, range), napi_default_jsproperty));
    }
    return object;
  });
}

Napi::Value ToJs(Napi::Env env, const DeviceInfo& device) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", device.index);
  object.Set("name", device.name);
  object.Set("computeCapability", device.ComputeCapability());
  object.Set("uuid", device.uuid);
  object.Set("memoryTotalBytes", static_cast<double>(device.memory_total_bytes));
  return object;
}

Napi::Value ToJs(Napi::Env env, const LogLine& line) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("severity", LogSeverityName(line.severity));
  object.Set("message", line.message);
  return object;
}

Napi::Value ToJs(Napi::Env env, const std::vector<LogLine>& log) {
  return ToArray(env, log, [&](const LogLine& line) { return ToJs(env, line); });
}

Napi::Value ToJs(Napi::Env env, const std::vector<std::string>& strings) {
  return ToArray(env, strings,
                 [&](const std::string& text) { return Napi::String::New(env, text); });
}

Napi::Value StringOrNull(Napi::Env env, const std::string& text) {
  return text.empty() ? env.Null() : Napi::Value(Napi::String::New(env, text));
}

}  // namespace trtnode
