// A request: words `key=value`, as bench/floor-peer.mjs sends them.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace trtnode_floor {

class Request {
 public:
  explicit Request(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      const size_t at = word.find('=');
      if (at == std::string::npos) throw std::runtime_error("expected key=value, found " + word);
      values_[word.substr(0, at)] = word.substr(at + 1);
    }
  }

  bool Has(const std::string& key) const { return values_.contains(key); }

  const std::string& Text(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) throw std::runtime_error("the request has no " + key);
    return found->second;
  }

  std::string Text(const std::string& key, const std::string& otherwise) const {
    return Has(key) ? Text(key) : otherwise;
  }

  int Integer(const std::string& key, int otherwise) const {
    return Has(key) ? std::stoi(Text(key)) : otherwise;
  }

  double Number(const std::string& key, double otherwise) const {
    return Has(key) ? std::stod(Text(key)) : otherwise;
  }

  // `1x3x224x224`
  std::vector<int64_t> Dims(const std::string& key) const {
    std::vector<int64_t> dims;
    const std::string& text = Text(key);
    for (size_t at = 0; at < text.size();) {
      size_t length = 0;
      dims.push_back(std::stoll(text.substr(at), &length));
      at += length + 1;
    }
    return dims;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace trtnode_floor
