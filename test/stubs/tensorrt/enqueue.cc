#include <algorithm>
#include <cstring>

#include "exit/phase.h"
#include "tensorrt/engine.h"

namespace stub {
namespace {

bool IsZero(const unsigned char* element, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (element[i] != 0) return false;
  }
  return true;
}

void CopyWeights(const EngineState& state, const std::string& name, unsigned char* to,
                 size_t size) {
  for (const WeightPlan& weights : state.Weights()) {
    if (weights.name != name) continue;
    if (!weights.bytes) Die("an engine ran without its weights " + name);
    std::memcpy(to, weights.bytes->data(), std::min(size, weights.bytes->size()));
  }
}

}  // namespace

unsigned char* EngineState::Bytes(const TensorPlan& tensor, void* address, size_t size) const {
  if (!tensor.on_host) {
    if (reinterpret_cast<uintptr_t>(address) % tensor.alignment != 0) {
      Die("the address of " + tensor.name + " is not aligned to " +
          std::to_string(tensor.alignment) + " bytes");
    }
    return driver->ResolveForKernel(device, address, size, "tensor " + tensor.name);
  }
  if (driver->IsDeviceMemory(address)) {
    Die("the address of host tensor " + tensor.name + " is device memory");
  }
  return static_cast<unsigned char*>(address);
}

bool ContextStub::DependsOnData(const TensorPlan& output) const {
  for (const AxisRule& axis : output.axes) {
    if (axis.kind == AxisRule::Kind::kNonZeroOf) return true;
  }
  return false;
}

int64_t ContextStub::CountNonZeros(const std::string& input) const {
  const TensorPlan& tensor = *state_->plan.Find(input);
  const Binding& binding = At(input);
  const int64_t count = CountOf(*binding.dims);
  const size_t element = BytesOf(tensor.type, 1);
  const unsigned char* const bytes =
      state_->Bytes(tensor, binding.address, BytesOf(tensor.type, count));
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    found += IsZero(bytes + static_cast<size_t>(i) * element, element) ? 0 : 1;
  }
  return found;
}

bool ContextStub::InputsReady(cudaStream_t stream) {
  if (state_->driver->DeviceOf(stream) != state_->device) {
    Die("enqueueV3 with a stream of another device");
  }
  for (const TensorPlan& tensor : state_->plan.tensors) {
    if (!tensor.is_input) continue;
    const Binding& binding = At(tensor.name);
    const char* const lacks = !binding.dims                ? "dims"
                              : binding.address == nullptr ? "an address"
                                                           : nullptr;
    if (lacks != nullptr) {
      state_->Error("IExecutionContext::enqueueV3: input " + tensor.name + " has no " + lacks);
      return false;
    }
    static_cast<void>(
        state_->Bytes(tensor, binding.address, BytesOf(tensor.type, CountOf(*binding.dims))));
  }
  const std::string wrong = WrongValues();
  if (!wrong.empty()) state_->Error(wrong);
  return wrong.empty();
}

bool ContextStub::HasMemory() const {
  if (activations_ != nullptr || state_->plan.activation_bytes == 0) return true;
  state_->Error("IExecutionContext::enqueueV3: no memory was given to a context of kUSER_MANAGED");
  return false;
}

bool ContextStub::PrepareOutput(const TensorPlan& output, cudaStream_t stream,
                                std::vector<ReadyOutput>* ready) {
  const Binding& binding = At(output.name);
  const trt::Dims dims = DimsOf(output, true);
  const size_t size = BytesOf(output.type, CountOf(dims));
  void* address = binding.address;
  if (binding.allocator != nullptr) {
    address = binding.allocator->reallocateOutputAsync(output.name.c_str(), address, size,
                                                       output.alignment, stream);
    if (address == nullptr) {
      state_->Error("IExecutionContext::enqueueV3: no memory came for output " + output.name);
      return false;
    }
    if (state_->Enter("notifyShape")) binding.allocator->notifyShape(output.name.c_str(), dims);
  } else if (address == nullptr) {
    state_->Error("IExecutionContext::enqueueV3: output " + output.name +
                  " has neither an address nor an allocator");
    return false;
  } else if (DependsOnData(output)) {
    Die("output " + output.name + ", whose dims depend on the data, has no allocator");
  }
  if (!output.alias.empty() && At(output.alias).address != address) {
    state_->Error("IExecutionContext::enqueueV3: output " + output.name +
                  " must have the address of input " + output.alias);
    return false;
  }
  static_cast<void>(state_->Bytes(output, address, size));
  ready->push_back({&output, dims, address});
  return true;
}

bool ContextStub::enqueueV3(cudaStream_t stream) noexcept {
  const Use use(this);
  Inside::OpenAnotherLibrary();
  ReachPhase();
  state_->RequireDevice("enqueueV3");
  if (!state_->Enter("enqueueV3")) return false;
  if (const CUresult lost = state_->driver->LostCode(state_->device); lost != CUDA_SUCCESS) {
    state_->Error("IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (" +
                  std::to_string(lost) + ")");
    return false;
  }
  if (!InputsReady(stream) || !HasMemory()) return false;
  // TensorRT does what new dims ask for in the next enqueue, and some networks always: work that no capture may see.
  const bool synchronizes = unflushed_ || state_->plan.capture_unsafe;
  if (synchronizes && state_->driver->IsCapturing(stream) &&
      state_->driver->Synchronize(stream) != CUDA_SUCCESS) {
    state_->Error(
        "IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (operation not "
        "permitted when stream is capturing)");
    return false;
  }
  unflushed_ = false;
  std::vector<ReadyOutput> outputs;
  bool waited = false;
  for (const TensorPlan& tensor : state_->plan.tensors) {
    if (tensor.is_input) continue;
    if (DependsOnData(tensor) && !waited) {
      // The data has to be there before it decides anything.
      if (state_->driver->Synchronize(stream) != CUDA_SUCCESS) {
        state_->Error(
            "IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (cannot wait for "
            "the data that decides dims)");
        return false;
      }
      waited = true;
    }
    if (!PrepareOutput(tensor, stream, &outputs)) return false;
  }
  return HandOutDebugTensors(stream) && Launch(stream, std::move(outputs));
}

bool ContextStub::HandOutDebugTensors(cudaStream_t stream) {
  if (debugged_.empty()) return true;
  if (debug_listener_ == nullptr) Die("a debug tensor was switched on without a listener");
  if (state_->driver->IsCapturing(stream)) Die("a debug tensor was switched on in a capture");
  for (const std::string& name : debugged_) {
    if (state_->Enter("processDebugTensor") && !HandOut(*state_->plan.FindDebug(name), stream)) {
      state_->Error("IExecutionContext::enqueueV3: the listener failed at " + name);
      return false;
    }
  }
  return true;
}

bool ContextStub::HandOut(const TensorPlan& tensor, cudaStream_t stream) {
  const trt::Dims dims = DimsOf(tensor, true);
  const size_t size = BytesOf(tensor.type, CountOf(dims));
  const char* const name = tensor.name.c_str();
  const auto computed = std::make_shared<bool>(false);
  const auto compute = [&](void* memory) {
    return [state = state_, output = ReadyOutput{&tensor, dims, memory}, bindings = bindings_,
            computed] {
      Write(*state, output, bindings);
      *computed = true;
    };
  };
  if (tensor.on_host) {
    // It is there when it is shown.
    std::vector<unsigned char> host(size);
    if (state_->driver->Synchronize(stream) != CUDA_SUCCESS) return false;
    compute(host.data())();
    return debug_listener_->processDebugTensor(host.data(), trt::TensorLocation::kHOST, tensor.type,
                                               dims, name, stream);
  }
  void* const memory = state_->Allocate(std::max<size_t>(size, 1), "a debug tensor");
  if (memory == nullptr) return false;
  const bool taken =
      state_->driver->Launch(stream, {compute(memory), {}, nullptr}) == CUDA_SUCCESS &&
      debug_listener_->processDebugTensor(memory, trt::TensorLocation::kDEVICE, tensor.type, dims,
                                          name, stream);
  // The next layers use the memory.
  if (taken && !*computed)
    Die("a listener took a debug tensor and did not wait until it is computed");
  state_->driver->Synchronize(stream);
  state_->Free(memory);
  return taken;
}

bool ContextStub::Launch(cudaStream_t stream, std::vector<ReadyOutput> outputs) {
  const bool captured = state_->driver->IsCapturing(stream);
  if (captured && state_->plan.capture_empty) return true;
  // Dims and addresses as they are now: the context may be told others before this runs, but for a graph.
  const CUresult launched = state_->driver->Launch(
      stream,
      {[state = state_, alive = alive_, generation = state_->generation(),
        outputs = std::move(outputs), bindings = bindings_, told = told_, captured,
        at = told_->load()] {
         if (!*alive) Die("what a context enqueued came to run after its destruction");
         if (captured && *told != at) {
           Die("a graph came to run whose context was told another shape after its capture");
         }
         if (state->generation() != generation) {
           Die("what was enqueued before a refit came to run after it");
         }
         if (++state->runs == state->plan.poisoned_call) {
           state->driver->Lose(state->device, static_cast<CUresult>(state->plan.poison));
           return;
         }
         for (const ReadyOutput& output : outputs) Write(*state, output, bindings);
       },
       Duration(), activations_});
  if (launched == CUDA_SUCCESS) return true;
  state_->Error("IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (" +
                std::to_string(launched) + ")");
  return false;
}

std::chrono::microseconds ContextStub::Duration() {
  const EnginePlan& plan = state_->plan;
  if (++state_->enqueued == plan.slow_call)
    return std::chrono::microseconds(plan.slow_microseconds);
  return std::chrono::microseconds(plan.delay_microseconds);
}

void ContextStub::Write(const EngineState& state, const ReadyOutput& output,
                        const std::map<std::string, Binding>& bindings) {
  const size_t size = BytesOf(output.tensor->type, CountOf(output.dims));
  unsigned char* const to = state.Bytes(*output.tensor, output.address, size);
  const TensorPlan* const source = state.plan.Find(output.tensor->source);
  if (source == nullptr) {
    std::memset(to, 0, size);
    CopyWeights(state, output.tensor->source, to, size);
    return;
  }
  const Binding& input = bindings.at(source->name);
  const size_t available = BytesOf(source->type, CountOf(*input.dims));
  const unsigned char* const from = state.Bytes(*source, input.address, available);
  if (!output.tensor->without_zeros) {
    // They may be the same memory.
    std::memmove(to, from, std::min(size, available));
    if (size > available) std::memset(to + available, 0, size - available);
    return;
  }
  std::memset(to, 0, size);
  const size_t element = BytesOf(source->type, 1);
  size_t written = 0;
  for (size_t at = 0; at < available && written < size; at += element) {
    if (IsZero(from + at, element)) continue;
    std::memcpy(to + written, from + at, element);
    written += element;
  }
}

}  // namespace stub
