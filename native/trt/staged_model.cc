#include "trt/staged_model.h"

#include <filesystem>

#include "core/contained_file.h"
#include "core/error.h"

namespace trtnode {
namespace {

void Link(const std::filesystem::path& stage, const std::string& location, const Descriptor& file) {
  // TypeScript refuses such locations; here they would make files outside of the stage.
  const std::filesystem::path inside = std::filesystem::path(location).lexically_normal();
  if (inside.empty() || inside.is_absolute() || *inside.begin() == "..") {
    throw Error(ErrorCode::kExternalData, "\"" + location + "\" is no place below a folder")
        .With("location", location)
        .With("reason", std::string("outside"));
  }
  const std::filesystem::path link = stage / inside;
  std::filesystem::create_directories(link.parent_path());
  std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(file.get()), link);
}

}  // namespace

StagedModel::StagedModel(const ModelFile& model)
    : path_((std::filesystem::path(model.stage) / "model.onnx").string()) {
  FileDigest digest;
  try {
    bytes_ = ReadFile(model.path, &digest);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kEngineNotFound) throw;
    throw Error(ErrorCode::kOnnxNotFound, error.message()).With("path", model.path);
  }
  if (digest.sha256 != model.sha256) {
    throw Error(ErrorCode::kOnnxInvalid,
                model.path +
                    " was changed or replaced after it was examined. Leave the model alone until "
                    "it is built, and build again")
        .With("path", model.path)
        .With("reason", std::string("changed"));
  }
  for (const ExternalFile& file : model.external_data.files) {
    Descriptor opened = OpenContained(model.external_data.folder, file.location);
    try {
      Link(model.stage, file.location, opened);
    } catch (const std::filesystem::filesystem_error& error) {
      throw Error(ErrorCode::kWrite, "cannot lend \"" + file.location +
                                         "\" to TensorRT's parser: " + error.code().message())
          .With("path", model.stage);
    }
    external_data_.push_back({file, std::move(opened)});
  }
  RequireUnchanged();
}

void StagedModel::RequireUnchanged() const {
  for (const auto& [file, descriptor] : external_data_) {
    RequireIdentity(descriptor, file.location, file.identity);
  }
}

}  // namespace trtnode
