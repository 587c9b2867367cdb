// Pinned memory as JavaScript sees it.
#pragma once

#include "exec/pinned_pool.h"
#include "napi/napi_include.h"

namespace trtnode {

// Up to here memory is pinned on the JS thread; pinning more of it would hold the event loop up.
inline constexpr size_t kPinnedAtOnceBytes = size_t{1} << 20;

// The lease's first `size` bytes: over its own memory, which goes back when JavaScript has let go of the array, from 64 KiB on
// where Node allows external buffers (Electron does not); else a copy.
Napi::Value ToArrayBuffer(Napi::Env env, PinnedLease lease, size_t size);
// The same whatever the size.
Napi::Value LendArrayBuffer(Napi::Env env, PinnedLease lease, size_t size);

}  // namespace trtnode
