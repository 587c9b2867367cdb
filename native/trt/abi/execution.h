// An execution context behind our own interface.
#pragma once

#include "trt/abi/adapters.h"
#include "trt/abi/context_maker.h"

namespace trtnode::TRT_NODE_ABI {

// Null where TensorRT could not make a context.
std::unique_ptr<Execution> MakeExecution(const LibraryVersion& version, ContextMaker* maker,
                                         const ExecutionOptions& options);

}  // namespace trtnode::TRT_NODE_ABI
