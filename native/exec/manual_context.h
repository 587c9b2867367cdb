// An execution context that JavaScript drives by hand: on streams and device memory of its own choice.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "exec/device_memory.h"
#include "trt/backend.h"

namespace trtnode {

class Device;

// One run of a network at fixed dims and addresses. It can be launched as long as its context lives and is not refitted.
class ContextGraph {
 public:
  ContextGraph() = default;

 private:
  friend class ManualContext;
  // Destroyed in reverse: the graph before what it reads and writes.
  std::vector<std::shared_ptr<DeviceMemory>> reads_;
  std::vector<std::shared_ptr<DeviceMemory>> writes_;
  std::vector<std::shared_ptr<PinnedBuffer>> values_;
  uint64_t weights_version_ = 0;
  uint64_t shapes_version_ = 0;
  Graph graph_;
};

// What it puts on streams runs one after the other, whichever streams they are: it has one activation memory. Its short calls
// throw Error(kInvalidArg) instead of waiting for one that another thread is in (Capture, a refit): they are made on the JS thread.
class ManualContext {
 public:
  using SharedStream = std::shared_ptr<const Stream>;
  using SharedMemory = std::shared_ptr<DeviceMemory>;

  // Long: not for the JS thread. Throws Error(kUnsupported) for an engine whose outputs only TensorRT can place, Error(kOutOfMemory …).
  ManualContext(const Device& device, std::shared_ptr<LoadedEngine> engine, int profile, bool nvtx);
  ~ManualContext();
  ManualContext(const ManualContext&) = delete;
  ManualContext& operator=(const ManualContext&) = delete;

  const Device& device() const { return device_; }

  void SetInputDims(size_t index, const Dims& dims);
  // Of a shape tensor that TensorRT reads on the host.
  void SetInputValues(size_t index, const void* data, size_t size);
  // -1 where an input's dims are still to be told, or the data decides.
  Dims OutputDims(size_t index);
  // They return what was bound before, for the caller to let go of.
  [[nodiscard]] SharedMemory BindInput(size_t index, SharedMemory memory);
  [[nodiscard]] SharedMemory BindOutput(size_t index, SharedMemory memory);

  // Returns before the network has run. Throws Error(kInvalidArg) for what is not bound or too small, Error(kInferFailed …).
  void Enqueue(const SharedStream& stream);
  void Launch(const ContextGraph& graph, const SharedStream& stream);

  // What Enqueue would put on a stream now. It runs the network once before, where its dims are new to TensorRT. Long: not for the
  // JS thread.
  std::shared_ptr<ContextGraph> Capture();

  // Waits for what was enqueued, then frees everything; later calls throw `why`. Idempotent. Long: not for the JS thread.
  void Close(const Error& why);
  // What calls that would run the network throw; none: they may run it.
  void SetUnusable(std::optional<Error> why);

 private:
  friend class ManualContexts;

  template <typename Call>
  auto WithLog(Call call);
  std::unique_lock<std::mutex> Enter();
  void RequireOpen();
  void RequireUsable();
  // Throws when something lacks; then tells TensorRT where everything is.
  void Prepare();
  void CheckOutput(size_t index);
  template <typename Work>
  void PutOn(const SharedStream& stream, const std::vector<SharedMemory>& reads,
             const std::vector<SharedMemory>& writes, Work work);
  void WaitForWork() noexcept;
  void FreeEverything();

  const Device& device_;

  const std::vector<TensorInfo> inputs_;
  const std::vector<TensorInfo> outputs_;

  std::mutex state_mutex_;  // guards what follows
  std::optional<Error> closed_;
  std::optional<Error> unusable_;

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<LoadedEngine> engine_;
  std::vector<std::optional<Dims>> dims_;
  std::vector<std::shared_ptr<PinnedBuffer>> values_;          // of inputs on the host
  std::vector<std::shared_ptr<PinnedBuffer>> earlier_values_;  // that enqueued work may still read
  std::vector<SharedMemory> reads_;   // per input; null for those on the host
  std::vector<SharedMemory> writes_;  // per output
  SharedStream own_stream_;
  // Recorded behind all that was enqueued last.
  std::shared_ptr<const Event> last_;
  SharedStream last_stream_;
  bool prepared_ = false;  // nothing was told since Prepare
  bool settled_ =
      false;  // TensorRT has enqueued once at these dims, so that a capture holds no work of the first time
  uint64_t weights_version_ = 0;
  uint64_t shapes_version_ = 0;  // counts changes of dims and values, which end graphs
  std::unique_ptr<Execution> execution_;
};

// Those of one engine.
class ManualContexts {
 public:
  void Add(const std::shared_ptr<ManualContext>& context);

  // While it lives, nothing of the contexts runs or is enqueued; graphs that were captured before it cannot be launched after it.
  // For a refit.
  class Pause {
   public:
    Pause() = default;
    Pause(Pause&&) = default;
    Pause& operator=(Pause&&) = delete;

   private:
    friend class ManualContexts;
    std::vector<std::shared_ptr<ManualContext>> contexts_;
    std::vector<std::unique_lock<std::mutex>> locks_;
  };
  Pause PauseAll();

  void SetUnusable(const std::optional<Error>& why);
  void CloseAll(const Error& why);

 private:
  std::vector<std::shared_ptr<ManualContext>> Open();
  std::mutex mutex_;
  std::vector<std::weak_ptr<ManualContext>> contexts_;
};

}  // namespace trtnode
