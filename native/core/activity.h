// process.exit() on the main thread runs no cleanup hook: it goes straight to the destructors of CUDA and TensorRT, and a
// thread that is inside either of them then crashes. So whoever enters them holds an Activity, and exit() first waits for
// those that are inside.
#pragma once

namespace trtnode {

// The JavaScript environment that a thread works for. Workers' are different from the main thread's: Node ends them, with
// all cleanup hooks, when process.exit() has called the 'exit' listeners and before exit() begins, so their threads must go on.
using Environment = const void*;
Environment CurrentEnvironment();
// Of the calling thread; whoever starts a thread hands its own on.
void SetCurrentEnvironment(Environment environment);

class Activity {
 public:
  // Once its environment is exiting it does not return: the thread must not enter any more, and has nothing to go back to.
  // The thread that exits may: a user's exit handler may infer.
  Activity();
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  // Long work for this environment that can stop early should.
  static bool IsExiting(Environment environment);
};

// The process is about to exit: from now on no other thread of the calling one's environment enters, and those that are
// inside are waited for, some seconds at most. JavaScript calls it before exit() begins, as libraries that open others late
// have handlers that run before ours.
void BeginExit();

// The calling thread's environment is torn down after all, which waits for its threads: they may enter again.
void EndEnvironment();

// For exits that JavaScript does not see. Handlers of exit() run newest first, so this is called again after a library or a
// device was opened: only then does ours run before theirs. `reason` is any pointer that stands for what was opened; each
// counts once.
void WaitForActivitiesAtExit(const void* reason);

}  // namespace trtnode
