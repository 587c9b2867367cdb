#include "trt/plan_memory.h"

#include <algorithm>
#include <cstring>

#include "cuda/stream.h"

namespace trtnode {
namespace {

// The largest values of a shape tensor, as TensorRT reads them on the host.
std::vector<unsigned char> LargestValues(const TensorInfo& input, const InputRange& range) {
  const size_t element = BitsPerElement(input.type) / 8;
  std::vector<unsigned char> bytes(std::max<size_t>(ByteCount(input.type, range.dims.max), 8));
  if (!range.values) return bytes;
  for (size_t i = 0; i < range.values->max.size() && (i + 1) * element <= bytes.size(); ++i) {
    const int64_t value = range.values->max[i];
    const auto narrow = static_cast<int32_t>(value);
    const void* const from = element == sizeof(narrow) ? static_cast<const void*>(&narrow) : &value;
    std::memcpy(bytes.data() + i * element, from, std::min(element, sizeof(value)));
  }
  return bytes;
}

// TensorRT keeps the addresses of `values`, which grows by what the profile needs.
ProfileMemory MeasureProfile(const LoadedEngine& engine, int index, const Stream& stream,
                             Execution* execution,
                             std::vector<std::vector<unsigned char>>* values) {
  ProfileMemory memory;
  memory.context = engine.ContextMemoryBytes(index);
  const Profile& profile = engine.profiles()[static_cast<size_t>(index)];
  execution->SetProfile(index, stream.get());
  for (const TensorInfo& input : engine.inputs()) {
    const InputRange& range = profile.at(input.name);
    memory.inputs += ByteCount(input.type, range.dims.max);
    execution->SetInputDims(input, range.dims.max);
    if (!input.on_host) continue;
    values->push_back(LargestValues(input, range));
    execution->SetAddress(input, values->back().data());
  }
  uint64_t outputs = 0;
  for (const TensorInfo& output : engine.outputs()) {
    const Dims dims = execution->OutputDims(output);
    if (IsDynamic(dims)) return memory;
    outputs += ByteCount(output.type, dims);
  }
  memory.outputs = outputs;
  return memory;
}

}  // namespace

PlanMemory MeasureMemory(const Device& device, LoadedEngine* engine) {
  PlanMemory memory;
  std::vector<std::vector<unsigned char>> values;
  const std::unique_ptr<Execution> first = engine->CreateExecution(ExecutionOptions{});
  const uint64_t with_one = engine->AllocatedBytes();
  // What the first context took and the second does not is the engine's, as some of it comes with the first context alone.
  const std::unique_ptr<Execution> second = engine->CreateExecution(ExecutionOptions{});
  memory.context = engine->AllocatedBytes() - with_one;
  memory.weights = with_one - std::min(with_one, memory.context);
  const Stream stream(device);
  for (size_t i = 0; i < engine->profiles().size(); ++i) {
    memory.profiles.push_back(
        MeasureProfile(*engine, static_cast<int>(i), stream, second.get(), &values));
  }
  stream.Synchronize();
  return memory;
}

}  // namespace trtnode
