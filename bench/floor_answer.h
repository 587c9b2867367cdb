// An answer of the floor's: JSON, field by field.
#pragma once

#include <sstream>
#include <string>
#include <vector>

namespace trtnode_floor {

inline std::string Json(const std::vector<double>& values) {
  std::ostringstream text;
  text.precision(9);
  for (size_t i = 0; i < values.size(); ++i) text << (i == 0 ? "[" : ",") << values[i];
  return values.empty() ? "[]" : text.str() + "]";
}

inline std::string Json(const std::string& words) {
  std::string text = "\"";
  for (const char c : words) {
    if (c == '"' || c == '\\') text += '\\';
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return text + "\"";
}

inline std::string Field(const std::string& name, const std::string& json) {
  return "\"" + name + "\":" + json;
}

inline std::string Field(const std::string& name, double value) {
  std::ostringstream text;
  text.precision(9);
  text << value;
  return Field(name, text.str());
}

}  // namespace trtnode_floor
