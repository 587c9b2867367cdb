#include "napi/infer_result.h"

#include <cstring>
#include <string>
#include <utility>

#include "napi/convert.h"
#include "napi/device_object.h"
#include "napi/infer_arguments.h"
#include "napi/pinned_array.h"

namespace trtnode {
namespace {

Napi::Object TimingToJs(Napi::Env env, const InferTiming& timing) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("queue", timing.queue);
  object.Set("enqueue", timing.enqueue);
  object.Set("h2d", timing.h2d);
  object.Set("compute", timing.compute);
  object.Set("d2h", timing.d2h);
  object.Set("total", timing.total);
  return object;
}

Napi::Array DebugToJs(Napi::Env env, std::vector<DebugValue>* values) {
  Napi::Array array = Napi::Array::New(env, values->size());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    DebugValue& value = (*values)[i];
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", DataTypeName(value.type));
    object.Set("dims", ToJs(env, value.dims));
    object.Set("data", ToArrayBuffer(env, std::move(value.memory), value.size_bytes));
    array.Set(i, object);
  }
  return array;
}

// Into an array of the caller's, on memory that the GPU does not see.
void CopyTo(const InferOutput& output, const Napi::Value& array) {
  ArrayView view;
  const bool is_array = ReadTypedArray(array.Env(), array, &view);
  if (!is_array || view.size < output.size_bytes) {
    throw Error(ErrorCode::kInvalidArg,
                "expected an array of at least " + std::to_string(output.size_bytes) +
                    " bytes for an output, but the one in `options.outputs` has " +
                    std::to_string(view.size) + ". Pass a larger one, and leave its buffer alone")
        .With("expectedBytes", static_cast<double>(output.size_bytes))
        .With("gotBytes", static_cast<double>(view.size));
  }
  if (output.size_bytes > 0) std::memcpy(view.data, output.memory.data(), output.size_bytes);
}

Napi::Value OutputToJs(Napi::Env env, const OutputTarget& target, InferOutput* output,
                       const Napi::Value& given) {
  switch (target.kind) {
    case OutputTarget::Kind::kNone:
    case OutputTarget::Kind::kPinned:
    case OutputTarget::Kind::kDevice:
      break;
    case OutputTarget::Kind::kFresh:
      if (given.IsNull()) return ToArrayBuffer(env, std::move(output->memory), output->size_bytes);
      CopyTo(*output, given);
      break;
    case OutputTarget::Kind::kNewDevice:
      return DeviceObject::Create(env, std::move(output->device));
  }
  return env.Null();
}

bool TellDims(const InferJob& job, RegisteredCall* call) {
  bool changed = call->told.size() != job.outputs.size();
  call->told.resize(job.outputs.size());
  for (size_t i = 0; i < job.outputs.size(); ++i) {
    if (call->told[i] == job.outputs[i].dims) continue;
    call->told[i] = job.outputs[i].dims;
    changed = true;
  }
  return changed;
}

}  // namespace

Napi::Value ResultToJs(Napi::Env env, InferJob* job, RegisteredCall* call,
                       const Napi::Value& outputs) {
  if (job->error) throw Error(*job->error);
  const Napi::Value null = env.Null();
  const bool given = !outputs.IsNull();
  Napi::Array result = Napi::Array::New(env, job->outputs.size());
  for (uint32_t i = 0; i < job->outputs.size(); ++i) {
    const Napi::Value memory = given ? outputs.As<Napi::Array>().Get(i) : null;
    result.Set(i, OutputToJs(env, job->targets[i], &job->outputs[i], memory));
  }
  if (TellDims(*job, call)) {
    Napi::Array dims = Napi::Array::New(env, call->told.size());
    for (uint32_t i = 0; i < call->told.size(); ++i) dims.Set(i, ToJs(env, call->told[i]));
    result.Set("dims", dims);
  }
  if (job->timed) result.Set("timing", TimingToJs(env, job->timing));
  if (!job->debug.empty()) result.Set("debug", DebugToJs(env, &job->debug_values));
  return result;
}

Napi::Value RepeatedResultToJs(Napi::Env env, InferJob* job, RegisteredCall* call) {
  const auto is_told = [&](size_t i) {
    return job->targets[i].kind != OutputTarget::Kind::kFresh &&
           call->told[i] == job->outputs[i].dims;
  };
  bool all_told = !job->error && call->told.size() == job->outputs.size();
  for (size_t i = 0; all_told && i < job->outputs.size(); ++i) all_told = is_told(i);
  return all_told ? env.Undefined() : ResultToJs(env, job, call, env.Null());
}

}  // namespace trtnode
