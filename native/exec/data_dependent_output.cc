#include "exec/data_dependent_output.h"

namespace trtnode {

void* DataDependentOutput::Reserve(size_t size_bytes) noexcept {
  try {
    memory_->Reserve(size_bytes);
    return memory_->address();
  } catch (const Error& error) {
    failure_ = error;
  } catch (const std::exception& error) {
    failure_ = Error(ErrorCode::kInternal, error.what());
  }
  return nullptr;
}

}  // namespace trtnode
