#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <algorithm>
#include <mutex>
#include <tuple>

#include "traceql/engine.h"
#include "traceql/evaluation/pushdown.h"
#include "traceql/evaluation/query_run.h"
#include "traceql/evaluation/spanset_evaluator.h"

namespace sightline::traceql {
namespace {

using tracestore::AttributeScope;

Attribute attribute_in(AttributeScope scope, std::string key) {
  static constexpr Scope kScopes[] = {Scope::kSpan, Scope::kResource, Scope::kInstrumentation,
                                      Scope::kEvent, Scope::kLink};
  return {.scope = kScopes[static_cast<size_t>(scope)], .name = std::move(key)};
}

// "{ }", as pages send it.
bool keeps_everything(const Pipeline& pipeline) {
  if (pipeline.stages.size() != 1 || pipeline.stages[0].kind != Stage::Kind::kSpanset) return false;
  const Spanset& spanset = *pipeline.stages[0].spanset;
  return spanset.kind == Spanset::Kind::kFilter && !spanset.filter;
}

// A filter typed so far, as autocompletion sends it: what does not parse filters nothing.
std::optional<Query> lenient_filter(std::string_view text, const ParseLimits& limits) {
  if (text.empty()) return std::nullopt;
  auto query = parse(text, limits);
  if (!query) {
    // "{ a && }": drop the last operator and what follows it, as long as that helps.
    for (size_t cut = text.rfind("&&"); !query && cut != std::string_view::npos && cut > 0;
         cut = text.rfind("&&", cut - 1))
      query = parse(std::string(text.substr(0, cut)) + "}", limits);
  }
  if (!query || query->metrics || keeps_everything(query->pipeline)) return std::nullopt;
  return std::move(*query);
}

// The rows a filter keeps, for every row group of a scan.
Status scan_filtered(QueryRun& run, const std::optional<Query>& filter,
                     const TagValuesOptions& options, tracestore::ScanRequest request,
                     const std::function<Result<bool>(FieldEvaluator&, const RowMask&)>& visit) {
  request.min = options.start;
  request.max = options.end;
  if (filter) {
    push_down(filter->pipeline, request);
    request.listing.reset();
  }
  return run.scan(std::move(request), [&](tracestore::RowGroup& group) -> Result<bool> {
    RowColumns columns(group);
    FieldEvaluator fields(columns, run.regexes());
    RowMask rows = rows_in_time(group, options);
    if (filter) {
      auto kept = SpansetEvaluator(fields).rows(filter->pipeline, rows);
      if (!kept) return std::unexpected(std::move(kept).error());
      rows = std::move(*kept);
    }
    return visit(fields, rows);
  });
}

// Calls `add` with the distinct values the column shows on the kept rows; false from `add` stops.
template <typename Add>
void for_each_value(RowColumns& columns, const Attribute& attribute, const RowMask& rows,
                    const Add& add) {
  const Domain domain = RowColumns::domain_of(attribute);
  const Column column = columns.load(attribute, domain);
  std::vector<uint8_t> seen(column.dictionary().size(), 0);
  const auto entry = [&](size_t i) {
    if (column.is_coded()) {
      uint8_t& known = seen[column.codes()[i]];
      if (known != 0) return true;
      known = 1;
    }
    return column.at(i).is_nil() || add(column.at(i));
  };
  const auto offsets =
      domain == Domain::kRows ? std::span<const uint32_t>() : columns.offsets(domain);
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows[row] == 0) continue;
    if (domain == Domain::kRows) {
      if (!entry(row)) return;
      continue;
    }
    for (uint32_t i = offsets[row]; i < offsets[row + 1]; ++i)
      if (!entry(i)) return;
  }
}

// By type, then in order.
template <typename V>
auto key_of(const V& v) {
  return std::tuple(v.type, v.integer, v.real, std::string_view(v.text));
}

// Distinct values, no more than a limit.
class ValueSet {
 public:
  ValueSet(size_t values_max, const std::function<void(const OwnedValue&)>& found)
      : values_max_(values_max), found_(found) {}
  // False once there are enough.
  bool add(const Value& value) {
    if (known_.size() < values_max_ && !known_.contains(value)) {
      OwnedValue owned{.type = value.type,
                       .integer = value.integer,
                       .real = value.real,
                       .text = std::string(value.text)};
      if (found_) found_(owned);
      known_.insert(std::move(owned));
    }
    return known_.size() < values_max_;
  }
  std::vector<OwnedValue> sorted() && {
    std::vector<OwnedValue> values(known_.begin(), known_.end());
    std::ranges::sort(
        values, [](const OwnedValue& a, const OwnedValue& b) { return key_of(a) < key_of(b); });
    return values;
  }

 private:
  struct Hash {
    using is_transparent = void;
    template <typename V>
    size_t operator()(const V& v) const {
      return absl::HashOf(static_cast<int>(v.type), v.integer, v.real, std::string_view(v.text));
    }
  };
  struct Equal {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return key_of(a) == key_of(b);
    }
  };
  const size_t values_max_;
  const std::function<void(const OwnedValue&)>& found_;
  absl::flat_hash_set<OwnedValue, Hash, Equal> known_;
};

// What the store may know without reading rows.
std::optional<tracestore::Listing> listing_of(const Attribute& attribute) {
  tracestore::Listing listing;
  if (attribute.of_parent) return std::nullopt;
  switch (attribute.intrinsic) {
    case Intrinsic::kName: listing.intrinsic = tracestore::Intrinsic::kName; return listing;
    case Intrinsic::kStatus: listing.intrinsic = tracestore::Intrinsic::kStatus; return listing;
    case Intrinsic::kKind: listing.intrinsic = tracestore::Intrinsic::kKind; return listing;
    case Intrinsic::kStatusMessage:
      listing.intrinsic = tracestore::Intrinsic::kStatusMessage;
      return listing;
    case Intrinsic::kNone: break;
    default: return std::nullopt;
  }
  listing.key = attribute.name;
  switch (attribute.scope) {
    case Scope::kNone: break;
    case Scope::kSpan: listing.scope = AttributeScope::kSpan; break;
    case Scope::kResource: listing.scope = AttributeScope::kResource; break;
    case Scope::kInstrumentation: listing.scope = AttributeScope::kScope; break;
    case Scope::kEvent: listing.scope = AttributeScope::kEvent; break;
    case Scope::kLink: listing.scope = AttributeScope::kLink; break;
  }
  return listing;
}

}  // namespace

Result<TagValues> Engine::tag_values(const Attribute& attribute,
                                     const TagValuesOptions& options) const {
  auto run = QueryRun::start(store_, clock_, options_, options);
  if (!run) return std::unexpected(std::move(run).error());
  const auto filter = lenient_filter(options.filter, options_.parse);
  ValueSet values(options.values_max, options.value_found);
  // What is never nil stands for "none" with texts that no span sent.
  const bool has_stand_ins = attribute.intrinsic != Intrinsic::kNone || attribute.is_service_name();
  const auto is_stand_in = [&](const Value& v) {
    return has_stand_ins && v.type == Type::kString && (v.text.empty() || v.text == kNoRootYet);
  };
  const auto add = [&](const Value& value) {
    return value.is_nil() || value.is_array || is_stand_in(value) || values.add(value);
  };
  std::mutex mutex;  // of `values`
  const auto visit = [&](FieldEvaluator& fields, const RowMask& rows) -> Result<bool> {
    std::vector<Value> seen;
    for_each_value(fields.columns(), attribute, rows, [&](const Value& value) {
      seen.push_back(value);
      return true;
    });
    const std::lock_guard lock(mutex);
    return std::ranges::all_of(seen, add);
  };
  tracestore::ScanRequest request;
  request.listing = listing_of(attribute);
  if (request.listing)
    request.listing->value = [&](const model::ValueView& view) {
      Value value = Value::of_attribute(view);
      if (attribute.intrinsic == Intrinsic::kStatus) value.type = Type::kStatus;
      if (attribute.intrinsic == Intrinsic::kKind) value.type = Type::kKind;
      const std::lock_guard lock(mutex);
      return add(value);
    };
  if (auto done = scan_filtered(*run, filter, options, std::move(request), visit); !done)
    return std::unexpected(std::move(done).error());
  TagValues result{.inspected_bytes = run->querier().inspected_bytes()};
  result.values = std::move(values).sorted();
  return result;
}

Result<std::vector<TagScope>> Engine::tag_names(const std::vector<AttributeScope>& scopes,
                                                const TagValuesOptions& options) const {
  auto run = QueryRun::start(store_, clock_, options_, options);
  if (!run) return std::unexpected(std::move(run).error());
  const auto filter = lenient_filter(options.filter, options_.parse);
  auto keys = run->keys({.scopes = scopes, .min = options.start, .max = options.end});
  if (!keys) return std::unexpected(std::move(keys).error());
  std::vector<TagScope> present;
  for (size_t s = 0; s < scopes.size(); ++s) present.push_back({scopes[s], std::move(keys->at(s))});
  if (!filter) {
    if (options.key_found)
      for (const TagScope& scope : present)
        for (const std::string& key : scope.keys) options.key_found(scope.scope, key);
    return present;
  }

  std::vector<TagScope> matching;
  for (const TagScope& scope : present) matching.push_back({scope.scope, {}});
  std::mutex mutex;
  const auto visit = [&](FieldEvaluator& fields, const RowMask& rows) -> Result<bool> {
    const std::lock_guard lock(mutex);
    bool waiting = false;
    for (size_t s = 0; s < present.size(); ++s) {
      std::erase_if(present[s].keys, [&](const std::string& key) {
        bool found = false;
        for_each_value(fields.columns(), attribute_in(present[s].scope, key), rows,
                       [&](const Value&) {
                         found = true;
                         return false;
                       });
        if (!found) return false;
        matching[s].keys.push_back(key);
        if (options.key_found) options.key_found(present[s].scope, key);
        return true;
      });
      waiting = waiting || !present[s].keys.empty();
    }
    return waiting;
  };
  if (auto done = scan_filtered(*run, filter, options, {}, visit); !done)
    return std::unexpected(std::move(done).error());
  for (TagScope& scope : matching) std::ranges::sort(scope.keys);
  return matching;
}

}  // namespace sightline::traceql
