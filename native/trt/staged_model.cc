#include "trt/staged_model.h"

#include <filesystem>

#include "core/contained_file.h"
#include "core/error.h"

namespace trtnode {
namespace {

void Link(const std::filesystem::path& stage, const std::string& location, const Descriptor& file) {
  const std::filesystem::path link = (stage / location).lexically_normal();
  std::filesystem::create_directories(link.parent_path());
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(file.get()), link);
}

}  // namespace

StagedModel::StagedModel(const BuildSpec& spec)
    : path_((std::filesystem::path(spec.stage) / "model.onnx").string()) {
  FileDigest digest;
  try {
    bytes_ = ReadFile(spec.model_path, &digest);
  } catch (const Error& error) {
    throw Error(ErrorCode::kOnnxNotFound, error.message()).With("path", spec.model_path);
  }
  if (digest.sha256 != spec.model_sha256) {
    throw Error(ErrorCode::kOnnxInvalid,
                spec.model_path +
                    " was changed or replaced after it was examined. Leave the model alone until "
                    "it is built, and build again")
        .With("path", spec.model_path)
        .With("reason", std::string("changed"));
  }
  for (const auto& [location, identity] : spec.external_data.files) {
    Descriptor file = ReopenContained(spec.external_data.folder, location, identity);
    try {
      Link(spec.stage, location, file);
    } catch (const std::filesystem::filesystem_error& error) {
      throw Error(ErrorCode::kWrite, "cannot lend \"" + location +
                                         "\" to TensorRT's parser: " + error.code().message())
          .With("path", spec.stage);
    }
    external_data_.push_back(std::move(file));
  }
}

}  // namespace trtnode
