// TEST ONLY. Just enough JSON to write down what a builder was told.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace stub::json {

inline std::string Text(const std::string& text) {
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') quoted += '\\';
    if (static_cast<unsigned char>(character) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", character);
      quoted += escape;
    } else {
      quoted += character;
    }
  }
  return quoted + '"';
}

inline std::string Flag(bool value) { return value ? "true" : "false"; }

inline std::string List(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ",") + value;
  return "[" + list + "]";
}

inline std::string Texts(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) quoted.push_back(Text(value));
  return List(quoted);
}

// Values are JSON themselves.
inline std::string Object(const std::map<std::string, std::string>& values) {
  std::string object;
  for (const auto& [key, value] : values) {
    object += (object.empty() ? "" : ",") + Text(key) + ":" + value;
  }
  return "{" + object + "}";
}

inline std::string Hex(const unsigned char* bytes, size_t size) {
  std::string hex;
  char digits[3];
  for (size_t i = 0; i < size; ++i) {
    std::snprintf(digits, sizeof(digits), "%02x", bytes[i]);
    hex += digits;
  }
  return hex;
}

}  // namespace stub::json
