// What an inference came to, as JavaScript gets it.
#pragma once

#include "exec/infer_job.h"
#include "napi/napi_include.h"
#include "napi/registered_call.h"

namespace trtnode {

// NativeInferResult of lib/binding.ts. `outputs`: what the job was filled with. Throws the job's error, and Error(kInvalidArg) for an array
// that is too small by now.
Napi::Value ResultToJs(Napi::Env env, InferJob* job, RegisteredCall* call,
                       const Napi::Value& outputs);

// The same of a job that was run again. Undefined where there is nothing to tell: outputs are in the caller's arrays, of the dims as before.
Napi::Value RepeatedResultToJs(Napi::Env env, InferJob* job, RegisteredCall* call);

}  // namespace trtnode
