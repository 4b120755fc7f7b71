#include "api/tempo/answers.h"

#include "base/text_codec.h"
#include "wire/tempo/trace_answer.h"

namespace sightline::api::tempo {
namespace {

using traceql::OwnedValue;
using traceql::Type;

void append_comma(std::string& out) {
  if (out.back() != '[' && out.back() != '{') out.push_back(',');
}

void append_attributes(std::string& out,
                       const std::vector<std::pair<std::string, OwnedValue>>& attributes) {
  if (attributes.empty()) return;
  append_comma(out);
  out += R"("attributes":[)";
  for (const auto& [key, value] : attributes) {
    append_comma(out);
    append_key_value(out, key, value);
  }
  out.push_back(']');
}

void append_number_text(std::string& out, std::string_view key, uint64_t number) {
  if (number == 0) return;
  append_comma(out);
  out.append("\"").append(key).append("\":\"").append(std::to_string(number)).append("\"");
}

void append_span(std::string& out, const traceql::FoundSpan& span) {
  out.append(R"({"spanID":")").append(to_hex(span.id)).append("\"");
  if (span.name && !span.name->empty()) {
    out += R"(,"name":)";
    append_quoted(out, *span.name);
  }
  append_number_text(out, "startTimeUnixNano", span.start.value);
  append_number_text(out, "durationNanos", span.duration_ns);
  append_attributes(out, span.attributes);
  out.push_back('}');
}

void append_spanset(std::string& out, const traceql::FoundSpanset& spanset) {
  out.push_back('{');
  if (!spanset.spans.empty()) {
    out += R"("spans":[)";
    for (const auto& span : spanset.spans) {
      append_comma(out);
      append_span(out, span);
    }
    out.push_back(']');
  }
  append_comma(out);
  out.append(R"("matched":)").append(std::to_string(spanset.matched));
  append_attributes(out, spanset.attributes);
  out.push_back('}');
}

void append_services(std::string& out, const traceql::FoundTrace& trace) {
  out += R"(,"serviceStats":{)";
  for (const auto& [service, stats] : trace.services) {
    append_comma(out);
    append_quoted(out, service);
    out.append(R"(:{"spanCount":)").append(std::to_string(stats.spans));
    if (stats.errors != 0) out.append(R"(,"errorCount":)").append(std::to_string(stats.errors));
    out.push_back('}');
  }
  out.push_back('}');
}

void append_trace(std::string& out, const traceql::FoundTrace& trace, bool with_spansets) {
  out.append(R"({"traceID":")").append(to_hex(trace.id)).append("\"");
  for (const auto& [key, text] :
       {std::pair<std::string_view, const std::string&>("rootServiceName", trace.root_service),
        std::pair<std::string_view, const std::string&>("rootTraceName", trace.root_name)}) {
    if (text.empty()) continue;
    out.append(",\"").append(key).append("\":");
    append_quoted(out, text);
  }
  append_number_text(out, "startTimeUnixNano", trace.start.value);
  if (const uint64_t ms = trace.duration_ns / 1'000'000; ms != 0)
    out.append(R"(,"durationMs":)").append(std::to_string(ms));
  if (with_spansets && !trace.spansets.empty()) {
    out += R"(,"spanSet":)";
    append_spanset(out, trace.spansets.front());
    out += R"(,"spanSets":[)";
    for (const auto& spanset : trace.spansets) {
      append_comma(out);
      append_spanset(out, spanset);
    }
    out.push_back(']');
  }
  append_services(out, trace);
  out.push_back('}');
}

std::string tag_metrics(uint64_t bytes) {
  std::string out = R"(,"metrics":{)";
  append_number_text(out, "inspectedBytes", bytes);
  return out + "}}";
}

}  // namespace

std::string_view type_word(const OwnedValue& value) {
  switch (value.type) {
    case Type::kInt: return "int";
    case Type::kFloat: return "float";
    case Type::kBool: return "bool";
    case Type::kDuration: return "duration";
    case Type::kStatus:
    case Type::kKind: return "keyword";
    default: return "string";
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  append_json_escaped(out, text);
  out.push_back('"');
}

void append_any_value(std::string& out, const OwnedValue& value) {
  if (value.is_array)
    return wire::tempo::append_value_json(out,
                                          {.kind = model::ValueKind::kArray, .bytes = value.text});
  switch (value.type) {
    case Type::kInt:
      return wire::tempo::append_value_json(out, model::ValueView::of_int(value.integer));
    case Type::kFloat:
      return wire::tempo::append_value_json(out, model::ValueView::of_double(value.real));
    case Type::kBool:
      return wire::tempo::append_value_json(out, model::ValueView::of_bool(value.integer != 0));
    default: break;
  }
  const std::string text = traceql::display_text(value.view());
  wire::tempo::append_value_json(out, model::ValueView::of_string(text));
}

void append_key_value(std::string& out, std::string_view key, const OwnedValue& value) {
  out += R"({"key":)";
  append_quoted(out, key);
  out += R"(,"value":)";
  append_any_value(out, value);
  out.push_back('}');
}

std::string search_json(const traceql::SearchResult& result, bool with_spansets) {
  std::string out = R"({"traces":[)";
  for (const auto& trace : result.traces) {
    append_comma(out);
    append_trace(out, trace, with_spansets);
  }
  out += R"(],"metrics":{)";
  if (result.inspected_traces != 0)
    out.append(R"("inspectedTraces":)").append(std::to_string(result.inspected_traces));
  append_number_text(out, "inspectedBytes", result.inspected_bytes);
  append_comma(out);
  return out + R"("completedJobs":1,"totalJobs":1}})";
}

std::string tag_values_json_v2(const traceql::TagValues& values) {
  std::string out = R"({"tagValues":[)";
  for (const OwnedValue& value : values.values) {
    append_comma(out);
    out.append(R"({"type":")").append(type_word(value)).append(R"(","value":)");
    append_quoted(out, traceql::display_text(value.view()));
    out.push_back('}');
  }
  return out + "]" + tag_metrics(values.inspected_bytes);
}

std::string tag_values_json_v1(const traceql::TagValues& values) {
  std::string out = R"({"tagValues":[)";
  for (const OwnedValue& value : values.values) {
    append_comma(out);
    append_quoted(out, traceql::display_text(value.view()));
  }
  return out + "]" + tag_metrics(values.inspected_bytes);
}

std::string tags_json_v2(const std::vector<NamedTags>& scopes) {
  std::string out = R"({"scopes":[)";
  for (const NamedTags& scope : scopes) {
    if (scope.tags.empty()) continue;
    append_comma(out);
    out += R"({"name":)";
    append_quoted(out, scope.scope);
    out += R"(,"tags":[)";
    for (const std::string& tag : scope.tags) {
      append_comma(out);
      append_quoted(out, tag);
    }
    out += "]}";
  }
  return out + "]" + tag_metrics(0);
}

std::string tags_json_v1(const std::vector<std::string>& names) {
  std::string out = R"({"tagNames":[)";
  for (const std::string& name : names) {
    append_comma(out);
    append_quoted(out, name);
  }
  return out + "]" + tag_metrics(0);
}

}  // namespace sightline::api::tempo
