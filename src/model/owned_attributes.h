#pragma once
// A copy of some attributes that owns its text.
//   Ownership  move only; views of it live as long as it does, wherever it is moved.
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "model/span_batch.h"

namespace sightline::model {

class OwnedAttributes {
 public:
  OwnedAttributes() = default;
  explicit OwnedAttributes(std::span<const AttributeView> from) : views_(from.begin(), from.end()) {
    size_t bytes = 0;
    for (const AttributeView& a : from) bytes += a.key.size() + a.value.bytes.size();
    text_ = std::make_unique<char[]>(bytes);
    char* at = text_.get();
    const auto keep = [&](std::string_view& text) {
      if (!text.empty()) std::memcpy(at, text.data(), text.size());
      text = {at, text.size()};
      at += text.size();
    };
    for (AttributeView& a : views_) {
      keep(a.key);
      keep(a.value.bytes);
    }
  }
  const std::vector<AttributeView>& views() const { return views_; }
  bool empty() const { return views_.empty(); }

 private:
  std::unique_ptr<char[]> text_;
  std::vector<AttributeView> views_;
};

}  // namespace sightline::model
