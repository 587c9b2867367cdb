// One promise. An operation is made, signalled and settled on the JS thread; what it computes never touches Napi.
#pragma once

#include <cstdint>
#include <optional>
#include <thread>

#include "core/error.h"
#include "napi/napi_include.h"

namespace trtnode {

class EnvState;

class Operation {
 public:
  explicit Operation(Napi::Env env) : deferred_(Napi::Promise::Deferred::New(env)) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  Napi::Promise promise() const { return deferred_.Promise(); }

  // JS thread: something was posted before the end, e.g. progress. May throw Napi::Error.
  virtual void OnSignal(Napi::Env) {}

  // JS thread: resolves with Result() or rejects with `failure_`.
  void Settle(Napi::Env env);

  // JS thread: nobody will see the outcome, so what can end early should.
  virtual void Cancel() {}

  // JS thread: waits for whatever still runs for it.
  virtual void Join() {}

 protected:
  virtual Napi::Value Result(Napi::Env env) = 0;
  std::optional<Error> failure_;

 private:
  friend class EnvState;
  Napi::Promise::Deferred deferred_;
};

// An operation with a thread of its own: loads and builds are long, and libuv's four threads are everybody's.
class ThreadOperation : public Operation {
 public:
  using Operation::Operation;
  void Join() override;

 protected:
  // Off the JS thread; may throw trtnode::Error or anything from std.
  virtual void Execute() = 0;

 private:
  friend class EnvState;
  void RunOnThread();
  std::thread thread_;
};

}  // namespace trtnode
