#include "exec/call_plan.h"

#include <atomic>
#include <utility>

namespace trtnode {
namespace {

uint64_t NextId() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

}  // namespace

CallPlan::CallPlan(int profile, std::vector<Dims> input_dims, const std::vector<TensorInfo>& inputs)
    : id(NextId()), profile(profile), input_dims(std::move(input_dims)) {
  input_bytes.reserve(inputs.size());
  staging_offsets.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t bytes = ByteCount(inputs[i].type, this->input_dims[i]);
    input_bytes.push_back(bytes);
    staging_offsets.push_back(staging_bytes);
    staging_bytes += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
}

}  // namespace trtnode
