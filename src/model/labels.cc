#include "model/labels.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::model {
namespace {

// Trusted reading of packed bytes: lengths were checked when they were built.
std::string_view take_sized(const char*& at) {
  uint64_t n = 0;
  unsigned shift = 0;
  if (const auto first = static_cast<uint8_t>(*at); first < 0x80) {
    const std::string_view out(at + 1, first);
    at += 1 + first;
    return out;
  }
  for (;;) {
    const auto b = static_cast<uint8_t>(*at++);
    n |= static_cast<uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) break;
    shift += 7;
  }
  const std::string_view bytes(at, n);
  at += n;
  return bytes;
}

bool is_name_char(char c, bool first, bool colon) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

bool is_name(std::string_view name, bool colon) {
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i)
    if (!is_name_char(name[i], i == 0, colon)) return false;
  return true;
}

auto find_name(auto& pairs, std::string_view name) {
  return std::lower_bound(pairs.begin(), pairs.end(), name,
                          [](const auto& pair, std::string_view n) { return pair.first < n; });
}

}  // namespace

void Labels::Iterator::step() {
  if (next_ == end_) {
    *this = Iterator();
    return;
  }
  at_ = next_;
  current_.name = take_sized(next_);
  current_.value = take_sized(next_);
}

size_t Labels::size() const {
  size_t n = 0;
  for (auto it = begin(); it != end(); ++it) ++n;
  return n;
}

std::string_view Labels::get(std::string_view name) const {
  for (const LabelView label : *this)
    if (label.name == name) return label.value;
  return {};
}

bool Labels::has(std::string_view name) const {
  for (const LabelView label : *this)
    if (label.name == name) return true;
  return false;
}

bool Labels::is_packed(std::string_view bytes) {
  ByteReader reader(bytes);
  std::string_view previous;
  bool first = true;
  while (!reader.at_end()) {
    const std::string_view name = reader.sized();
    const std::string_view value = reader.sized();
    if (!reader.ok() || value.empty() || (!first && name <= previous)) return false;
    previous = name;
    first = false;
  }
  return reader.ok();
}

uint64_t Labels::hash() const { return xxh3(packed_); }

std::string Labels::to_string() const {
  std::string out(metric_name());
  bool open = false;
  for (const LabelView label : *this) {
    if (label.name == kMetricName) continue;
    out += open ? ", " : "{";
    open = true;
    out += label.name;
    out += "=\"";
    for (const char c : label.value) {
      if (c == '"' || c == '\\') out += '\\';
      if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
    out += '"';
  }
  if (open)
    out += '}';
  else if (out.empty())
    out = "{}";
  return out;
}

std::strong_ordering operator<=>(const Labels& a, const Labels& b) {
  const std::string_view p = a.packed_;
  const std::string_view q = b.packed_;
  const size_t shorter = std::min(p.size(), q.size());
  size_t same = 0;  // bytes that agree, by words
  for (uint64_t u = 0, v = 0; same + 8 <= shorter; same += 8) {
    std::memcpy(&u, p.data() + same, 8);
    std::memcpy(&v, q.data() + same, 8);
    if (u != v) break;
  }
  // Pairs that lie within them are equal.
  const char* x = p.data();
  while (x != p.data() + p.size()) {
    const char* next = x;
    take_sized(next);
    take_sized(next);
    if (static_cast<size_t>(next - p.data()) > same) break;
    x = next;
  }
  const char* y = q.data() + (x - p.data());
  const char* const x_end = p.data() + p.size();
  const char* const y_end = q.data() + q.size();
  for (; x != x_end && y != y_end;) {
    for (int part = 0; part < 2; ++part) {  // name, value
      const std::string_view mine = take_sized(x);
      const std::string_view other = take_sized(y);
      if (const auto order = mine <=> other; order != 0) return order;
    }
  }
  if (x != x_end) return std::strong_ordering::greater;
  return y != y_end ? std::strong_ordering::less : std::strong_ordering::equal;
}

LabelsBuilder::LabelsBuilder(const Labels& base) {
  for (const LabelView label : base) pairs_.emplace_back(label.name, label.value);
}

LabelsBuilder& LabelsBuilder::set(std::string_view name, std::string_view value) {
  if (value.empty()) return remove(name);
  const auto at = find_name(pairs_, name);
  if (at != pairs_.end() && at->first == name)
    at->second = value;
  else
    pairs_.emplace(at, name, value);
  return *this;
}

LabelsBuilder& LabelsBuilder::remove(std::string_view name) {
  const auto at = find_name(pairs_, name);
  if (at != pairs_.end() && at->first == name) pairs_.erase(at);
  return *this;
}

std::string_view LabelsBuilder::get(std::string_view name) const {
  const auto at = find_name(pairs_, name);
  return at != pairs_.end() && at->first == name ? std::string_view(at->second)
                                                 : std::string_view();
}

Labels LabelsBuilder::build() const {
  std::string packed;
  size_t bytes = 0;
  for (const auto& [name, value] : pairs_) bytes += name.size() + value.size() + 4;
  packed.reserve(bytes);
  for (const auto& [name, value] : pairs_) {
    append_sized(packed, name);
    append_sized(packed, value);
  }
  return Labels::from_packed(std::move(packed));
}

Labels make_labels(std::initializer_list<LabelView> pairs) {
  LabelsBuilder builder;
  for (const LabelView& pair : pairs) builder.set(pair.name, pair.value);
  return builder.build();
}

bool is_valid_label_name_legacy(std::string_view name) { return is_name(name, false); }
bool is_valid_metric_name_legacy(std::string_view name) { return is_name(name, true); }

}  // namespace sightline::model
