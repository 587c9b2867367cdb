// Ranges on the time line of a profiler (NVTX). Without a profiler they are nothing.
#pragma once

namespace trtnode {

// On the thread that makes it, which must destroy it too; ranges of a thread nest.
class NvtxRange {
 public:
  // `on`: false is no range. `name` must outlive it.
  NvtxRange(bool on, const char* name);
  ~NvtxRange();
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;

 private:
  int (*pop_)() = nullptr;
};

}  // namespace trtnode
