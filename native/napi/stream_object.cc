#include "napi/stream_object.h"

#include <utility>

#include "core/activity.h"
#include "cuda/device.h"
#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/device_work.h"
#include "napi/event_object.h"

namespace trtnode {
namespace {

class CreateStreamOperation final : public ThreadOperation {
 public:
  CreateStreamOperation(Napi::Env env, int device) : ThreadOperation(env), device_(device) {}

 protected:
  void Execute() override {
    const Activity activity;
    stream_ = std::make_shared<Stream>(Device::Get(device_));
  }
  Napi::Value Result(Napi::Env env) override {
    return StreamObject::Create(env, std::move(stream_));
  }

 private:
  const int device_;
  std::shared_ptr<const Stream> stream_;
};

Napi::Value CreateStream(const Napi::CallbackInfo& info) {
  return DataOf(info.Env())
      .state->Start(std::make_unique<CreateStreamOperation>(
          info.Env(), info[0].As<Napi::Number>().Int32Value()));
}

Napi::Value StreamFromHandle(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Device& device = Device::Get(info[0].As<Napi::Number>().Int32Value());
    bool lossless = false;
    const uint64_t handle = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
    auto* const stream = reinterpret_cast<CUstream>(handle);  // NOLINT(performance-no-int-to-ptr)
    return StreamObject::Create(info.Env(),
                                std::make_shared<Stream>(Stream::Borrow(device, stream)));
  });
}

}  // namespace

void StreamObject::Define(Napi::Env env, AddonData* data) {
  data->stream_constructor = Napi::Persistent(DefineClass(
      env, "NativeStream",
      {InstanceMethod<&StreamObject::Synchronize>("synchronize"),
       InstanceMethod<&StreamObject::Record>("record"), InstanceMethod<&StreamObject::Wait>("wait"),
       InstanceMethod<&StreamObject::Close>("close")}));
}

Napi::Object StreamObject::Create(Napi::Env env, std::shared_ptr<const Stream> stream) {
  Napi::Object object = DataOf(env).stream_constructor.New({});
  object.TypeTag(&kTypeTag);
  object.Set("handle", Napi::BigInt::New(
                           env, static_cast<uint64_t>(reinterpret_cast<uintptr_t>(stream->get()))));
  object.Set("device", stream->device().info().index);
  Unwrap(object)->stream_ = std::move(stream);
  return object;
}

std::shared_ptr<const Stream> StreamObject::StreamOf(const Napi::Value& value, const char* name) {
  return trtnode::Unwrap<StreamObject>(value, name).Open();
}

const std::shared_ptr<const Stream>& StreamObject::Open() const {
  if (!stream_) throw Error(ErrorCode::kInvalidArg, "this stream is closed");
  stream_->device().MakeCurrent();
  return stream_;
}

void StreamObject::Finalize(Napi::BasicEnv) {
  if (stream_) stream_->device().TryMakeCurrent();
}

Napi::Value StreamObject::Synchronize(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<const Stream>& stream = Open();
    const auto done = std::make_shared<Event>(stream->device(), EventKind::kUntimed);
    done->Record(*stream);
    return DataOf(info.Env())
        .device_work->Await(info.Env(), stream->device(), done,
                            [](Napi::Env settled) { return settled.Undefined(); });
  });
}

void StreamObject::Record(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const std::shared_ptr<const Stream>& stream = Open();
    EventObject::EventOf(info[0], "event")->Record(*stream);
  });
}

void StreamObject::Wait(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [&] {
    const std::shared_ptr<const Stream>& stream = Open();
    stream->Wait(*EventObject::EventOf(info[0], "event"));
  });
}

void StreamObject::Close(const Napi::CallbackInfo&) {
  if (!stream_) return;
  // What is on it still runs; the driver destroys it behind that.
  stream_->device().TryMakeCurrent();
  stream_.reset();
}

void RegisterStream(Napi::Env env, Napi::Object exports, AddonData* data) {
  StreamObject::Define(env, data);
  exports.Set("createStream", Napi::Function::New<CreateStream>(env, "createStream"));
  exports.Set("streamFromHandle", Napi::Function::New<StreamFromHandle>(env, "streamFromHandle"));
}

}  // namespace trtnode
