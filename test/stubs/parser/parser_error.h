// TEST ONLY. What the stub parser says of a model that it cannot read.
#pragma once

#include <NvOnnxParser.h>

#include <string>

namespace stub {

class ParserErrorStub final : public nvonnxparser::IParserError {
 public:
  ParserErrorStub(nvonnxparser::ErrorCode code, std::string what, int node = -1,
                  std::string name = "", std::string op = "")
      : code_(code),
        what_(std::move(what)),
        node_(node),
        name_(std::move(name)),
        op_(std::move(op)) {}

  nvonnxparser::ErrorCode code() const override { return code_; }
  const char* desc() const override { return what_.c_str(); }
  const char* file() const override { return "stub"; }
  int line() const override { return 1; }
  const char* func() const override { return "stub"; }
  int node() const override { return node_; }
  const char* nodeName() const override { return name_.c_str(); }
  const char* nodeOperator() const override { return op_.c_str(); }
  const char* const* localFunctionStack() const override { return nullptr; }
  int32_t localFunctionStackSize() const override { return 0; }

 private:
  nvonnxparser::ErrorCode code_;
  std::string what_;
  int node_;
  std::string name_;
  std::string op_;
};

}  // namespace stub
