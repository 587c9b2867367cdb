// A model's external data: files that an untrusted model names, and that must not be any other files of this machine.
#pragma once

#include <string>

#include "core/descriptor.h"
#include "core/file.h"

namespace trtnode {

// Opens `location`, relative to `folder`, for reading, if what was opened is a regular file inside of that folder. Checked on
// the open file, so that nothing can be exchanged between check and use.
// Throws Error(kExternalData) whose detail `reason` is outside, hard-link, missing, not-a-file or unreadable.
Descriptor OpenContained(const std::string& folder, const std::string& location);

// What tells this state of this file from any other: where it is stored, its size, and when it last changed.
std::string IdentityOf(const Descriptor& file);

struct ContainedDigest {
  FileDigest digest;
  std::string identity;
};

// Throws as OpenContained does.
ContainedDigest HashContained(const std::string& folder, const std::string& location);

// OpenContained for a file that was seen before; another one, or another state of it, throws Error(kExternalData) with
// `reason` changed.
Descriptor ReopenContained(const std::string& folder, const std::string& location,
                           const std::string& identity);

}  // namespace trtnode
