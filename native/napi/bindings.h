// What each binding file adds to the addon's exports. Their shapes stand in lib/binding.ts.
#pragma once

#include "napi/addon_data.h"

namespace trtnode {

// prepareExit, probeDriver, probeLibrary, deviceMemory, and the tables that TypeScript compares itself with
void RegisterProbe(Napi::Env env, Napi::Object exports);
// build
void RegisterBuild(Napi::Env env, Napi::Object exports);
// hashFile, hashExternalFile
void RegisterHash(Napi::Env env, Napi::Object exports);
// inspectModel
void RegisterInspect(Napi::Env env, Napi::Object exports);
// readPlan, createPlan
void RegisterPlan(Napi::Env env, Napi::Object exports, AddonData* data);
// loadEngine, detach
void RegisterEngine(Napi::Env env, Napi::Object exports, AddonData* data);
// lockFolder
void RegisterLock(Napi::Env env, Napi::Object exports, AddonData* data);
void RegisterStaging(Napi::Env env, AddonData* data);
// allocateDevice, adoptDevice
void RegisterDevice(Napi::Env env, Napi::Object exports, AddonData* data);
// createStream, streamFromHandle
void RegisterStream(Napi::Env env, Napi::Object exports, AddonData* data);
// createEvent
void RegisterEvent(Napi::Env env, Napi::Object exports, AddonData* data);
void RegisterContext(Napi::Env env, AddonData* data);

}  // namespace trtnode
