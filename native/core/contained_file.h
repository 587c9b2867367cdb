// A model's external data: files that an untrusted model names, and that must not be any other files of this machine.
#pragma once

#include <string>

#include "core/descriptor.h"
#include "core/file.h"

namespace trtnode {

// Opens `location`, relative to `folder`, for reading, if it is a regular file inside of that folder. Found first and checked
// on what was found, so that nothing can be exchanged between check and use, and nothing else is opened.
// Throws Error(kExternalData) whose detail `reason` is outside, hard-link, missing, not-a-file or unreadable.
Descriptor OpenContained(const std::string& folder, const std::string& location);

// Throws Error(kExternalData) with `reason` changed when the file is not in that state any more.
void RequireIdentity(const Descriptor& file, const std::string& location,
                     const std::string& identity);

// Throws as OpenContained and HashOpenFile do.
HashedFile HashContained(const std::string& folder, const std::string& location,
                         const KeepGoing& keep_going);

}  // namespace trtnode
