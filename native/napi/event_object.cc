#include "napi/event_object.h"

#include <utility>

#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/device_work.h"

namespace trtnode {
namespace {

Napi::Value CreateEvent(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Device& device = Device::Get(info[0].As<Napi::Number>().Int32Value());
    return EventObject::Create(info.Env(), device,
                               info[1].ToBoolean() ? EventKind::kTimed : EventKind::kUntimed);
  });
}

}  // namespace

void EventObject::Define(Napi::Env env, AddonData* data) {
  data->event_constructor =
      Napi::Persistent(DefineClass(env, "NativeEvent",
                                   {InstanceMethod<&EventObject::Query>("query"),
                                    InstanceMethod<&EventObject::Synchronize>("synchronize"),
                                    InstanceMethod<&EventObject::ElapsedSince>("elapsedSince"),
                                    InstanceMethod<&EventObject::Close>("close")}));
}

Napi::Object EventObject::Create(Napi::Env env, const Device& device, EventKind kind) {
  auto event = std::make_shared<Event>(device, kind);
  Napi::Object object = DataOf(env).event_constructor.New({});
  object.TypeTag(&kTypeTag);
  EventObject* const self = Unwrap(object);
  self->device_ = &device;
  self->event_ = std::move(event);
  return object;
}

std::shared_ptr<const Event> EventObject::EventOf(const Napi::Value& value, const char* name) {
  const EventObject& object = trtnode::Unwrap<EventObject>(value, name);
  if (!object.event_) throw Error(ErrorCode::kInvalidArg, "this event is closed");
  return object.event_;
}

const std::shared_ptr<const Event>& EventObject::Open() const {
  if (!event_) throw Error(ErrorCode::kInvalidArg, "this event is closed");
  device_->MakeCurrent();
  return event_;
}

void EventObject::Finalize(Napi::BasicEnv) {
  if (event_) device_->TryMakeCurrent();
}

Napi::Value EventObject::Query(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), Open()->Done()); });
}

Napi::Value EventObject::Synchronize(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    return DataOf(info.Env())
        .device_work->Await(info.Env(), *device_, Open(),
                            [](Napi::Env settled) { return settled.Undefined(); });
  });
}

Napi::Value EventObject::ElapsedSince(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<const Event> start = EventOf(info[0], "start");
    return Napi::Number::New(info.Env(), Open()->MillisecondsSince(*start));
  });
}

void EventObject::Close(const Napi::CallbackInfo&) {
  if (!event_) return;
  device_->TryMakeCurrent();
  event_.reset();
}

void RegisterEvent(Napi::Env env, Napi::Object exports, AddonData* data) {
  EventObject::Define(env, data);
  exports.Set("createEvent", Napi::Function::New<CreateEvent>(env, "createEvent"));
}

}  // namespace trtnode
