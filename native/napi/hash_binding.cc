#include <atomic>
#include <functional>

#include "core/contained_file.h"
#include "napi/bindings.h"
#include "napi/convert.h"

namespace trtnode {
namespace {

class HashOperation final : public ThreadOperation {
 public:
  using Work = std::function<HashedFile(const KeepGoing&)>;
  HashOperation(Napi::Env env, Work work) : ThreadOperation(env), work_(std::move(work)) {}

  void Cancel() override { cancelled_ = true; }

 protected:
  void Execute() override {
    hashed_ = work_([this] { return !cancelled_.load(std::memory_order_relaxed); });
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("sha256", hashed_.digest.sha256);
    object.Set("sizeBytes", static_cast<double>(hashed_.digest.size_bytes));
    object.Set("identity", hashed_.identity);
    return object;
  }

 private:
  const Work work_;
  std::atomic<bool> cancelled_ = false;
  HashedFile hashed_;
};

Napi::Value Start(Napi::Env env, HashOperation::Work work) {
  return DataOf(env).state->Start(std::make_unique<HashOperation>(env, std::move(work)));
}

Napi::Value HashFileAt(const Napi::CallbackInfo& info) {
  return Start(info.Env(), [path = info[0].ToString().Utf8Value()](const KeepGoing& keep_going) {
    return HashFile(path, keep_going);
  });
}

Napi::Value HashExternalFile(const Napi::CallbackInfo& info) {
  return Start(
      info.Env(),
      [folder = info[0].ToString().Utf8Value(), location = info[1].ToString().Utf8Value()](
          const KeepGoing& keep_going) { return HashContained(folder, location, keep_going); });
}

}  // namespace

void RegisterHash(Napi::Env env, Napi::Object exports) {
  exports.Set("hashFile", Napi::Function::New<HashFileAt>(env, "hashFile"));
  exports.Set("hashExternalFile", Napi::Function::New<HashExternalFile>(env, "hashExternalFile"));
}

}  // namespace trtnode
