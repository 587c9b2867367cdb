// TEST ONLY.
#pragma once

#include <utility>

namespace stub {

// An API class of TensorRT's around one of ours, which does its work.
template <typename Api, typename Implementation>
class Wrapped final : public Api {
 public:
  template <typename... Arguments>
  explicit Wrapped(Arguments&&... arguments)
      : implementation_(std::forward<Arguments>(arguments)...) {
    this->mImpl = &implementation_;
  }

  Implementation& implementation() { return implementation_; }
  const Implementation& implementation() const { return implementation_; }

 private:
  Implementation implementation_;
};

}  // namespace stub
