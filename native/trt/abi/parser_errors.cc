// What TensorRT's ONNX parser says of a model.
#include "trt/abi/adapters.h"

namespace trtnode::TRT_NODE_ABI {
namespace {

const char* CodeName(onnx::ErrorCode code) {
  switch (code) {
    case onnx::ErrorCode::kSUCCESS:
      return "success";
    case onnx::ErrorCode::kINTERNAL_ERROR:
      return "internal-error";
    case onnx::ErrorCode::kMEM_ALLOC_FAILED:
      return "mem-alloc-failed";
    case onnx::ErrorCode::kMODEL_DESERIALIZE_FAILED:
      return "model-deserialize-failed";
    case onnx::ErrorCode::kINVALID_VALUE:
      return "invalid-value";
    case onnx::ErrorCode::kINVALID_GRAPH:
      return "invalid-graph";
    case onnx::ErrorCode::kINVALID_NODE:
      return "invalid-node";
    case onnx::ErrorCode::kUNSUPPORTED_GRAPH:
      return "unsupported-graph";
    case onnx::ErrorCode::kUNSUPPORTED_NODE:
      return "unsupported-node";
    case onnx::ErrorCode::kUNSUPPORTED_NODE_ATTR:
      return "unsupported-node-attr";
    case onnx::ErrorCode::kUNSUPPORTED_NODE_INPUT:
      return "unsupported-node-input";
    case onnx::ErrorCode::kUNSUPPORTED_NODE_DATATYPE:
      return "unsupported-node-datatype";
    case onnx::ErrorCode::kUNSUPPORTED_NODE_DYNAMIC:
      return "unsupported-node-dynamic";
    case onnx::ErrorCode::kUNSUPPORTED_NODE_SHAPE:
      return "unsupported-node-shape";
    case onnx::ErrorCode::kREFIT_FAILED:
      return "refit-failed";
  }
  return "unknown";  // of a TensorRT that is newer than the headers
}

std::string TextOf(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

ParserError DescribeParserError(const onnx::IParserError& error) {
  return {error.node(), TextOf(error.nodeName()), TextOf(error.nodeOperator()),
          CodeName(error.code()), TextOf(error.desc())};
}

std::string ParserErrorLine(const ParserError& error) {
  if (error.node < 0) return error.message;
  std::string line = "node " + std::to_string(error.node);
  if (!error.name.empty()) line += " \"" + error.name + "\"";
  if (!error.op.empty()) line += " (" + error.op + ")";
  return line + ": " + error.message;
}

}  // namespace trtnode::TRT_NODE_ABI
