// Registers the bindings and holds what each environment needs; everything else is in native/napi.
#include "napi/bindings.h"
#include "napi/device_work.h"

namespace trtnode {

class TrtNodeAddon : public Napi::Addon<TrtNodeAddon> {
 public:
  TrtNodeAddon(Napi::Env env, Napi::Object exports) {
    data_.state = EnvState::Create(env);
    data_.device_work = DeviceWork::Create(env, data_.state);
    RegisterProbe(env, exports);
    RegisterBuild(env, exports);
    RegisterHash(env, exports);
    RegisterInspect(env, exports);
    RegisterPlan(env, exports, &data_);
    RegisterEngine(env, exports, &data_);
    RegisterLock(env, exports, &data_);
    RegisterStaging(env, &data_);
    RegisterDevice(env, exports, &data_);
    RegisterStream(env, exports, &data_);
    RegisterEvent(env, exports, &data_);
    RegisterContext(env, &data_);
  }

  AddonData& data() { return data_; }

 private:
  AddonData data_;
};

AddonData& DataOf(Napi::Env env) { return env.GetInstanceData<TrtNodeAddon>()->data(); }

NODE_API_NAMED_ADDON(trt_node, TrtNodeAddon)

}  // namespace trtnode
