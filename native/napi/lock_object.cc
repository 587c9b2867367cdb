#include "napi/lock_object.h"

#include "napi/bindings.h"

namespace trtnode {
namespace {

class LockOperation final : public ThreadOperation {
 public:
  LockOperation(Napi::Env env, std::string folder, std::chrono::milliseconds timeout)
      : ThreadOperation(env), folder_(std::move(folder)), timeout_(timeout) {}

 protected:
  void Execute() override { lock_ = FolderLock::Take(folder_, timeout_); }
  Napi::Value Result(Napi::Env env) override { return LockObject::Create(env, std::move(lock_)); }

 private:
  const std::string folder_;
  const std::chrono::milliseconds timeout_;
  FolderLock lock_;
};

Napi::Value LockFolder(const Napi::CallbackInfo& info) {
  const std::chrono::milliseconds timeout(info[1].As<Napi::Number>().Int64Value());
  return DataOf(info.Env())
      .state->Start(std::make_unique<LockOperation>(info.Env(), info[0].ToString(), timeout));
}

}  // namespace

void LockObject::Define(Napi::Env env, AddonData* data) {
  data->lock_constructor = Napi::Persistent(
      DefineClass(env, "NativeFolderLock", {InstanceMethod<&LockObject::Release>("release")}));
}

Napi::Object LockObject::Create(Napi::Env env, FolderLock lock) {
  Napi::Object object = DataOf(env).lock_constructor.New({});
  Unwrap(object)->lock_ = std::move(lock);
  return object;
}

void RegisterLock(Napi::Env env, Napi::Object exports, AddonData* data) {
  LockObject::Define(env, data);
  exports.Set("lockFolder", Napi::Function::New<LockFolder>(env, "lockFolder"));
}

}  // namespace trtnode
