#include "napi/pinned_array.h"

#include <cstring>
#include <memory>
#include <utility>

#include "exec/pinned_registry.h"

namespace trtnode {
namespace {

constexpr size_t kExternalFromBytes = size_t{64} << 10;

using Keep = std::shared_ptr<void>;

void LetGo(node_api_basic_env, void*, void* hint) { delete static_cast<Keep*>(hint); }

// Null where external buffers are forbidden.
napi_value TryExternal(Napi::Env env, unsigned char* data, size_t size, const Keep& keep) {
  auto* const hint = new Keep(keep);
  const long held = keep.use_count();
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, data, size, LetGo, hint, &buffer) == napi_ok) {
    return buffer;
  }
  // A refusal may or may not have called the finalizer (it does beyond the longest ArrayBuffer), and may have thrown.
  if (keep.use_count() == held) delete hint;
  bool thrown = false;
  napi_is_exception_pending(env, &thrown);
  napi_value ignored = nullptr;
  if (thrown) napi_get_and_clear_last_exception(env, &ignored);
  return nullptr;
}

Napi::Value Copy(Napi::Env env, const unsigned char* data, size_t size) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, size);
  std::memcpy(buffer.Data(), data, size);
  return buffer;
}

}  // namespace

Napi::Value LendArrayBuffer(Napi::Env env, PinnedLease lease, size_t size) {
  unsigned char* const data = lease.data();
  const Keep keep = PinnedRegistry::Get().Lend(std::move(lease), size);
  if (napi_value external = TryExternal(env, data, size, keep)) return Napi::Value(env, external);
  return Copy(env, data, size);
}

Napi::Value ToArrayBuffer(Napi::Env env, PinnedLease lease, size_t size) {
  if (size == 0) return Napi::ArrayBuffer::New(env, 0);  // the lease may be empty
  if (size < kExternalFromBytes) return Copy(env, lease.data(), size);
  return LendArrayBuffer(env, std::move(lease), size);
}

}  // namespace trtnode
