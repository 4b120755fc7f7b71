#include <set>

#include "traceql/engine.h"
#include "traceql/pushdown.h"
#include "traceql/query_run.h"
#include "traceql/spanset_evaluator.h"

namespace sightline::traceql {
namespace {

using tracestore::AttributeScope;

Attribute attribute_in(AttributeScope scope, std::string key) {
  static constexpr Scope kScopes[] = {Scope::kSpan, Scope::kResource, Scope::kInstrumentation,
                                      Scope::kEvent, Scope::kLink};
  return {.scope = kScopes[static_cast<size_t>(scope)], .name = std::move(key)};
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
  if (!query || query->metrics) return std::nullopt;
  return std::move(*query);
}

// The rows a filter keeps, for every row group of a scan.
Status scan_filtered(QueryRun& run, const std::optional<Query>& filter,
                     const TagValuesOptions& options,
                     const std::function<Result<bool>(FieldEvaluator&, const RowMask&)>& visit) {
  tracestore::ScanRequest request{.min = options.start, .max = options.end};
  if (filter) push_down(filter->pipeline, request);
  return run.scan(request, [&](tracestore::RowGroup& group) -> Result<bool> {
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

}  // namespace

Result<TagValues> Engine::tag_values(const Attribute& attribute,
                                     const TagValuesOptions& options) const {
  auto run = QueryRun::start(store_, clock_, options_.timeout, options);
  if (!run) return std::unexpected(std::move(run).error());
  const auto filter = lenient_filter(options.filter, options_.parse);
  using Key = std::tuple<Type, int64_t, double, std::string>;
  std::set<Key> values;
  // What is never nil stands for "none" with texts that no span sent.
  const bool has_stand_ins = attribute.intrinsic != Intrinsic::kNone || attribute.is_service_name();
  const auto is_stand_in = [&](const Value& v) {
    return has_stand_ins && v.type == Type::kString && (v.text.empty() || v.text == kNoRootYet);
  };
  const auto visit = [&](FieldEvaluator& fields, const RowMask& rows) -> Result<bool> {
    for_each_value(fields.columns(), attribute, rows, [&](const Value& value) {
      if (!value.is_array && !is_stand_in(value) && values.size() < options.values_max)
        values.emplace(value.type, value.integer, value.real, std::string(value.text));
      return values.size() < options.values_max;
    });
    return values.size() < options.values_max;
  };
  if (auto done = scan_filtered(*run, filter, options, visit); !done)
    return std::unexpected(std::move(done).error());
  TagValues result{.inspected_bytes = run->querier().inspected_bytes()};
  for (const auto& [type, integer, real, text] : values)
    result.values.push_back({.type = type, .integer = integer, .real = real, .text = text});
  return result;
}

Result<std::vector<TagScope>> Engine::tag_names(const std::vector<AttributeScope>& scopes,
                                                const TagValuesOptions& options) const {
  auto run = QueryRun::start(store_, clock_, options_.timeout, options);
  if (!run) return std::unexpected(std::move(run).error());
  std::vector<TagScope> present;
  for (const AttributeScope scope : scopes) {
    auto keys = run->querier().attribute_keys(scope, options.start, options.end);
    if (!keys) return std::unexpected(std::move(keys).error());
    present.push_back({scope, std::move(*keys)});
  }
  const auto filter = lenient_filter(options.filter, options_.parse);
  if (!filter) return present;

  std::vector<TagScope> matching;
  for (const TagScope& scope : present) matching.push_back({scope.scope, {}});
  const auto visit = [&](FieldEvaluator& fields, const RowMask& rows) -> Result<bool> {
    bool waiting = false;
    for (size_t s = 0; s < present.size(); ++s) {
      std::erase_if(present[s].keys, [&](const std::string& key) {
        bool found = false;
        for_each_value(fields.columns(), attribute_in(present[s].scope, key), rows,
                       [&](const Value&) {
                         found = true;
                         return false;
                       });
        if (found) matching[s].keys.push_back(key);
        return found;
      });
      waiting = waiting || !present[s].keys.empty();
    }
    return waiting;
  };
  if (auto done = scan_filtered(*run, filter, options, visit); !done)
    return std::unexpected(std::move(done).error());
  for (TagScope& scope : matching) std::ranges::sort(scope.keys);
  return matching;
}

}  // namespace sightline::traceql
