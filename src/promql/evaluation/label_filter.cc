#include "promql/evaluation/label_filter.h"

#include <algorithm>

#include "promql/evaluation/evaluator.h"

namespace sightline::promql {
namespace {

void append_sized(std::string& to, std::string_view text) {
  size_t n = text.size();
  for (; n >= 0x80; n >>= 7) to += static_cast<char>((n & 0x7f) | 0x80);
  to += static_cast<char>(n);
  to += text;
}

}  // namespace

void append_packed(std::string& to, const model::LabelView& label) {
  append_sized(to, label.name);
  append_sized(to, label.value);
}

bool LabelFilter::keeps(std::string_view name) const {
  const bool listed = std::ranges::find(names_, name) != names_.end();
  switch (mode_) {
    case Mode::kKeep: return listed;
    case Mode::kDrop: return !listed && name != model::kMetricName;
    case Mode::kDropIdentity: break;
  }
  return !listed && !is_identity_label(name);
}

void LabelFilter::key(const model::Labels& labels, std::string& key) const {
  key.clear();
  if (mode_ == Mode::kKeep && names_.empty()) return;
  for (const model::LabelView label : labels)
    if (keeps(label.name)) append_packed(key, label);
}

model::Labels LabelFilter::apply(const model::Labels& labels) const {
  std::string packed;
  key(labels, packed);
  return model::Labels::from_packed(std::move(packed));
}

}  // namespace sightline::promql
