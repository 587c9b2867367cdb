// What TensorRT's ONNX parser gets to see of a model: its bytes, and a private folder in place of the model's own. It must live
// as long as the network, as newer parsers map external data into memory and read it while they build.
#pragma once

#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/file.h"
#include "trt/types.h"

namespace trtnode {

// The parser opens external data by itself, and follows links wherever they lead. So each file is opened and checked here, and
// the parser finds it under its name in the private folder, as a link to the open file, and finds nothing else there.
class StagedModel {
 public:
  // Throws Error(kExternalData | kWrite), Error(kOnnxNotFound | kOnnxInvalid) when the model is gone or another one by now.
  explicit StagedModel(const ModelFile& model);

  const ByteBlock& bytes() const { return bytes_; }
  // Where the parser believes the model to be, as it looks for external data beside it. No file of ours.
  const std::string& path() const { return path_; }

  // Frees the bytes, once they are parsed.
  void ReleaseBytes() { bytes_.Reset(); }

  // Throws Error(kExternalData) with `reason` changed when a file was written to after it was examined.
  void RequireUnchanged() const;

 private:
  struct Lent {
    ExternalFile file;
    Descriptor descriptor;
  };
  ByteBlock bytes_;
  std::string path_;
  std::vector<Lent> external_data_;
};

}  // namespace trtnode
