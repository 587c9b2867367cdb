// What TensorRT's ONNX parser gets to see of a model: its bytes, and a private folder in place of the model's own.
#pragma once

#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/file.h"
#include "trt/types.h"

namespace trtnode {

// The parser opens external data by itself, and follows links wherever they lead. So each file is opened and checked here, and
// the parser finds it under its name in the private folder, as a link to the open file. Nothing else is in there.
class StagedModel {
 public:
  // Throws Error(kExternalData | kWrite), Error(kOnnxNotFound | kOnnxInvalid) when the model is gone or another one by now.
  explicit StagedModel(const BuildSpec& spec);

  const ByteBlock& bytes() const { return bytes_; }
  // No file is there: its folder is what the parser needs.
  const std::string& path() const { return path_; }

 private:
  ByteBlock bytes_;
  std::string path_;
  std::vector<Descriptor> external_data_;
};

}  // namespace trtnode
