// What JavaScript passes for one inference, as the job that a lane runs.
#pragma once

#include <memory>

#include "exec/engine_session.h"
#include "exec/infer_job.h"
#include "napi/napi_include.h"
#include "napi/registered_call.h"

namespace trtnode {

class DeviceWork;

// Ordinary arrays are copied: into `staging`, which it takes, or where that is null into staging of the job's own. Throws Error(kInvalidArg |
// kEngineClosed | kOutOfMemory …); what the job has by then is for EmptyJob.
void FillJob(InferJob* job, const RegisteredCall& call, EngineSession* session,
             const Napi::Value& inputs, const Napi::Value& staging, const Napi::Value& outputs);

// Whether a job that ran without an error can run once more as it is: all that it reads and writes lies in pinned memory.
bool IsRepeatable(const InferJob& job, const Napi::Value& outputs);

// Between two runs of a repeatable job, its memory is JavaScript's alone.
void LetGoOfMemory(InferJob* job);
// False where some of it is not there any more.
bool TakeHoldOfMemory(InferJob* job);

// Lets go of all that the job holds, so that it can be filled again.
void EmptyJob(InferJob* job, DeviceWork* work);

// The bytes of any typed array at this moment: they may be gone after the next JS call.
struct ArrayView {
  unsigned char* data = nullptr;
  size_t size = 0;
};
// False for anything else.
bool ReadTypedArray(napi_env env, napi_value value, ArrayView* view);

}  // namespace trtnode
