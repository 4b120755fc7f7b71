#include "tsdb/postings.h"

#include <algorithm>

#include "model/labels.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kFewMax = 16;

// Calls `visit` for each value, until it says false or the work is no longer wanted.
template <typename Visit>
Status each_value(const PostingsSource& source, std::string_view name, std::string_view prefix,
                  Pacer& pacer, Visit visit) {
  Status status;
  source.each_value(name, prefix, [&](std::string_view value) {
    status = pacer.step();
    return status && visit(value);
  });
  return status;
}

// Finds series by one matcher.
class Selection {
 public:
  Selection(const PostingsSource& source, const StillWanted& wanted)
      : source_(source), pacer_(wanted) {}

  // Series that have the label with a value the matcher takes; it does not take "".
  Result<Roaring> holding(const Matcher& m) {
    if (m.op() == MatchOp::kEqual) return source_.with(m.name(), m.value());
    if (m.op() == MatchOp::kRegex && !m.set_matches().empty()) return union_of(m);
    return union_where(m, m.prefix(), true);
  }

  // Series that have the label with a value the matcher refuses; it takes "".
  Result<Roaring> breaking(const Matcher& m) {
    if (m.op() == MatchOp::kNotEqual) return source_.with(m.name(), m.value());
    if (m.op() == MatchOp::kNotRegex && !m.set_matches().empty()) return union_of(m);
    return union_where(m, {}, false);
  }

 private:
  Roaring union_of(const Matcher& m) const {
    Roaring result;
    for (const std::string& value : m.set_matches()) result |= source_.with(m.name(), value);
    return result;
  }

  // Union of the values of m.name() that it takes, or of those that it refuses.
  Result<Roaring> union_where(const Matcher& m, std::string_view prefix, bool taken) {
    Roaring result;
    auto status = each_value(source_, m.name(), prefix, pacer_, [&](std::string_view value) {
      if (m.matches(value) == taken) result |= source_.with(m.name(), value);
      return true;
    });
    if (!status) return std::unexpected(std::move(status).error());
    return result;
  }

  const PostingsSource& source_;
  Pacer pacer_;
};

bool intersects(const PostingsSource& source, const std::string& name, std::string_view value,
                const Roaring& among) {
  return source.with(name, value).intersect(among);
}

}  // namespace

Result<Roaring> select_postings(const PostingsSource& source, std::span<const Matcher> matchers,
                                const StillWanted& wanted) {
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
  Selection selection(source, wanted);
  Roaring result;
  if (positive.empty()) result = source.all();
  for (size_t i = 0; i < positive.size(); ++i) {
    auto some = selection.holding(*positive[i]);
    if (!some) return some;
    if (i == 0)
      result = std::move(*some);
    else
      result &= *some;
    if (result.isEmpty()) return result;
  }
  for (const Matcher& m : matchers) {
    if (!m.matches_empty()) continue;
    const auto some = selection.breaking(m);
    if (!some) return some;
    result -= *some;
    if (result.isEmpty()) return result;
  }
  return result;
}

Result<std::vector<std::string>> select_names(const PostingsSource& source,
                                              std::span<const Matcher> matchers,
                                              const StillWanted& wanted) {
  if (matchers.empty()) return source.names();
  const auto among = select_postings(source, matchers, wanted);
  if (!among) return std::unexpected(among.error());
  std::vector<std::string> result;
  if (among->isEmpty()) return result;
  Pacer pacer(wanted);
  for (std::string& name : source.names()) {
    bool found = false;
    auto status = each_value(source, name, {}, pacer, [&](std::string_view value) {
      found = intersects(source, name, value, *among);
      return !found;
    });
    if (!status) return std::unexpected(std::move(status).error());
    if (found) result.push_back(std::move(name));
  }
  return result;
}

Result<std::vector<std::string>> select_values(const PostingsSource& source, std::string_view name,
                                               std::span<const Matcher> matchers,
                                               const StillWanted& wanted) {
  std::vector<std::string> result;
  const std::string own_name(name);
  const auto among = matchers.empty() ? Roaring() : select_postings(source, matchers, wanted);
  if (!among) return std::unexpected(among.error());
  Pacer pacer(wanted);
  auto status = each_value(source, name, {}, pacer, [&](std::string_view value) {
    if (matchers.empty() || intersects(source, own_name, value, *among)) result.emplace_back(value);
    return true;
  });
  if (!status) return std::unexpected(std::move(status).error());
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
