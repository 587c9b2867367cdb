#include "napi/infer_arguments.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "exec/pinned_registry.h"
#include "napi/convert.h"
#include "napi/device_object.h"
#include "napi/device_work.h"
#include "napi/staging_object.h"

namespace trtnode {
namespace {

bool IsNull(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_null;
}

napi_value Element(napi_env env, napi_value array, size_t index) {
  napi_value element = nullptr;
  if (napi_get_element(env, array, static_cast<uint32_t>(index), &element) != napi_ok) {
    throw Error(ErrorCode::kInvalidArg, "expected an array");
  }
  return element;
}

// Node knows no number for Float16Array yet: it leaves the type as it was, and the size of an element with it.
constexpr napi_typedarray_type kUnknownType = napi_uint16_array;

size_t ElementSize(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:  // Float16Array beside the integers: Node's enum may have grown
      return 2;
  }
}

size_t Aligned(size_t size) {
  return (size + CallPlan::kAlignment - 1) / CallPlan::kAlignment * CallPlan::kAlignment;
}

// At `host`, in an array of the caller's that the GPU does not see: nothing keeps it.
bool IsOrdinary(const InputSource& source) {
  return source.kind == InputSource::Kind::kPinned && !source.keep && source.host != nullptr;
}

// Copies ordinary arrays into pinned memory. It holds these alone: beside large pinned inputs, small ordinary ones need little.
void StageOrdinary(InferJob* job, EngineSession* session) {
  const std::vector<size_t>& sizes = job->call->input_bytes;
  // Where JavaScript staged some inputs, there is room for all of them.
  const bool is_staged = static_cast<bool>(job->staging);
  size_t needed = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (IsOrdinary(job->inputs[i])) needed += Aligned(sizes[i]);
  }
  if (needed == 0) return;
  if (!is_staged) job->staging = session->TakeStaging(needed);
  size_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    InputSource& source = job->inputs[i];
    if (!IsOrdinary(source)) continue;
    unsigned char* const to =
        job->staging.data() + (is_staged ? job->call->staging_offsets[i] : offset);
    std::memcpy(to, source.host, sizes[i]);
    source.host = to;
    offset += Aligned(sizes[i]);
  }
}

void FillInput(InferJob* job, size_t index, napi_env env, napi_value value, bool staged) {
  InputSource& source = job->inputs[index];
  const size_t bytes = job->call->input_bytes[index];
  ArrayView view;
  if (ReadTypedArray(env, value, &view)) {
    if (view.size != bytes) {
      throw Error(ErrorCode::kInvalidArg, "expected " + std::to_string(bytes) +
                                              " bytes for an input but received " +
                                              std::to_string(view.size));
    }
    source.kind = InputSource::Kind::kPinned;
    source.host = bytes == 0 ? nullptr : view.data;
    if (bytes > 0) source.keep = PinnedRegistry::Get().Find(view.data, bytes);
    return;
  }
  if (IsNull(env, value)) {
    if (!staged && bytes > 0) throw Error(ErrorCode::kInvalidArg, "an input was not staged");
    source.kind = InputSource::Kind::kStaged;
    return;
  }
  source.memory = DeviceObject::MemoryOf(Napi::Value(env, value), "inputs");
  if (source.memory->size() < bytes) {
    throw Error(ErrorCode::kInvalidArg, "an input's device memory is too small");
  }
  source.kind = InputSource::Kind::kDevice;
}

void FillTarget(OutputTarget* target, CallTarget wanted, napi_env env, napi_value memory) {
  using Kind = OutputTarget::Kind;
  const bool given = memory != nullptr && !IsNull(env, memory);
  switch (wanted) {
    case CallTarget::kNone:
      target->kind = Kind::kNone;
      return;
    case CallTarget::kCpu: {
      target->kind = Kind::kFresh;
      ArrayView view;
      if (!given) return;
      if (!ReadTypedArray(env, memory, &view)) {
        throw Error(ErrorCode::kInvalidArg, "expected a typed array for an output");
      }
      if (view.size == 0) return;
      target->keep = PinnedRegistry::Get().Find(view.data, view.size);
      // Any other is filled when the result is collected, on the JS thread.
      if (!target->keep) return;
      target->kind = Kind::kPinned;
      target->host = view.data;
      target->capacity = view.size;
      return;
    }
    case CallTarget::kDevice:
      target->kind = given ? Kind::kDevice : Kind::kNewDevice;
      if (given) target->memory = DeviceObject::MemoryOf(Napi::Value(env, memory), "outputs");
      return;
  }
}

// Freeing device memory waits for the GPU, so the last to let go of it is never the JS thread.
void LetGo(std::shared_ptr<DeviceMemory>* memory, DeviceWork* work) {
  if (memory->use_count() == 1) {
    work->Free(std::move(*memory));
  } else {
    memory->reset();
  }
}

}  // namespace

bool ReadTypedArray(napi_env env, napi_value value, ArrayView* view) {
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  napi_typedarray_type type = kUnknownType;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) {
    return false;
  }
  view->data = static_cast<unsigned char*>(data);
  view->size = length * ElementSize(type);
  return true;
}

void FillJob(InferJob* job, const RegisteredCall& call, EngineSession* session,
             const Napi::Value& inputs, const Napi::Value& staging, const Napi::Value& outputs) {
  const napi_env env = inputs.Env();
  job->call = call.plan;
  const bool staged = !staging.IsNull();
  if (staged) job->staging = Unwrap<StagingObject>(staging, "staged").Take(*call.plan);
  job->inputs.resize(call.plan->input_bytes.size());
  for (size_t i = 0; i < job->inputs.size(); ++i) {
    FillInput(job, i, env, Element(env, inputs, i), staged);
  }
  StageOrdinary(job, session);
  const bool memory = !outputs.IsNull();
  job->targets.resize(call.targets.size());
  for (size_t i = 0; i < job->targets.size(); ++i) {
    FillTarget(&job->targets[i], call.targets[i], env, memory ? Element(env, outputs, i) : nullptr);
  }
}

bool IsRepeatable(const InferJob& job, const Napi::Value& outputs) {
  if (job.timed) return false;
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const InputSource& source = job.inputs[i];
    const bool is_empty = job.call->input_bytes[i] == 0;
    if (source.kind != InputSource::Kind::kPinned || (!source.keep && !is_empty)) return false;
  }
  // An array of the caller's that is no pinned one is filled when the result is made, and JavaScript alone has it.
  const bool is_given = !outputs.IsNull();
  return std::ranges::all_of(job.targets, [&](const OutputTarget& target) {
    using Kind = OutputTarget::Kind;
    return target.kind == Kind::kNone || target.kind == Kind::kPinned ||
           (target.kind == Kind::kFresh && !is_given);
  });
}

void LetGoOfMemory(InferJob* job) {
  for (InputSource& source : job->inputs) source.keep.reset();
  for (OutputTarget& target : job->targets) target.keep.reset();
  for (InferOutput& output : job->outputs) output.memory.Return();
}

bool TakeHoldOfMemory(InferJob* job) {
  PinnedRegistry& registry = PinnedRegistry::Get();
  for (size_t i = 0; i < job->inputs.size(); ++i) {
    InputSource& source = job->inputs[i];
    const size_t bytes = job->call->input_bytes[i];
    if (bytes == 0) continue;
    source.keep = registry.Find(source.host, bytes);
    if (!source.keep) return false;
  }
  for (OutputTarget& target : job->targets) {
    if (target.kind != OutputTarget::Kind::kPinned) continue;
    target.keep = registry.Find(target.host, target.capacity);
    if (!target.keep) return false;
  }
  return true;
}

void EmptyJob(InferJob* job, DeviceWork* work) {
  job->holds.clear();
  for (InputSource& source : job->inputs) {
    source.keep.reset();
    if (source.memory) LetGo(&source.memory, work);
  }
  for (OutputTarget& target : job->targets) {
    target.keep.reset();
    if (target.memory) LetGo(&target.memory, work);
  }
  for (InferOutput& output : job->outputs) {
    output.memory.Return();
    if (output.device) LetGo(&output.device, work);
  }
  job->debug.clear();
  job->debug_values.clear();
  job->staging.Return();
  job->deadline.reset();
  job->error.reset();
  job->call.reset();
}

}  // namespace trtnode
