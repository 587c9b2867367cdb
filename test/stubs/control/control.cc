// TEST ONLY. What tests tell the stub driver and ask it: a Node-API module that stands beside it. Loading it also brings the
// driver into the process, under the name that trt-node looks for.
#include <node_api.h>

#include <string>

#include "driver/api.h"

namespace {

// setFaults(specification): counts calls anew from here on.
napi_value SetFaults(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  size_t length = 0;
  napi_get_value_string_utf8(env, argument, nullptr, 0, &length);
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, argument, text.data(), length + 1, &length);
  trtNodeStubDriver()->SetFaults(text);
  return nullptr;
}

// report(): JSON of what is held now, and how often each function was called.
napi_value Report(napi_env env, napi_callback_info) {
  const std::string json = trtNodeStubDriver()->ReportJson();
  napi_value text = nullptr;
  napi_create_string_utf8(env, json.c_str(), json.size(), &text);
  return text;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"setFaults", nullptr, SetFaults, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"report", nullptr, Report, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 2, functions);
  return exports;
}
