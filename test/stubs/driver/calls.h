// TEST ONLY. What the exported functions have in common: each counts, fails where it is told to, and looks after its context.
#pragma once

#include <cuda.h>

#include <mutex>
#include <new>
#include <string>

#include "driver/machine.h"
#include "exit/inside.h"

namespace stub {

// CUDA's documentation: after these the process must be ended and started again.
inline bool IsSticky(int code) {
  return code == CUDA_ERROR_ECC_UNCORRECTABLE ||
         (code >= CUDA_ERROR_ILLEGAL_ADDRESS && code <= CUDA_ERROR_LAUNCH_TIMEOUT &&
          code != CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES) ||
         code == CUDA_ERROR_CONTEXT_IS_DESTROYED || code == CUDA_ERROR_ASSERT ||
         (code >= CUDA_ERROR_HARDWARE_STACK_ERROR && code <= CUDA_ERROR_LAUNCH_FAILED);
}

// What the call was told to answer; the machine's lock is held.
inline CUresult Suffer(const Fate& fate) {
  if (fate.throws) throw std::bad_alloc();
  Device* const device = Machine::Current();
  const auto code = static_cast<CUresult>(fate.code);
  if (IsSticky(fate.code) && device != nullptr) device->lost = code;
  return code;
}

// A function that needs no context.
template <typename Body>
CUresult Anywhere(const char* function, Body body) {
  const Inside inside(function);
  const Fate fate = Machine::Get().faults().Next(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  if (const CUresult fault = Suffer(fate); fault != CUDA_SUCCESS) return fault;
  return body(Machine::Get());
}

// A function of the current context.
template <typename Body>
CUresult InContext(const char* function, Body body) {
  return Anywhere(function, [&](Machine& machine) {
    Device* const device = Machine::Current();
    if (device == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    const CUresult result = body(machine, device);
    return result == CUDA_SUCCESS ? device->lost : result;
  });
}

// A function of the current context that answers nothing but its error once that is lost.
template <typename Body>
CUresult InWorkingContext(const char* function, Body body) {
  return InContext(function, [&](Machine& machine, Device* device) {
    return device->lost != CUDA_SUCCESS ? device->lost : body(machine, device);
  });
}

// A function that waits: it does so even where it is told to fail, as it reports errors of the work that it waited for.
template <typename Body>
CUresult AfterWaiting(const char* function, Body body) {
  const Inside inside(function);
  const Fate fate = Machine::Get().faults().Next(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  if (Machine::Current() == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  const CUresult result = body(Machine::Get(), Machine::Current());
  const CUresult fault = Suffer(fate);
  return fault != CUDA_SUCCESS ? fault : result;
}

// A function that frees: it does so even where it is told to fail, so that a fault leaves nothing behind for the next test.
template <typename Body>
CUresult Release(const char* function, Body body) {
  const Inside inside(function);
  const Fate fate = Machine::Get().faults().Next(function);
  const std::lock_guard<std::recursive_mutex> lock(Machine::Get().mutex());
  const CUresult fault = Suffer(fate);
  if (Machine::Current() == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  body(Machine::Get());
  return fault != CUDA_SUCCESS ? fault : Machine::Current()->lost;
}

inline void RequireCurrent(const char* function, const Device* owner) {
  if (owner == Machine::Current()) return;
  Die(std::string(function) + " on something of device " + std::to_string(owner->ordinal) +
      " while the context of another is current");
}

}  // namespace stub
