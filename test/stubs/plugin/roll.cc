// TEST ONLY. A plugin library for a real TensorRT 10, as IPluginRegistry::loadLibrary takes it: TrtNodeTestRoll moves the first
// dimension of a float32 tensor on by `shift`, as numpy.roll does, and asks for `workspace` bytes that it does not use. Copies of the driver do it: neither nvcc nor CUDA's runtime
// is needed to compile it, and nothing of TensorRT is linked.
#include <NvInfer.h>
#include <cuda.h>
#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

namespace {

namespace trt = nvinfer1;

constexpr const char* kName = "TrtNodeTestRoll";
constexpr const char* kVersion = "1";
constexpr const char* kNamespace = "";
constexpr const char* kShift = "shift";
constexpr const char* kWorkspace = "workspace";

constexpr int32_t kDone = 0;
constexpr int32_t kRefused = 1;

using Copy = decltype(&cuMemcpyDtoDAsync);

// The process has the driver open: TensorRT runs on it.
Copy FindCopy() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
  return driver == nullptr ? nullptr
                           : reinterpret_cast<Copy>(dlsym(driver, "cuMemcpyDtoDAsync_v2"));
}

class Roll final : public trt::IPluginV3,
                   public trt::IPluginV3OneCore,
                   public trt::IPluginV3OneBuild,
                   public trt::IPluginV3OneRuntime {
 public:
  Roll(int32_t shift, int32_t workspace) : shift_(shift), workspace_(workspace) {}

  // Fields point into the plugin that they belong to.
  Roll(const Roll&) = delete;
  Roll& operator=(const Roll&) = delete;

  // trt::IPluginV3
  trt::IPluginCapability* getCapabilityInterface(trt::PluginCapabilityType type) noexcept override {
    switch (type) {
      case trt::PluginCapabilityType::kCORE:
        return static_cast<trt::IPluginV3OneCore*>(this);
      case trt::PluginCapabilityType::kBUILD:
        return static_cast<trt::IPluginV3OneBuild*>(this);
      case trt::PluginCapabilityType::kRUNTIME:
        return static_cast<trt::IPluginV3OneRuntime*>(this);
    }
    return nullptr;
  }
  trt::IPluginV3* clone() noexcept override {
    return std::make_unique<Roll>(shift_, workspace_).release();
  }

  // trt::IPluginV3OneCore
  const char* getPluginName() const noexcept override { return kName; }
  const char* getPluginVersion() const noexcept override { return kVersion; }
  const char* getPluginNamespace() const noexcept override { return kNamespace; }

  // trt::IPluginV3OneBuild
  int32_t configurePlugin(const trt::DynamicPluginTensorDesc* inputs, int32_t input_count,
                          const trt::DynamicPluginTensorDesc* outputs,
                          int32_t output_count) noexcept override {
    return kDone;
  }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t getOutputDataTypes(trt::DataType* outputs, int32_t output_count,
                             const trt::DataType* inputs,
                             int32_t input_count) const noexcept override {
    if (input_count != 1 || output_count != 1) return kRefused;
    outputs[0] = inputs[0];
    return kDone;
  }
  int32_t getOutputShapes(const trt::DimsExprs* inputs, int32_t input_count,
                          const trt::DimsExprs* shape_inputs, int32_t shape_input_count,
                          trt::DimsExprs* outputs, int32_t output_count,
                          trt::IExprBuilder& builder) noexcept override {
    if (input_count != 1 || output_count != 1 || inputs[0].nbDims < 1) return kRefused;
    outputs[0] = inputs[0];
    return kDone;
  }
  bool supportsFormatCombination(int32_t position, const trt::DynamicPluginTensorDesc* tensors,
                                 int32_t input_count, int32_t output_count) noexcept override {
    const trt::PluginTensorDesc& tensor = tensors[position].desc;
    return tensor.type == trt::DataType::kFLOAT && tensor.format == trt::TensorFormat::kLINEAR;
  }

  size_t getWorkspaceSize(const trt::DynamicPluginTensorDesc* inputs, int32_t input_count,
                          const trt::DynamicPluginTensorDesc* outputs,
                          int32_t output_count) const noexcept override {
    return static_cast<size_t>(workspace_);
  }

  // trt::IPluginV3OneRuntime
  int32_t onShapeChange(const trt::PluginTensorDesc* inputs, int32_t input_count,
                        const trt::PluginTensorDesc* outputs,
                        int32_t output_count) noexcept override {
    return kDone;
  }
  int32_t enqueue(const trt::PluginTensorDesc* input_descs,
                  const trt::PluginTensorDesc* output_descs, const void* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    static const Copy copy = FindCopy();
    if (copy == nullptr) return kRefused;
    const trt::Dims& dims = input_descs[0].dims;
    const int64_t rows = dims.d[0];
    int64_t row_bytes = sizeof(float);
    for (int32_t i = 1; i < dims.nbDims; ++i) row_bytes *= dims.d[i];
    if (rows == 0 || row_bytes == 0) return kDone;
    const int64_t moved = (shift_ % rows + rows) % rows;
    const auto from = reinterpret_cast<CUdeviceptr>(inputs[0]);
    const auto to = reinterpret_cast<CUdeviceptr>(outputs[0]);
    const auto copy_rows = [&](int64_t source, int64_t target, int64_t count) {
      if (count == 0) return true;
      return copy(to + target * row_bytes, from + source * row_bytes, count * row_bytes,
                  reinterpret_cast<CUstream>(stream)) == CUDA_SUCCESS;
    };
    return copy_rows(0, moved, rows - moved) && copy_rows(rows - moved, 0, moved) ? kDone
                                                                                  : kRefused;
  }
  trt::IPluginV3* attachToContext(trt::IPluginResourceContext* context) noexcept override {
    return clone();
  }
  const trt::PluginFieldCollection* getFieldsToSerialize() noexcept override { return &fields_; }

 private:
  const int32_t shift_;
  const int32_t workspace_;
  const std::array<trt::PluginField, 2> fields_of_plan_{
      trt::PluginField{kShift, &shift_, trt::PluginFieldType::kINT32, 1},
      trt::PluginField{kWorkspace, &workspace_, trt::PluginFieldType::kINT32, 1}};
  const trt::PluginFieldCollection fields_{2, fields_of_plan_.data()};
};

// False where the field is there and is not one int32.
bool ReadField(const trt::PluginField& field, const char* name, std::optional<int32_t>* value) {
  if (std::strcmp(field.name, name) != 0) return true;
  if (field.type != trt::PluginFieldType::kINT32 || field.length != 1) return false;
  int32_t read = 0;
  std::memcpy(&read, field.data, sizeof(read));
  *value = read;
  return true;
}

class RollCreator final : public trt::IPluginCreatorV3One {
 public:
  // Of a node's attributes while a network is made, and of getFieldsToSerialize() while a plan is opened.
  trt::IPluginV3* createPlugin(const char* name, const trt::PluginFieldCollection* given,
                               trt::TensorRTPhase phase) noexcept override {
    if (given == nullptr) return nullptr;
    std::optional<int32_t> shift;
    std::optional<int32_t> workspace;
    for (int32_t i = 0; i < given->nbFields; ++i) {
      const trt::PluginField& field = given->fields[i];
      if (!ReadField(field, kShift, &shift) || !ReadField(field, kWorkspace, &workspace)) {
        return nullptr;
      }
    }
    if (shift) return std::make_unique<Roll>(*shift, workspace.value_or(0)).release();
    return nullptr;
  }
  const trt::PluginFieldCollection* getFieldNames() noexcept override { return &fields_; }
  const char* getPluginName() const noexcept override { return kName; }
  const char* getPluginVersion() const noexcept override { return kVersion; }
  const char* getPluginNamespace() const noexcept override { return kNamespace; }

 private:
  const std::array<trt::PluginField, 2> names_{
      trt::PluginField{kShift, nullptr, trt::PluginFieldType::kINT32, 1},
      trt::PluginField{kWorkspace, nullptr, trt::PluginFieldType::kINT32, 1}};
  const trt::PluginFieldCollection fields_{2, names_.data()};
};

}  // namespace

extern "C" __attribute__((visibility("default"))) void setLoggerFinder(trt::ILoggerFinder*) {}

extern "C" __attribute__((visibility("default"))) trt::IPluginCreatorInterface* const* getCreators(
    int32_t& count) {
  // TensorRT keeps them for as long as the library is open.
  static RollCreator creator;
  static const std::array<trt::IPluginCreatorInterface*, 1> creators{&creator};
  count = static_cast<int32_t>(creators.size());
  return creators.data();
}
