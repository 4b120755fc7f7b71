#include "api/tempo/protobuf_answers.h"

#include <cmath>
#include <protozero/pbf_writer.hpp>

namespace sightline::api::tempo {
namespace {

using protozero::pbf_writer;
using traceql::OwnedValue;
using traceql::Type;

// opentelemetry.proto.common.v1.AnyValue; durations, statuses and kinds are strings, as in JSON.
std::string any_value(const OwnedValue& value) {
  std::string out;
  pbf_writer any(out);
  if (value.is_array) {
    any.add_message(5, value.text);
    return out;
  }
  switch (value.type) {
    case Type::kInt: any.add_int64(3, value.integer); break;
    case Type::kFloat: any.add_double(4, value.real); break;
    case Type::kBool: any.add_bool(2, value.integer != 0); break;
    default: any.add_string(1, traceql::display_text(value.view()));
  }
  return out;
}

void add_key_value(pbf_writer& into, protozero::pbf_tag_type field, std::string_view key,
                   const OwnedValue& value) {
  std::string pair;
  pbf_writer writer(pair);
  writer.add_string(1, key.data(), key.size());
  writer.add_message(2, any_value(value));
  into.add_message(field, pair);
}

void add_count(pbf_writer& into, protozero::pbf_tag_type field, uint64_t count) {
  if (count != 0) into.add_uint64(field, count);
}

std::string span_message(const traceql::FoundSpan& span) {
  std::string out;
  pbf_writer writer(out);
  writer.add_string(1, to_hex(span.id));
  if (span.name && !span.name->empty()) writer.add_string(2, *span.name);
  add_count(writer, 3, span.start.value);
  add_count(writer, 4, span.duration_ns);
  for (const auto& [key, value] : span.attributes) add_key_value(writer, 5, key, value);
  return out;
}

std::string spanset_message(const traceql::FoundSpanset& spanset) {
  std::string out;
  pbf_writer writer(out);
  for (const auto& span : spanset.spans) writer.add_message(1, span_message(span));
  add_count(writer, 2, spanset.matched);
  for (const auto& [key, value] : spanset.attributes) add_key_value(writer, 3, key, value);
  return out;
}

std::string trace_message(const traceql::FoundTrace& trace, bool with_spansets) {
  std::string out;
  pbf_writer writer(out);
  writer.add_string(1, to_hex(trace.id));
  if (!trace.root_service.empty()) writer.add_string(2, trace.root_service);
  if (!trace.root_name.empty()) writer.add_string(3, trace.root_name);
  add_count(writer, 4, trace.start.value);
  add_count(writer, 5, trace.duration_ns / 1'000'000);
  if (with_spansets && !trace.spansets.empty()) {
    writer.add_message(6, spanset_message(trace.spansets.front()));
    for (const auto& spanset : trace.spansets) writer.add_message(7, spanset_message(spanset));
  }
  for (const auto& [service, stats] : trace.services) {
    std::string counts;
    pbf_writer counts_writer(counts);
    add_count(counts_writer, 1, stats.spans);
    add_count(counts_writer, 2, stats.errors);
    std::string entry;
    pbf_writer entry_writer(entry);
    entry_writer.add_string(1, service);
    entry_writer.add_message(2, counts);
    writer.add_message(8, entry);
  }
  return out;
}

// SearchMetrics.
std::string search_metrics(uint64_t traces, uint64_t bytes, const Jobs& jobs, bool is_last) {
  std::string out;
  pbf_writer writer(out);
  add_count(writer, 1, traces);
  add_count(writer, 2, bytes);
  add_count(writer, 4, is_last ? jobs.completed : jobs.completed - 1);
  writer.add_uint32(5, jobs.total);
  return out;
}

// MetadataMetrics.
std::string metadata_metrics(uint64_t bytes, const std::optional<Jobs>& jobs) {
  std::string out;
  pbf_writer writer(out);
  add_count(writer, 1, bytes);
  if (jobs) {
    writer.add_uint32(2, jobs->total);
    add_count(writer, 3, jobs->completed);
  }
  return out;
}

// Packs encoded items as field 1 of as few messages as `bytes_max` allows; `finish` ends each with whether it is the last.
template <typename Finish>
std::vector<std::string> packed(const std::vector<std::string>& items, size_t bytes_max,
                                const Finish& finish) {
  std::vector<std::string> messages(1);
  for (const std::string& item : items) {
    if (!messages.back().empty() && messages.back().size() + item.size() + 10 > bytes_max)
      messages.emplace_back();
    pbf_writer(messages.back()).add_message(1, item);
  }
  for (size_t i = 0; i < messages.size(); ++i) finish(messages[i], i + 1 == messages.size());
  return messages;
}

void add_labels(pbf_writer& writer, const traceql::MetricsLabels& labels) {
  for (const auto& [key, value] : labels) add_key_value(writer, 1, key, value);
}

std::string exemplar_message(const traceql::MetricsExemplar& exemplar) {
  std::string out;
  pbf_writer writer(out);
  add_key_value(writer, 1, "trace:id",
                OwnedValue::of(traceql::Value::of_text(to_hex(exemplar.trace))));
  add_labels(writer, exemplar.labels);
  if (exemplar.value != 0) writer.add_double(2, exemplar.value);
  writer.add_int64(3, exemplar.time.value);
  return out;
}

std::string series_message(const traceql::MetricsSeries& series,
                           const std::vector<int64_t>& times) {
  std::string out;
  pbf_writer writer(out);
  add_labels(writer, series.labels);
  for (size_t i = 0; i < times.size(); ++i) {
    if (std::isnan(series.values[i])) continue;
    std::string sample;
    pbf_writer sample_writer(sample);
    if (series.values[i] != 0) sample_writer.add_double(1, series.values[i]);
    sample_writer.add_int64(2, times[i]);
    writer.add_message(2, sample);
  }
  for (const auto& exemplar : series.exemplars) writer.add_message(4, exemplar_message(exemplar));
  return out;
}

// Metrics, status and message of a QueryRangeResponse or QueryInstantResponse.
void finish_metrics(std::string& message, const traceql::MetricsResult& result, const Jobs& jobs,
                    bool is_last) {
  pbf_writer writer(message);
  writer.add_message(
      2, search_metrics(result.inspected_traces, result.inspected_bytes, jobs, is_last));
  if (!result.truncated) return;
  writer.add_enum(3, 1);
  writer.add_string(4, std::string(kSeriesLeftOut));
}

}  // namespace

std::vector<std::string> search_messages(const traceql::SearchResult& result, bool with_spansets,
                                         size_t bytes_max, const Jobs& jobs) {
  std::vector<std::string> traces;
  for (const auto& trace : result.traces) traces.push_back(trace_message(trace, with_spansets));
  return packed(traces, bytes_max, [&](std::string& message, bool last) {
    pbf_writer(message).add_message(
        2, search_metrics(result.inspected_traces, result.inspected_bytes, jobs, last));
  });
}

std::vector<std::string> query_range_messages(const traceql::MetricsResult& result,
                                              size_t bytes_max, const Jobs& jobs) {
  std::vector<std::string> series;
  for (const auto& s : result.series) series.push_back(series_message(s, result.times_ms));
  return packed(series, bytes_max, [&](std::string& message, bool last) {
    finish_metrics(message, result, jobs, last);
  });
}

std::string query_instant_protobuf(const traceql::MetricsResult& result) {
  std::string out;
  pbf_writer writer(out);
  for (const auto& series : result.series) {
    if (std::isnan(series.values[0])) continue;
    std::string message;
    pbf_writer series_writer(message);
    add_labels(series_writer, series.labels);
    if (series.values[0] != 0) series_writer.add_double(2, series.values[0]);
    writer.add_message(1, message);
  }
  finish_metrics(out, result, {}, true);
  return out;
}

std::string tags_protobuf_v1(const std::vector<std::string>& names,
                             const std::optional<Jobs>& jobs) {
  std::string out;
  pbf_writer writer(out);
  for (const std::string& name : names) writer.add_string(1, name);
  writer.add_message(2, metadata_metrics(0, jobs));
  return out;
}

std::string tags_protobuf_v2(const std::vector<NamedTags>& scopes,
                             const std::optional<Jobs>& jobs) {
  std::string out;
  pbf_writer writer(out);
  for (const NamedTags& scope : scopes) {
    if (scope.tags.empty()) continue;
    std::string message;
    pbf_writer scope_writer(message);
    scope_writer.add_string(1, scope.scope);
    for (const std::string& tag : scope.tags) scope_writer.add_string(2, tag);
    writer.add_message(1, message);
  }
  writer.add_message(2, metadata_metrics(0, jobs));
  return out;
}

std::string tag_values_protobuf_v1(const traceql::TagValues& values,
                                   const std::optional<Jobs>& jobs) {
  std::string out;
  pbf_writer writer(out);
  for (const OwnedValue& value : values.values)
    writer.add_string(1, traceql::display_text(value.view()));
  writer.add_message(2, metadata_metrics(values.inspected_bytes, jobs));
  return out;
}

std::string tag_values_protobuf_v2(const traceql::TagValues& values,
                                   const std::optional<Jobs>& jobs) {
  std::string out;
  pbf_writer writer(out);
  for (const OwnedValue& value : values.values) {
    std::string message;
    pbf_writer value_writer(message);
    const std::string_view type = type_word(value);
    value_writer.add_string(1, type.data(), type.size());
    value_writer.add_string(2, traceql::display_text(value.view()));
    writer.add_message(1, message);
  }
  writer.add_message(2, metadata_metrics(values.inspected_bytes, jobs));
  return out;
}

}  // namespace sightline::api::tempo
