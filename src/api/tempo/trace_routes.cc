#include "api/tempo/trace_routes.h"

#include <algorithm>

#include "api/tempo/engine_access.h"
#include "api/tempo/parameters.h"
#include "tracestore/row_group/span_row_group.h"
#include "wire/tempo/trace_answer.h"

namespace sightline::api::tempo {
namespace {

constexpr int64_t kAllLevels = -1;

// Which spans beside the matching ones a filtered trace keeps; levels of the tree, kAllLevels for all of them.
struct KeptHierarchy {
  int64_t below = 0;
  int64_t above = 0;
};

Result<KeptHierarchy> read_hierarchy(const net::Params& params) {
  KeptHierarchy kept;
  const auto below = parse_integer(params, "match_depth");
  if (!below) return std::unexpected(below.error());
  const auto above = parse_integer(params, "ancestor_depth");
  if (!above) return std::unexpected(above.error());
  for (const auto& [name, depth] :
       {std::pair("match_depth", *below), std::pair("ancestor_depth", *above)})
    if (depth && *depth < kAllLevels)
      return fail(Errc::kInvalidArgument, "invalid ", name, ": must be -1 or greater");
  const std::string_view keep = params.get("keep_hierarchy");
  if (keep != "" && keep != "true" && keep != "false" && keep != "1" && keep != "0")
    return fail(Errc::kInvalidArgument, "invalid keep_hierarchy: \"", keep,
                "\" is not true or false");
  kept.below = below->value_or(0);
  if (keep == "true" || keep == "1") kept.above = above->value_or(kAllLevels);
  return kept;
}

// Adds to the marked rows those that lie at most so many levels above and below one of them.
void keep_levels(std::vector<uint8_t>& rows, std::span<const uint32_t> parents,
                 const KeptHierarchy& kept) {
  const std::vector<uint8_t> matched = rows;
  const auto within = [](int64_t level, int64_t depth) {
    return depth == kAllLevels || level <= depth;
  };
  for (uint32_t row = 0; row < rows.size(); ++row) {
    int64_t level = 1;
    for (uint32_t at = parents[row]; at != tracestore::kNoRow; at = parents[at], ++level) {
      if (matched[row] != 0 && within(level, kept.above)) rows[at] = 1;
      if (matched[at] != 0 && within(level, kept.below)) rows[row] = 1;
    }
  }
}

// Only the spans of `trace` that `query` matches, and what of the tree around them is asked for.
Result<model::SpanBatch> filtered(const TempoApi& api, std::string_view query,
                                  const KeptHierarchy& kept,
                                  std::shared_ptr<const model::SpanBatch> trace) {
  tracestore::TraceSpans spans{.id = trace->spans.front().trace_id};
  for (uint32_t i = 0; i < trace->spans.size(); ++i) spans.spans.push_back({trace.get(), i});
  tracestore::SpanRowGroup group({spans}, {trace});
  auto rows = engine_of(api).matching_rows(query, group);
  if (!rows) return std::unexpected(std::move(rows).error());
  keep_levels(*rows, group.parent_row(), kept);
  tracestore::SpanGatherer gatherer;
  for (size_t row = 0; row < rows->size(); ++row)
    if ((*rows)[row] != 0) gatherer.add(group.rows()[row]);
  return std::move(gatherer).finish({trace});
}

constexpr std::string_view kFilteredMessage =
    "Trace filtered, only a subset of spans matching the filter is returned";

// The first `count` spans.
model::SpanBatch beginning(const std::shared_ptr<const model::SpanBatch>& trace, uint32_t count) {
  tracestore::SpanGatherer gatherer;
  for (uint32_t i = 0; i < count; ++i) gatherer.add({trace.get(), i});
  return std::move(gatherer).finish({trace});
}

// As many of the earliest spans as `bytes_max` bytes of protobuf hold; nothing when they hold all of them.
std::optional<model::SpanBatch> cut_to(model::SpanBatch& trace, uint64_t bytes_max) {
  if (bytes_max == 0 || wire::tempo::trace_protobuf_v1(trace).size() <= bytes_max)
    return std::nullopt;
  const auto whole = std::make_shared<const model::SpanBatch>(std::move(trace));
  uint32_t fits = 0;
  for (auto too_many = static_cast<uint32_t>(whole->spans.size()); too_many - fits > 1;) {
    const uint32_t middle = fits + (too_many - fits) / 2;
    const bool holds = wire::tempo::trace_protobuf_v1(beginning(whole, middle)).size() <= bytes_max;
    (holds ? fits : too_many) = middle;
  }
  return beginning(whole, fits);
}

}  // namespace

net::HttpResponse answer_trace(const TempoApi& api, const net::HttpRequest& request,
                               TraceApi version) {
  const auto id =
      parse_trace_id_parameter(request.captures.empty() ? std::string_view() : request.captures[0]);
  if (!id) return error_response(id.error());
  if (const auto range = parse_time_range(request.params); !range)
    return error_response(range.error());
  const auto querier = api.traces.querier();
  if (!querier) return error_response(querier.error());
  auto found = (*querier)->find(*id);
  if (!found) return error_response(found.error());
  if (!*found && version == TraceApi::kV1) return net::HttpResponse{.status = 404};
  model::SpanBatch trace = *found ? std::move(**found) : model::SpanBatch{};
  const std::string_view filter =
      version == TraceApi::kV2 ? request.params.get("q") : std::string_view();
  const bool is_filtered = !filter.empty() && !trace.spans.empty();
  if (is_filtered) {
    const auto kept = read_hierarchy(request.params);
    if (!kept) return error_response(kept.error());
    auto part =
        filtered(api, filter, *kept, std::make_shared<const model::SpanBatch>(std::move(trace)));
    if (!part) return error_response(part.error());
    trace = std::move(*part);
  }
  std::string partial = is_filtered ? std::string(kFilteredMessage) : std::string();
  if (auto part = cut_to(trace, api.options.trace_bytes_max)) {
    trace = std::move(*part);
    partial = "Trace exceeds maximum size of " + std::to_string(api.options.trace_bytes_max) +
              " bytes, a partial trace is returned";
  }
  const uint64_t bytes = *found ? (*querier)->inspected_bytes() : 0;
  if (accepts_protobuf(request))
    return protobuf_response(version == TraceApi::kV1
                                 ? wire::tempo::trace_protobuf_v1(trace)
                                 : wire::tempo::trace_protobuf_v2(trace, bytes, partial));
  return net::HttpResponse::json(version == TraceApi::kV1
                                     ? wire::tempo::trace_json_v1(trace)
                                     : wire::tempo::trace_json_v2(trace, bytes, partial));
}

}  // namespace sightline::api::tempo
