#include "stub_machine.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "check.h"
#include "driver/api.h"

namespace sanitize {
namespace {

stub::DriverApi* Driver() {
  static stub::DriverApi* const driver = [] {
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw Failure(dlerror());
    const auto entry =
        reinterpret_cast<stub::DriverApi* (*)()>(dlsym(library, "trtNodeStubDriver"));
    if (entry == nullptr) throw Failure("libcuda.so.1 is not the stub driver");
    return entry();
  }();
  return driver;
}

long NumberAfter(const std::string& text, const std::string& name, long otherwise) {
  const std::string quoted = '"' + name + "\":";
  const size_t at = text.find(quoted);
  return at == std::string::npos ? otherwise : std::atol(text.c_str() + at + quoted.size());
}

}  // namespace

void SetFaults(const std::string& specification) { Driver()->SetFaults(specification); }

int CallsOf(const std::string& function) {
  const std::string report = Driver()->ReportJson();
  return static_cast<int>(NumberAfter(report.substr(report.find("\"calls\"")), function, 0));
}

std::string Held() {
  const std::string report = Driver()->ReportJson();
  return report.substr(0, report.find("\"calls\""));
}

long PinnedBytesHeld() { return NumberAfter(Held(), "pinnedBytes", -1); }

void ExpectNothingHeld(const std::string& after) {
  const std::string held = Held();
  for (const char* name :
       {"usedBytes", "allocations", "pinnedBytes", "streams", "events", "graphs"}) {
    const std::string wanted = std::string("\"") + name + "\":";
    for (size_t at = held.find(wanted); at != std::string::npos; at = held.find(wanted, at + 1)) {
      const char next = held[at + wanted.size()];
      if (next != '0') throw Failure("after " + after + " is held: " + held);
    }
  }
}

trtnode::ByteBlock PlanOf(const std::string& lines) {
  constexpr size_t kHeader = 28;
  const std::string text = lines + "end\n";
  trtnode::ByteBlock plan(kHeader + text.size());
  std::memset(plan.data(), 0, kHeader);
  std::memcpy(plan.data(), "ftrt", 4);
  plan.data()[24] = 10;
  plan.data()[25] = 6;
  std::memcpy(plan.data() + kHeader, text.data(), text.size());
  return plan;
}

const char* const kIdentity =
    "input x 0 -1 -\n"
    "output y 0 -1 - x dim:x:0 - 256\n"
    "profile\nrange x 0 8 16777216\n"
    "memory 4096 8192\n";

const char* const kRefittable =
    "input x 0 -1 -\n"
    "output y 0 -1 - x dim:x:0 - 256\n"
    "output w 0 1 - weight 1 - 256\n"
    "profile\nrange x 0 8 16777216\n"
    "memory 4096 8192\n"
    "weights weight 0 1 =%00%00%80%3f\n"  // 1.0
    "refit all\n";

const char* const kPair =
    "input a 0 -1 -\n"
    "input b 0 -1 -\n"
    "output y 0 -1 - a dim:a:0 - 256\n"
    "output z 0 -1 - b dim:b:0 - 256\n"
    "profile\nrange a 0 8 4096\nrange b 0 8 4096\n"
    "memory 4096 8192\n";

const char* const kEverything =
    "input x 0 -1 -\n"
    "input rows 8 1 host,shape\n"
    "output same 0 -1 - x dim:x:0 - 256\n"
    "output some 0 -1 without-zeros x nonzero:x - 256\n"
    "output first 0 -1 - x value:rows:0 - 256\n"
    "profile\nrange x 1 2 4096\nrange rows 1 1 1\nvalues 0 1 4096\n"
    "memory 4096 8192\n";

}  // namespace sanitize
