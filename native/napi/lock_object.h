// The JS handle of a folder's lock.
#pragma once

#include "core/folder_lock.h"
#include "napi/addon_data.h"

namespace trtnode {

class LockObject : public Napi::ObjectWrap<LockObject> {
 public:
  static void Define(Napi::Env env, AddonData* data);
  static Napi::Object Create(Napi::Env env, FolderLock lock);

  explicit LockObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  void Release(const Napi::CallbackInfo&) { lock_.Release(); }
  FolderLock lock_;
};

}  // namespace trtnode
