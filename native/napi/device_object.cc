#include "napi/device_object.h"

#include <cstring>
#include <utility>

#include "core/activity.h"
#include "cuda/device.h"
#include "exec/pinned_registry.h"
#include "napi/bindings.h"
#include "napi/convert.h"
#include "napi/device_work.h"
#include "napi/pinned_array.h"

namespace trtnode {
namespace {

class AllocateOperation final : public ThreadOperation {
 public:
  AllocateOperation(Napi::Env env, int device, size_t size)
      : ThreadOperation(env), device_(device), size_(size) {}

 protected:
  void Execute() override {
    const Activity activity;
    const Device& device = Device::Get(device_);
    memory_ = DeviceMemory::Allocate(device, size_);
    // Whatever stood there before, of other engines too, is nobody's to read.
    const Stream stream(device);
    stream.Clear(memory_->pointer(), size_);
    stream.Synchronize();
  }
  Napi::Value Result(Napi::Env env) override {
    return DeviceObject::Create(env, std::move(memory_));
  }

 private:
  const int device_;
  const size_t size_;
  std::shared_ptr<DeviceMemory> memory_;
};

// A copy to the host whose pinned memory may take milliseconds to get.
class ReadOperation final : public ThreadOperation {
 public:
  ReadOperation(Napi::Env env, std::shared_ptr<Copies> copies, std::shared_ptr<DeviceMemory> memory,
                size_t offset, size_t size)
      : ThreadOperation(env),
        copies_(std::move(copies)),
        memory_(std::move(memory)),
        offset_(offset),
        size_(size) {}

 protected:
  void Execute() override {
    const Activity activity;
    lease_ = copies_->TakePinned(size_);
    copies_->ToHost(lease_.data(), memory_.get(), offset_, size_)->Synchronize();
    copies_->FreeSurplus();
  }
  Napi::Value Result(Napi::Env env) override {
    const std::shared_ptr<DeviceWork>& work = DataOf(env).device_work;
    work->Free(std::move(memory_));
    work->Drop(copies_device_, std::move(copies_));
    return ToArrayBuffer(env, std::move(lease_), size_);
  }

 private:
  std::shared_ptr<Copies> copies_;
  std::shared_ptr<DeviceMemory> memory_;
  const Device& copies_device_ = memory_->device();
  const size_t offset_;
  const size_t size_;
  PinnedLease lease_;
};

size_t SizeOf(const Napi::Value& number) {
  return static_cast<size_t>(number.As<Napi::Number>().Int64Value());
}

void RequireInside(const DeviceMemory& memory, size_t offset, size_t size) {
  if (offset <= memory.size() && size <= memory.size() - offset) return;
  throw Error(ErrorCode::kInvalidArg, "expected bytes inside of device memory of " +
                                          std::to_string(memory.size()) + " bytes but received " +
                                          std::to_string(size) + " at " + std::to_string(offset));
}

Napi::Value AllocateDevice(const Napi::CallbackInfo& info) {
  return DataOf(info.Env())
      .state->Start(std::make_unique<AllocateOperation>(
          info.Env(), info[0].As<Napi::Number>().Int32Value(), SizeOf(info[1])));
}

Napi::Value AdoptDevice(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Device& device = Device::Get(info[0].As<Napi::Number>().Int32Value());
    bool lossless = false;
    const CUdeviceptr pointer = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
    return DeviceObject::Create(info.Env(), DeviceMemory::Adopt(device, pointer, SizeOf(info[2])));
  });
}

}  // namespace

void DeviceObject::Define(Napi::Env env, AddonData* data) {
  data->device_constructor = Napi::Persistent(DefineClass(
      env, "NativeDeviceMemory",
      {InstanceMethod<&DeviceObject::Read>("read"), InstanceMethod<&DeviceObject::Write>("write"),
       InstanceMethod<&DeviceObject::WritePinned>("writePinned"),
       InstanceMethod<&DeviceObject::CopyFrom>("copyFrom"),
       InstanceMethod<&DeviceObject::Part>("part"),
       InstanceMethod<&DeviceObject::Release>("release")}));
}

DeviceObject::DeviceObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), work_(DataOf(info.Env()).device_work) {}

Napi::Object DeviceObject::Create(Napi::Env env, std::shared_ptr<DeviceMemory> memory) {
  Napi::Object object = DataOf(env).device_constructor.New({});
  object.TypeTag(&kTypeTag);
  object.Set("sizeBytes", static_cast<double>(memory->size()));
  object.Set("address", Napi::BigInt::New(env, static_cast<uint64_t>(memory->pointer())));
  object.Set("device", memory->device().info().index);
  DeviceObject* const self = Unwrap(object);
  self->copies_ = self->work_->CopiesOf(memory->device());
  self->memory_ = std::move(memory);
  return object;
}

std::shared_ptr<DeviceMemory> DeviceObject::MemoryOf(const Napi::Value& value, const char* name) {
  return trtnode::Unwrap<DeviceObject>(value, name).Memory();
}

const std::shared_ptr<DeviceMemory>& DeviceObject::Memory() const {
  if (!memory_) throw Error(ErrorCode::kInvalidArg, "this device tensor is closed");
  return memory_;
}

void DeviceObject::Finalize(Napi::BasicEnv) {
  if (!memory_) return;
  const Device& device = memory_->device();
  work_->Free(std::move(memory_));
  work_->Drop(device, std::move(copies_));
}

Napi::Value DeviceObject::Read(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const std::shared_ptr<DeviceMemory>& memory = Memory();
    const size_t offset = SizeOf(info[0]);
    const size_t size = SizeOf(info[1]);
    RequireInside(*memory, offset, size);
    if (size > kPinnedAtOnceBytes) {
      return DataOf(env).state->Start(
          std::make_unique<ReadOperation>(env, copies_, memory, offset, size));
    }
    // std::function wants to copy what it holds.
    auto lease = std::make_shared<PinnedLease>(copies_->TakePinned(size));
    const auto done = copies_->ToHost(lease->data(), memory.get(), offset, size);
    return work_->Await(env, memory->device(), done, [lease, size](Napi::Env settled) {
      return ToArrayBuffer(settled, std::move(*lease), size);
    });
  });
}

Napi::Value DeviceObject::Write(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<DeviceMemory>& memory = Memory();
    const size_t offset = SizeOf(info[0]);
    const ByteView view = ReadBytes(info[1]);
    RequireInside(*memory, offset, view.size);
    const auto lease = std::make_shared<PinnedLease>(copies_->TakePinned(view.size));
    if (view.size > 0) std::memcpy(lease->data(), view.data, view.size);
    const auto done = copies_->ToDevice(memory.get(), offset, lease->data(), view.size);
    return work_->Await(info.Env(), memory->device(), done, [lease](Napi::Env settled) {
      lease->Return();
      return settled.Undefined();
    });
  });
}

Napi::Value DeviceObject::WritePinned(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<DeviceMemory>& memory = Memory();
    const size_t offset = SizeOf(info[0]);
    const ByteView view = ReadBytes(info[1]);
    RequireInside(*memory, offset, view.size);
    const std::shared_ptr<void> keep = PinnedRegistry::Get().Find(view.data, view.size);
    if (!keep) return info.Env().Null();
    const auto done = copies_->ToDevice(memory.get(), offset, view.data, view.size);
    return work_->Await(info.Env(), memory->device(), done,
                        [keep](Napi::Env settled) { return settled.Undefined(); });
  });
}

Napi::Value DeviceObject::CopyFrom(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<DeviceMemory>& memory = Memory();
    const std::shared_ptr<DeviceMemory> source = MemoryOf(info[0], "source");
    const size_t size = SizeOf(info[1]);
    RequireInside(*memory, 0, size);
    RequireInside(*source, 0, size);
    const auto done = copies_->OnDevice(memory.get(), source.get(), size);
    return work_->Await(info.Env(), memory->device(), done,
                        [](Napi::Env settled) { return settled.Undefined(); });
  });
}

Napi::Value DeviceObject::Part(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const size_t offset = SizeOf(info[0]);
    const size_t size = SizeOf(info[1]);
    RequireInside(*Memory(), offset, size);
    return Create(info.Env(), memory_->Part(offset, size));
  });
}

Napi::Value DeviceObject::Release(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Device& device = Memory()->device();
    // First what may still copy, so that all is back when the promise is settled.
    work_->Drop(device, std::move(copies_));
    return work_->Free(info.Env(), std::move(memory_));
  });
}

void RegisterDevice(Napi::Env env, Napi::Object exports, AddonData* data) {
  DeviceObject::Define(env, data);
  exports.Set("allocateDevice", Napi::Function::New<AllocateDevice>(env, "allocateDevice"));
  exports.Set("adoptDevice", Napi::Function::New<AdoptDevice>(env, "adoptDevice"));
}

}  // namespace trtnode
