#include "napi/operation.h"

#include "napi/convert.h"

namespace trtnode {

void Operation::Settle(Napi::Env env) {
  if (failure_) {
    deferred_.Reject(ToJsError(env, *failure_).Value());
    return;
  }
  try {
    deferred_.Resolve(Result(env));
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  } catch (const Error& error) {
    deferred_.Reject(ToJsError(env, error).Value());
  } catch (const std::exception& error) {
    deferred_.Reject(ToJsError(env, Error(ErrorCode::kInternal, error.what())).Value());
  }
}

void ThreadOperation::Join() {
  if (thread_.joinable()) thread_.join();
}

void ThreadOperation::RunOnThread() {
  try {
    Execute();
  } catch (const Error& error) {
    failure_ = error;
  } catch (const std::bad_alloc&) {
    failure_ = Error(ErrorCode::kOutOfMemory, "the machine has not enough free memory");
  } catch (const std::exception& error) {
    failure_ = Error(ErrorCode::kInternal, error.what());
  }
}

}  // namespace trtnode
