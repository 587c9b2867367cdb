// The one place that includes napi.h, and the macros it is included with.
#pragma once

#define NAPI_VERSION 9
#define NODE_ADDON_API_CPP_EXCEPTIONS
// Without it a std::exception from a synchronous method ends the process.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
// When a worker is being terminated no JS exception can be thrown any more; without it that would end the process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS

#include <napi.h>
