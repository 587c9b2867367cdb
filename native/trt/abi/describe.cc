// TensorRT's values in our own terms.
#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {

trt::Dims ToTrt(const Dims& dims) {
  trt::Dims result{};
  result.nbDims = static_cast<int32_t>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) result.d[i] = dims[i];
  return result;
}

Dims FromTrt(const trt::Dims& dims) {
  return dims.nbDims > 0 ? Dims(dims.d, dims.d + dims.nbDims) : Dims();
}

DataType FromTrt(trt::DataType type) {
  // No default: a type that a newer header adds is a compile error here.
  switch (type) {
    case trt::DataType::kFLOAT:
      return DataType::kFloat32;
    case trt::DataType::kHALF:
      return DataType::kFloat16;
    case trt::DataType::kINT8:
      return DataType::kInt8;
    case trt::DataType::kINT32:
      return DataType::kInt32;
    case trt::DataType::kBOOL:
      return DataType::kBool;
    case trt::DataType::kUINT8:
      return DataType::kUint8;
    case trt::DataType::kFP8:
      return DataType::kFloat8E4M3Fn;
    case trt::DataType::kBF16:
      return DataType::kBfloat16;
    case trt::DataType::kINT64:
      return DataType::kInt64;
    case trt::DataType::kINT4:
      return DataType::kInt4;
    case trt::DataType::kFP4:
      return DataType::kFloat4E2M1;
    case trt::DataType::kE8M0:
      return DataType::kFloat8E8M0;
  }
  throw Error(ErrorCode::kUnsupported, "TensorRT reports data type " +
                                           std::to_string(static_cast<int>(type)) +
                                           ", which this version of trt-node does not know");
}

std::string LayerTypeName(trt::LayerType type) {
  static constexpr const char* kNames[] = {"Convolution",
                                           "Cast",
                                           "Activation",
                                           "Pooling",
                                           "LRN",
                                           "Scale",
                                           "Softmax",
                                           "Deconvolution",
                                           "Concatenation",
                                           "ElementWise",
                                           "Plugin",
                                           "Unary",
                                           "Padding",
                                           "Shuffle",
                                           "Reduce",
                                           "TopK",
                                           "Gather",
                                           "MatrixMultiply",
                                           "RaggedSoftmax",
                                           "Constant",
                                           "Identity",
                                           "PluginV2",
                                           "Slice",
                                           "Shape",
                                           "ParametricReLU",
                                           "Resize",
                                           "TripLimit",
                                           "Recurrence",
                                           "Iterator",
                                           "LoopOutput",
                                           "Select",
                                           "Fill",
                                           "Quantize",
                                           "Dequantize",
                                           "Condition",
                                           "ConditionalInput",
                                           "ConditionalOutput",
                                           "Scatter",
                                           "Einsum",
                                           "Assertion",
                                           "OneHot",
                                           "NonZero",
                                           "GridSample",
                                           "NMS",
                                           "ReverseSequence",
                                           "Normalization",
                                           "PluginV3",
                                           "Squeeze",
                                           "Unsqueeze",
                                           "Cumulative",
                                           "DynamicQuantize",
                                           "AttentionInput",
                                           "AttentionOutput",
                                           "RotaryEmbedding",
                                           "KVCacheUpdate",
                                           "MoE",
                                           "DistCollective"};
  static_assert(static_cast<int>(trt::LayerType::kCONVOLUTION) == 0);
  static_assert(static_cast<int>(trt::LayerType::kCONSTANT) == 19);
  static_assert(static_cast<int>(trt::LayerType::kNORMALIZATION) == 45);
  static_assert(static_cast<size_t>(trt::LayerType::kDIST_COLLECTIVE) + 1 == std::size(kNames));
  const auto index = static_cast<size_t>(type);
  // A library newer than the headers may have layers that no header named.
  return index < std::size(kNames) ? kNames[index] : "Layer" + std::to_string(index);
}

TensorInfo DescribeNetworkTensor(const trt::ITensor& tensor) {
  TensorInfo info;
  info.name = tensor.getName();
  info.type = FromTrt(tensor.getType());
  info.dims = FromTrt(tensor.getDimensions());
  info.is_shape_tensor = tensor.isShapeTensor();
  return info;
}

std::vector<LayerInfo> DescribeLayers(const trt::INetworkDefinition& network) {
  std::vector<LayerInfo> layers;
  const int count = network.getNbLayers();
  layers.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    const trt::ILayer& layer = *network.getLayer(i);
    LayerInfo info{layer.getName(), LayerTypeName(layer.getType()), {}};
    for (int output = 0; output < layer.getNbOutputs(); ++output) {
      const trt::ITensor* tensor = layer.getOutput(output);
      if (tensor != nullptr)
        info.output_types.emplace_back(DataTypeName(FromTrt(tensor->getType())));
    }
    layers.push_back(std::move(info));
  }
  return layers;
}

}  // namespace trtnode::TRT_NODE_ABI
