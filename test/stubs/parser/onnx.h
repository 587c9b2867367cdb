// TEST ONLY. As much of an ONNX file as the stub parser needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stub::onnx {

struct Tensor {
  std::string name;
  int type = 0;  // TensorProto.DataType
  std::vector<int64_t> dims;
  std::string data;
};

struct Value {
  std::string name;
  int type = 0;
  std::vector<int64_t> dims;  // -1: not fixed
};

struct Node {
  std::string name;
  std::string op;
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

struct Model {
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
};

// None where the bytes are no model. External data lies beside `path`.
std::optional<Model> ReadModel(const void* bytes, size_t size, const char* path);

}  // namespace stub::onnx
