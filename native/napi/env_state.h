// What one environment (the main thread or a worker) has under way, and the one thread-safe function that wakes it.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "exec/engine_session.h"
#include "napi/operation.h"

namespace trtnode {

class EnvState;
// The thread-safe function's callback: handles what was posted.
void HandlePosts(Napi::Env env, Napi::Function, EnvState* state, void*);

// What completes many things at a time and tells JavaScript of them together.
class WakeListener {
 public:
  virtual ~WakeListener() = default;
  // JS thread. May throw Napi::Error.
  virtual void OnWake(Napi::Env env) = 0;
};

class EnvState : public std::enable_shared_from_this<EnvState> {
 public:
  static std::shared_ptr<EnvState> Create(Napi::Env env);

  // JS thread: keeps the operation until it is finished. The event loop stays alive meanwhile.
  uint64_t Register(std::unique_ptr<Operation> operation);

  // JS thread: runs the operation on a thread of its own and returns its promise.
  Napi::Promise Start(std::unique_ptr<ThreadOperation> operation);

  // Any thread: calls the operation's OnSignal on the JS thread, or settles it. Dropped once the environment is gone.
  void Signal(uint64_t operation);
  void Finish(uint64_t operation);

  // JS thread: until it is removed, `Wake` with the returned id has OnWake called.
  uint64_t AddListener(WakeListener* listener);
  void RemoveListener(uint64_t id) { listeners_.erase(id); }
  // Any thread. One call of OnWake may stand for several of Wake.
  void Wake(uint64_t listener);

  // JS thread: the event loop stays alive until as many calls of LetGo as of KeepAlive were made.
  void KeepAlive();
  void LetGo();

  // The id that Register will give next: an operation that posts needs its own.
  uint64_t next_id() const { return next_id_; }

  // JS thread: closes the session when the environment ends, if nobody did before.
  void Watch(const std::shared_ptr<EngineSession>& session);

  // JS thread, from a finalizer: closes a session that was never closed, off the JS thread.
  void CloseInBackground(const std::shared_ptr<EngineSession>& session);

 private:
  enum class News { kSignal, kFinished, kWake };
  struct Post {
    uint64_t id;  // of an operation, or of a listener
    News news;
  };
  using ThreadSafeFunction = Napi::TypedThreadSafeFunction<EnvState, void, HandlePosts>;
  friend void HandlePosts(Napi::Env env, Napi::Function, EnvState* state, void*);

  explicit EnvState(Napi::Env env) : env_(env) {}
  void PostToJs(Post post);
  void Drain(Napi::Env env);
  void Handle(Napi::Env env, const Post& post);
  // The environment ends: everything native that belongs to it ends first.
  void ShutDown();

  const Napi::Env env_;
  uint64_t next_id_ = 1;
  size_t keeping_alive_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Operation>> operations_;
  std::unordered_map<uint64_t, WakeListener*> listeners_;
  std::vector<std::weak_ptr<EngineSession>> sessions_;
  struct Closer {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };
  std::vector<Closer> closers_;

  std::mutex mutex_;  // guards what follows
  std::deque<Post> posts_;
  bool open_ = true;
  ThreadSafeFunction wake_;
};

}  // namespace trtnode
