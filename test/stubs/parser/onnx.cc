#include "parser/onnx.h"

#include <fstream>
#include <stdexcept>
#include <string_view>

namespace stub::onnx {
namespace {

// The fields of a message of protocol buffers, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  bool Next() {
    if (bytes_.empty()) return false;
    const uint64_t key = Varint();
    number_ = static_cast<int>(key >> 3);
    switch (key & 7) {
      case 0:
        value_ = Varint();
        return true;
      case 1:
        content_ = Take(8);
        return true;
      case 2:
        content_ = Take(Varint());
        return true;
      case 5:
        content_ = Take(4);
        return true;
      default:
        throw std::invalid_argument("not a message");
    }
  }
  int number() const { return number_; }
  int64_t value() const { return static_cast<int64_t>(value_); }
  std::string_view content() const { return content_; }
  std::string text() const { return std::string(content_); }
  // A repeated number: packed, or one at a time.
  std::vector<int64_t> Numbers() {
    if (content_.empty()) return {value()};
    std::vector<int64_t> numbers;
    Fields packed(content_);
    while (!packed.bytes_.empty()) numbers.push_back(static_cast<int64_t>(packed.Varint()));
    return numbers;
  }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(Take(1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw std::invalid_argument("not a number");
  }
  std::string_view Take(uint64_t size) {
    if (size > bytes_.size()) throw std::invalid_argument("truncated");
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes_;
  int number_ = 0;
  uint64_t value_ = 0;
  std::string_view content_;
};

void ReadExternal(const std::string& folder, const std::vector<std::string_view>& entries,
                  Tensor* tensor) {
  std::string location;
  uint64_t offset = 0;
  uint64_t length = 0;
  for (const std::string_view entry : entries) {
    std::string key;
    std::string value;
    for (Fields fields(entry); fields.Next();) {
      (fields.number() == 1 ? key : value) = fields.text();
    }
    if (key == "location") location = value;
    if (key == "offset") offset = std::stoull(value);
    if (key == "length") length = std::stoull(value);
  }
  std::ifstream file(folder + location, std::ios::binary);
  tensor->data.resize(length);
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(tensor->data.data(), static_cast<std::streamsize>(length))) {
    throw std::invalid_argument("external data is missing");
  }
}

Tensor ReadTensor(std::string_view bytes, const std::string& folder) {
  Tensor tensor;
  std::vector<std::string_view> external;
  for (Fields fields(bytes); fields.Next();) {
    if (fields.number() == 1) {
      for (const int64_t dim : fields.Numbers()) tensor.dims.push_back(dim);
    }
    if (fields.number() == 2) tensor.type = static_cast<int>(fields.value());
    if (fields.number() == 8) tensor.name = fields.text();
    if (fields.number() == 9) tensor.data = fields.text();
    if (fields.number() == 13) external.push_back(fields.content());
  }
  if (!external.empty()) ReadExternal(folder, external, &tensor);
  return tensor;
}

int64_t ReadDim(std::string_view bytes) {
  int64_t dim = -1;
  for (Fields fields(bytes); fields.Next();) {
    if (fields.number() == 1) dim = fields.value();
  }
  return dim;
}

Value ReadValue(std::string_view bytes) {
  Value value;
  for (Fields fields(bytes); fields.Next();) {
    if (fields.number() == 1) value.name = fields.text();
    if (fields.number() != 2) continue;
    for (Fields type(fields.content()); type.Next();) {
      if (type.number() != 1) continue;
      for (Fields tensor(type.content()); tensor.Next();) {
        if (tensor.number() == 1) value.type = static_cast<int>(tensor.value());
        if (tensor.number() != 2) continue;
        for (Fields shape(tensor.content()); shape.Next();) {
          if (shape.number() == 1) value.dims.push_back(ReadDim(shape.content()));
        }
      }
    }
  }
  return value;
}

Node ReadNode(std::string_view bytes) {
  Node node;
  for (Fields fields(bytes); fields.Next();) {
    if (fields.number() == 1) node.inputs.push_back(fields.text());
    if (fields.number() == 2) node.outputs.push_back(fields.text());
    if (fields.number() == 3) node.name = fields.text();
    if (fields.number() == 4) node.op = fields.text();
    if (fields.number() == 7) node.domain = fields.text();
  }
  return node;
}

}  // namespace

std::optional<Model> ReadModel(const void* bytes, size_t size, const char* path) {
  std::string folder = path == nullptr ? "" : path;
  folder.resize(folder.find_last_of('/') + 1);
  try {
    Model model;
    bool found = false;
    for (Fields fields({static_cast<const char*>(bytes), size}); fields.Next();) {
      if (fields.number() != 7) continue;
      found = true;
      for (Fields graph(fields.content()); graph.Next();) {
        if (graph.number() == 1) model.nodes.push_back(ReadNode(graph.content()));
        if (graph.number() == 5) model.initializers.push_back(ReadTensor(graph.content(), folder));
        if (graph.number() == 11) model.inputs.push_back(ReadValue(graph.content()));
        if (graph.number() == 12) model.outputs.push_back(ReadValue(graph.content()));
      }
    }
    if (!found) return std::nullopt;
    return model;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace stub::onnx
