// TEST ONLY. The stub driver from the other side: faults, and what is held of it. And plans of the stub TensorRT 10.
#pragma once

#include <string>

#include "core/file.h"

namespace sanitize {

// See test/stubs/driver/faults.h. Counts all calls anew and makes a lost context good again.
void SetFaults(const std::string& specification);

// How often a function was called since.
int CallsOf(const std::string& function);

// The report without its calls.
std::string Held();
long PinnedBytesHeld();
// Throws unless all of the machine has been given back.
void ExpectNothingHeld(const std::string& after);

// Lines as test/support/stub-plans.ts writes them.
trtnode::ByteBlock PlanOf(const std::string& lines);

// y is x: any number of floats.
extern const char* const kIdentity;
// The same with a weight of one float beside it, as output w, that can be refitted.
extern const char* const kRefittable;
// y, z are a, b.
extern const char* const kPair;
// A shape tensor, dims that it decides, and dims that the data decides.
extern const char* const kEverything;

}  // namespace sanitize
