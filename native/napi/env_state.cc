#include "napi/env_state.h"

#include <algorithm>
#include <system_error>

#include "core/activity.h"

namespace trtnode {

std::shared_ptr<EnvState> EnvState::Create(Napi::Env env) {
  std::shared_ptr<EnvState> state(new EnvState(env));
  state->wake_ = ThreadSafeFunction::New(env, "trt-node", 0, 1, state.get());
  // Alone it must not keep the process alive: KeepAlive does while something is under way.
  state->wake_.Unref(env);
  // Cleanup hooks run newest first, so this one runs before the thread-safe function's own.
  env.AddCleanupHook([state] { state->ShutDown(); });
  SetCurrentEnvironment(state.get());
  return state;
}

uint64_t EnvState::Register(std::unique_ptr<Operation> operation) {
  KeepAlive();
  const uint64_t id = next_id_++;
  operations_.emplace(id, std::move(operation));
  return id;
}

Napi::Promise EnvState::Start(std::unique_ptr<ThreadOperation> operation) {
  ThreadOperation* const raw = operation.get();
  const Napi::Promise promise = raw->promise();
  const uint64_t id = Register(std::move(operation));
  try {
    raw->thread_ = std::thread([state = this, raw, id] {
      SetCurrentEnvironment(state);
      raw->RunOnThread();
      state->Finish(id);
    });
  } catch (const std::system_error& error) {
    raw->failure_ =
        Error(ErrorCode::kOutOfMemory, std::string("the system gave no thread: ") + error.what());
    Finish(id);
  }
  return promise;
}

void EnvState::Signal(uint64_t operation) { PostToJs({operation, News::kSignal}); }

void EnvState::Finish(uint64_t operation) { PostToJs({operation, News::kFinished}); }

uint64_t EnvState::AddListener(WakeListener* listener) {
  const uint64_t id = next_id_++;
  listeners_.emplace(id, listener);
  return id;
}

void EnvState::Wake(uint64_t listener) { PostToJs({listener, News::kWake}); }

void EnvState::KeepAlive() {
  if (keeping_alive_++ == 0) wake_.Ref(env_);
}

void EnvState::LetGo() {
  if (--keeping_alive_ == 0) wake_.Unref(env_);
}

void EnvState::PostToJs(Post post) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!open_) return;
  posts_.push_back(post);
  // One wake-up empties the queue, however many posts are in it by then.
  if (posts_.size() == 1) wake_.NonBlockingCall();
}

void HandlePosts(Napi::Env env, Napi::Function, EnvState* state, void*) {
  if (static_cast<napi_env>(env) != nullptr) state->Drain(env);
}

void EnvState::Drain(Napi::Env env) {
  std::deque<Post> posts;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    posts.swap(posts_);
  }
  while (!posts.empty()) {
    const Post post = posts.front();
    posts.pop_front();
    try {
      Handle(env, post);
    } catch (...) {
      // A callback of the user's threw: it becomes an uncaught exception, and the rest is handled on the next wake-up.
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!posts.empty() && posts_.empty()) wake_.NonBlockingCall();
      posts_.insert(posts_.begin(), posts.begin(), posts.end());
      throw;
    }
  }
}

void EnvState::Handle(Napi::Env env, const Post& post) {
  const Napi::HandleScope scope(env);
  if (post.news == News::kWake) {
    const auto listener = listeners_.find(post.id);
    if (listener != listeners_.end()) listener->second->OnWake(env);
    return;
  }
  const auto found = operations_.find(post.id);
  if (found == operations_.end()) return;
  if (post.news == News::kSignal) {
    found->second->OnSignal(env);
    return;
  }
  const std::unique_ptr<Operation> operation = std::move(found->second);
  operations_.erase(found);
  LetGo();
  operation->Join();
  operation->Settle(env);
}

void EnvState::Watch(const std::shared_ptr<EngineSession>& session) {
  std::erase_if(sessions_, [](const auto& known) { return known.expired(); });
  sessions_.push_back(session);
}

void EnvState::CloseInBackground(const std::shared_ptr<EngineSession>& session) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return;
  }
  if (session->closed()) return;
  for (Closer& closer : closers_) {
    if (*closer.done) closer.thread.join();
  }
  std::erase_if(closers_, [](const Closer& closer) { return !closer.thread.joinable(); });
  auto done = std::make_shared<std::atomic<bool>>(false);
  try {
    closers_.push_back({std::thread([this, session, done] {
                          SetCurrentEnvironment(this);
                          session->Close(Pending::kFinish);
                          *done = true;
                        }),
                        done});
  } catch (const std::system_error&) {
    // No thread to be had, and this is called from a finalizer: better a short wait than a leak.
    session->Close(Pending::kFinish);
  }
}

void EnvState::ShutDown() {
  EndEnvironment();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = false;
    posts_.clear();
  }
  for (const auto& weak : sessions_) {
    if (const std::shared_ptr<EngineSession> session = weak.lock()) {
      session->Close(Pending::kDiscard);
    }
  }
  for (auto& [id, operation] : operations_) operation->Cancel();
  for (auto& [id, operation] : operations_) operation->Join();
  // A load that was under way may have ended in a session that nobody will ever see.
  operations_.clear();
  for (Closer& closer : closers_) closer.thread.join();
  wake_.Release();
  // All that was closed here has entered once more.
  EndEnvironment();
}

}  // namespace trtnode
