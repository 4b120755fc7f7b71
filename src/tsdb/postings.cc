#include "tsdb/postings.h"

#include <algorithm>

#include "model/labels.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kFewMax = 16;

// Union of the values of m.name() for which `wanted` holds.
template <typename Wanted>
Roaring union_where(const PostingsSource& source, const std::string& name, std::string_view prefix,
                    Wanted wanted) {
  Roaring result;
  source.each_value(name, prefix, [&](std::string_view value) {
    if (wanted(value)) result |= source.with(name, value);
    return true;
  });
  return result;
}

Roaring union_of(const PostingsSource& source, const Matcher& m) {
  Roaring result;
  for (const std::string& value : m.set_matches()) result |= source.with(m.name(), value);
  return result;
}

// Series that have the label with a value the matcher takes; it does not take "".
Roaring holding(const PostingsSource& source, const Matcher& m) {
  if (m.op() == MatchOp::kEqual) return source.with(m.name(), m.value());
  if (m.op() == MatchOp::kRegex && !m.set_matches().empty()) return union_of(source, m);
  return union_where(source, m.name(), m.prefix(),
                     [&](std::string_view value) { return m.matches(value); });
}

// Series that have the label with a value the matcher refuses; it takes "".
Roaring breaking(const PostingsSource& source, const Matcher& m) {
  if (m.op() == MatchOp::kNotEqual) return source.with(m.name(), m.value());
  if (m.op() == MatchOp::kNotRegex && !m.set_matches().empty()) return union_of(source, m);
  return union_where(source, m.name(), {},
                     [&](std::string_view value) { return !m.matches(value); });
}

bool intersects(const PostingsSource& source, const std::string& name, std::string_view value,
                const Roaring& among) {
  return source.with(name, value).intersect(among);
}

}  // namespace

Roaring select_postings(const PostingsSource& source, std::span<const Matcher> matchers) {
  // Cheap and narrow ones first: equality, sets, then what has to look at every value.
  std::vector<const Matcher*> positive;
  for (const Matcher& m : matchers)
    if (!m.matches_empty()) positive.push_back(&m);
  const auto cost = [](const Matcher* m) {
    if (m->op() == MatchOp::kEqual) return 0;
    if (m->op() == MatchOp::kRegex && !m->set_matches().empty()) return 1;
    return m->prefix().empty() ? 3 : 2;
  };
  std::stable_sort(positive.begin(), positive.end(),
                   [&](auto* a, auto* b) { return cost(a) < cost(b); });
  Roaring result;
  if (positive.empty()) result = source.all();
  for (size_t i = 0; i < positive.size(); ++i) {
    if (i == 0)
      result = holding(source, *positive[i]);
    else
      result &= holding(source, *positive[i]);
    if (result.isEmpty()) return result;
  }
  for (const Matcher& m : matchers) {
    if (!m.matches_empty()) continue;
    result -= breaking(source, m);
    if (result.isEmpty()) return result;
  }
  return result;
}

std::vector<std::string> select_names(const PostingsSource& source,
                                      std::span<const Matcher> matchers) {
  if (matchers.empty()) return source.names();
  const Roaring among = select_postings(source, matchers);
  std::vector<std::string> result;
  if (among.isEmpty()) return result;
  for (std::string& name : source.names()) {
    bool found = false;
    source.each_value(name, {}, [&](std::string_view value) {
      found = intersects(source, name, value, among);
      return !found;
    });
    if (found) result.push_back(std::move(name));
  }
  return result;
}

std::vector<std::string> select_values(const PostingsSource& source, std::string_view name,
                                       std::span<const Matcher> matchers) {
  std::vector<std::string> result;
  const std::string own_name(name);
  const Roaring among = matchers.empty() ? Roaring() : select_postings(source, matchers);
  source.each_value(name, {}, [&](std::string_view value) {
    if (matchers.empty() || intersects(source, own_name, value, among)) result.emplace_back(value);
    return true;
  });
  return result;
}

void MutablePostings::List::add(uint32_t series) {
  if (many_ != nullptr) return many_->add(series);
  const auto at = std::lower_bound(few_.begin(), few_.end(), series);
  if (at != few_.end() && *at == series) return;
  if (few_.size() < kFewMax) {
    few_.insert(at, series);
    return;
  }
  many_ = std::make_unique<Roaring>(few_.size(), few_.data());
  few_ = {};
  many_->add(series);
}

void MutablePostings::List::remove(uint32_t series) {
  if (many_ != nullptr) return many_->remove(series);
  const auto at = std::lower_bound(few_.begin(), few_.end(), series);
  if (at != few_.end() && *at == series) few_.erase(at);
}

Roaring MutablePostings::List::bitmap() const {
  return many_ != nullptr ? *many_ : Roaring(few_.size(), few_.data());
}

void MutablePostings::add(uint32_t series, std::string_view packed_labels) {
  all_.add(series);
  for (const model::LabelView label : model::Labels::from_packed(std::string(packed_labels))) {
    auto name = names_.find(label.name);
    if (name == names_.end()) name = names_.emplace(std::string(label.name), Values()).first;
    auto value = name->second.find(label.value);
    if (value == name->second.end()) {
      value = name->second.emplace(std::string(label.value), List()).first;
      ++pair_count_;
    }
    value->second.add(series);
  }
}

void MutablePostings::remove(uint32_t series, std::string_view packed_labels) {
  all_.remove(series);
  for (const model::LabelView label : model::Labels::from_packed(std::string(packed_labels))) {
    const auto name = names_.find(label.name);
    if (name == names_.end()) continue;
    const auto value = name->second.find(label.value);
    if (value == name->second.end()) continue;
    value->second.remove(series);
    if (value->second.size() > 0) continue;
    name->second.erase(value);
    --pair_count_;
    if (name->second.empty()) names_.erase(name);
  }
}

Roaring MutablePostings::with(std::string_view name, std::string_view value) const {
  const auto values = names_.find(name);
  if (values == names_.end()) return {};
  const auto list = values->second.find(value);
  return list == values->second.end() ? Roaring() : list->second.bitmap();
}

void MutablePostings::each_value(std::string_view name, std::string_view prefix,
                                 const ValueVisitor& visit) const {
  const auto values = names_.find(name);
  if (values == names_.end()) return;
  for (auto at = values->second.lower_bound(prefix); at != values->second.end(); ++at)
    if (!at->first.starts_with(prefix) || !visit(at->first)) return;
}

std::vector<std::string> MutablePostings::names() const {
  std::vector<std::string> result;
  for (const auto& [name, values] : names_) result.push_back(name);
  return result;
}

uint64_t MutablePostings::value_count(std::string_view name) const {
  const auto values = names_.find(name);
  return values == names_.end() ? 0 : values->second.size();
}

uint64_t MutablePostings::series_count(std::string_view name, std::string_view value) const {
  const auto values = names_.find(name);
  if (values == names_.end()) return 0;
  const auto list = values->second.find(value);
  return list == values->second.end() ? 0 : list->second.size();
}

}  // namespace sightline::tsdb
