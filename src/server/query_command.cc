#include "server/query_command.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "base/number_text.h"
#include "net/http_client.h"
#include "traceql/syntax/parser.h"
#include "wire/otlp/decode_traces.h"

namespace sightline::server {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kSparklineCells = 40;
constexpr size_t kNarrowTerminal = 110;  // columns, below which a table is short of words

std::string text_or_empty(const dom::element& object, const char* key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

double number_or_nan(const dom::element& element) {
  double number = 0;
  std::string_view text;
  if (element.get(number) == simdjson::SUCCESS) return number;
  if (element.get(text) == simdjson::SUCCESS)
    if (const auto parsed = parse_float(text)) return *parsed;
  return std::numeric_limits<double>::quiet_NaN();
}

uint64_t unsigned_text(const dom::element& object, const char* key) {
  const auto number = parse_int(text_or_empty(object, key));
  return number && *number > 0 ? static_cast<uint64_t>(*number) : 0;
}

Result<dom::element> parse_json(dom::parser& parser, std::string_view json) {
  dom::element root;
  if (const auto fault = parser.parse(simdjson::padded_string(json)).get(root);
      fault != simdjson::SUCCESS)
    return fail(Errc::kUnavailable,
                "the server's answer is not JSON: ", simdjson::error_message(fault));
  return root;
}

// "14:03:59" of a time in nanoseconds, UTC.
std::string clock_time(uint64_t ns) {
  return format_rfc3339(ns / 1'000'000'000 * 1'000'000'000).substr(11, 8);
}

// "2026-01-01T10:00:00Z to 2026-01-01T11:00:00Z, every 15s"
std::string range_text(uint64_t first, uint64_t second, uint64_t last) {
  if (last <= first) return "";
  return format_rfc3339(first) + " to " + format_rfc3339(last) + ", every " +
         format_go_duration(
             std::chrono::nanoseconds(static_cast<int64_t>(std::min(second, last) - first)));
}

// {"stringValue":"x"}, {"intValue":"5"}, ...
std::string any_value_text(const dom::element& value) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return "";
  for (const auto field : object) {
    std::string_view text;
    if (field.value.get(text) == simdjson::SUCCESS) return std::string(text);
    return simdjson::minify(field.value);
  }
  return "";
}

std::string labels_text(const dom::element& series) {
  std::string out;
  dom::array labels;
  if (series["labels"].get(labels) != simdjson::SUCCESS) return out;
  for (const auto label : labels) {
    dom::element value;
    if (label["value"].get(value) != simdjson::SUCCESS) continue;
    out.append(out.empty() ? "" : ", ")
        .append(text_or_empty(label, "key"))
        .append("=")
        .append(any_value_text(value));
  }
  return "{" + out + "}";
}

// At most `cells` of them, each the largest of those it stands for.
std::vector<double> thinned(const std::vector<double>& values, size_t cells) {
  if (values.size() <= cells) return values;
  std::vector<double> out(cells, std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < values.size(); ++i) {
    double& cell = out[i * cells / values.size()];
    if (std::isnan(cell) || values[i] > cell) cell = values[i];
  }
  return out;
}

// Five digits that matter, and the unit.
std::string shown(double value, SeriesUnit unit) {
  if (std::isnan(value)) return "-";
  if (!std::isfinite(value)) return format_float_go(value);
  if (unit == SeriesUnit::kSeconds)
    return (value < 0 ? "-" : "") +
           (value == 0
                ? std::string("0s")
                : short_duration(static_cast<uint64_t>(std::llround(std::abs(value) * 1e9))));
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.5g", value);
  const double rounded = std::strtod(digits, nullptr);
  return format_float_go(rounded) + (unit == SeriesUnit::kPerSecond ? "/s" : "");
}

std::vector<std::string> series_row(std::string labels, const std::vector<double>& values,
                                    SeriesUnit unit, const TerminalStyle& style) {
  double low = std::numeric_limits<double>::quiet_NaN(), high = low, last = low;
  for (const double v : values) {
    if (std::isnan(v)) continue;
    low = std::isnan(low) ? v : std::min(low, v);
    high = std::isnan(high) ? v : std::max(high, v);
    last = v;
  }
  const size_t cells = style.is_terminal
                           ? std::clamp<size_t>(style.columns / 4, 10, kSparklineCells)
                           : kSparklineCells;
  return {std::move(labels), shown(last, unit), shown(low, unit), shown(high, unit),
          sparkline(thinned(values, cells))};
}

// What the values of a query are counted in.
SeriesUnit unit_of(const traceql::Metrics& metrics) {
  using enum traceql::MetricsFunction;
  if (metrics.kind != traceql::Metrics::Kind::kFunction) return SeriesUnit::kNone;
  if (metrics.function == kRate) return SeriesUnit::kPerSecond;
  if (!metrics.measured || metrics.function == kHistogramOverTime) return SeriesUnit::kNone;
  switch (metrics.measured->intrinsic) {
    case traceql::Intrinsic::kDuration:
    case traceql::Intrinsic::kTraceDuration:
    case traceql::Intrinsic::kEventTimeSinceStart: return SeriesUnit::kSeconds;
    default: return SeriesUnit::kNone;
  }
}

// What a reader at a terminal should know of a table, on a line below it.
std::string note(const std::string& text, const TerminalStyle& style) {
  if (!style.is_terminal || text.empty()) return "";
  return style.colour ? "\x1b[2m" + text + "\x1b[0m\n" : text + "\n";
}

const std::vector<TextColumn> kSeriesColumns = {{.title = "SERIES", .cut = Cut::kMiddle},
                                                {"LAST", Align::kRight},
                                                {"MIN", Align::kRight},
                                                {"MAX", Align::kRight},
                                                {"OVER TIME"}};

std::string base_url(const QueryCommand& command) {
  std::string url = command.url.contains("://") ? command.url : "http://" + command.url;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// Asks for /prefix/path?params; an answer that is no 2xx is an error with its body.
Result<std::string> get(const QueryCommand& command, std::string_view path,
                        const net::Params& params, std::string_view accept = "application/json") {
  std::string url = base_url(command) + std::string(path);
  for (const auto& [name, value] : params.fields()) {
    url += url.contains('?') ? "&" : "?";
    url += name + "=" + net::percent_encode(value);
  }
  net::HttpClient client;
  net::HttpClientRequest request{
      .url = url,
      .timeout = std::chrono::duration_cast<std::chrono::milliseconds>(command.timeout)};
  request.headers.add("Accept", std::string(accept));
  if (!command.tenant.empty()) request.headers.add("X-Scope-OrgID", command.tenant);
  auto answer = client.send(request);
  if (!answer) {
    // curl's words come behind the whole URL, which the user knows.
    const std::string& fault = answer.error().message;
    const size_t at = fault.find(url + ": ");
    return fail(answer.error().code, base_url(command), " does not answer: ",
                at == std::string::npos ? fault : fault.substr(at + url.size() + 2),
                " (--url names another server)");
  }
  if (answer->status / 100 == 2) return std::move(answer->body);
  while (answer->body.ends_with('\n')) answer->body.pop_back();
  if (answer->body.empty())
    return fail(answer->status == 404 ? Errc::kNotFound : Errc::kUnavailable,
                "the server answered ", answer->status);
  dom::parser parser;
  const auto json = parse_json(parser, answer->body);
  const std::string text = json ? text_or_empty(*json, "error") : std::string();
  return fail(answer->status == 404 ? Errc::kNotFound : Errc::kInvalidArgument,
              text.empty() ? answer->body : text);
}

void add_range(net::Params& params, const QueryCommand& command, const Clock& clock) {
  const auto now = static_cast<int64_t>(clock.now().value / 1'000'000'000);
  const int64_t since = std::chrono::duration_cast<std::chrono::seconds>(command.since).count();
  params.add("start", std::to_string(now - since));
  params.add("end", std::to_string(now + 1));
}

Result<std::string> query_traceql(const QueryCommand& command, const Clock& clock,
                                  const TerminalStyle& style) {
  const auto query = traceql::parse(command.expression);  // here, so that a mistake needs no server
  if (!query) return std::unexpected(query.error());
  net::Params params;
  params.add("q", command.expression);
  if (query->metrics) {
    QueryCommand ranged = command;
    if (ranged.since.count() == 0) ranged.since = std::chrono::hours(1);
    add_range(params, ranged, clock);
    if (!command.step.empty()) params.add("step", command.step);
    const auto body = get(command, "/api/metrics/query_range", params);
    if (!body) return std::unexpected(body.error());
    return trace_metrics_text(*body, unit_of(*query->metrics), style);
  }
  if (command.since.count() != 0) add_range(params, command, clock);
  params.add("limit", std::to_string(command.limit));
  const auto body = get(command, "/api/search", params);
  if (!body) return std::unexpected(body.error());
  auto text = search_text(*body, style);
  if (text && style.is_terminal &&
      static_cast<size_t>(std::ranges::count(*text, '\n')) == size_t{command.limit} + 1)
    *text += note("the newest " + std::to_string(command.limit) + "; --limit shows more", style);
  return text;
}

Result<std::string> query_promql(const QueryCommand& command, const Clock& clock,
                                 const TerminalStyle& style) {
  net::Params params;
  params.add("query", command.expression);
  if (command.since.count() != 0) {
    add_range(params, command, clock);
    const int64_t step = std::max<int64_t>(
        1, std::chrono::duration_cast<std::chrono::seconds>(command.since).count() / 240);
    params.add("step", command.step.empty() ? std::to_string(step) : command.step);
  }
  const auto body =
      get(command, command.since.count() != 0 ? "/api/v1/query_range" : "/api/v1/query", params);
  if (!body) return std::unexpected(body.error());
  return promql_text(*body, style);
}

Result<std::string> query_trace(const QueryCommand& command, const TerminalStyle& style) {
  auto body = get(command, "/api/traces/" + net::percent_encode(command.expression), {},
                  "application/protobuf");
  if (!body && body.error().code == Errc::kNotFound)
    return fail(Errc::kNotFound, "trace ", command.expression, " is not there");
  if (!body) return std::unexpected(body.error());
  const auto decoded =
      wire::otlp::decode_traces(std::make_shared<const std::string>(std::move(*body)));
  if (!decoded) return in_context("the server's answer", decoded.error());
  if (decoded->batch->spans.empty())
    return fail(Errc::kNotFound, "trace ", command.expression, " is not there");
  return waterfall(decoded->batch, style);
}

}  // namespace

Result<std::string> search_text(std::string_view json, const TerminalStyle& style) {
  dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return std::unexpected(root.error());
  const bool is_narrow = style.is_terminal && style.columns < kNarrowTerminal;
  std::vector<std::vector<std::string>> rows;
  dom::array traces;
  if ((*root)["traces"].get(traces) != simdjson::SUCCESS)
    return fail(Errc::kUnavailable, "the server's answer holds no traces");
  for (const auto trace : traces) {
    uint64_t matched = 0;
    dom::array spansets;
    if (trace["spanSets"].get(spansets) == simdjson::SUCCESS)
      for (const auto spanset : spansets) {
        uint64_t count = 0;
        if (spanset["matched"].get(count) == simdjson::SUCCESS) matched += count;
      }
    uint64_t duration_ms = 0;
    if (trace["durationMs"].get(duration_ms) != simdjson::SUCCESS)
      duration_ms = 0;  // left out: under one
    const uint64_t start = unsigned_text(trace, "startTimeUnixNano") / 1'000'000 * 1'000'000;
    rows.push_back({text_or_empty(trace, "traceID"),
                    is_narrow ? clock_time(start) : format_rfc3339(start),
                    duration_ms == 0 ? "<1ms" : short_duration(duration_ms * 1'000'000),
                    std::to_string(matched), text_or_empty(trace, "rootServiceName"),
                    text_or_empty(trace, "rootTraceName")});
  }
  if (rows.empty()) return std::string("no trace matches\n");
  return text_table({{"TRACE"},
                     {"START"},
                     {"DURATION", Align::kRight},
                     {"SPANS", Align::kRight},
                     {.title = "SERVICE", .cut = Cut::kEnd},
                     {.title = "NAME", .cut = Cut::kEnd}},
                    rows, style);
}

Result<std::string> trace_metrics_text(std::string_view json, SeriesUnit unit,
                                       const TerminalStyle& style) {
  dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return std::unexpected(root.error());
  std::vector<std::vector<std::string>> rows;
  uint64_t first = UINT64_MAX, second = UINT64_MAX, last = 0;  // times of samples
  dom::array all;
  if ((*root)["series"].get(all) != simdjson::SUCCESS)
    return fail(Errc::kUnavailable, "the server's answer holds no series");
  for (const auto series : all) {
    std::vector<double> values;
    dom::array samples;
    if (series["samples"].get(samples) == simdjson::SUCCESS)
      for (const auto sample : samples) {
        const uint64_t time = unsigned_text(sample, "timestampMs") * 1'000'000;
        if (time < first)
          first = time;
        else if (time > first && time < second)
          second = time;
        last = std::max(last, time);
        dom::element value;
        values.push_back(sample["value"].get(value) == simdjson::SUCCESS ? number_or_nan(value)
                                                                         : 0);
      }
    rows.push_back(series_row(labels_text(series), values, unit, style));
  }
  if (rows.empty()) return std::string("no span matches\n");
  return text_table(kSeriesColumns, rows, style) + note(text_or_empty(*root, "message"), style) +
         note(range_text(first, second, last), style);
}

Result<std::string> promql_text(std::string_view json, const TerminalStyle& style) {
  dom::parser parser;
  const auto root = parse_json(parser, json);
  if (!root) return std::unexpected(root.error());
  dom::element data, result;
  if ((*root)["data"].get(data) != simdjson::SUCCESS ||
      data["result"].get(result) != simdjson::SUCCESS)
    return fail(Errc::kUnavailable, "the server's answer holds no result");
  const std::string type = text_or_empty(data, "resultType");
  dom::array items;
  if (result.get(items) != simdjson::SUCCESS)
    return fail(Errc::kUnavailable, "the server's result is no list");
  const auto sample_text = [](const dom::element& sample) {  // [time, "value"]
    std::string_view text;
    return sample.at(1).get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
  };
  if (type == "scalar" || type == "string") return sample_text(result) + "\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto item : items) {
    std::string labels;
    std::string name;
    dom::object metric;
    if (item["metric"].get(metric) == simdjson::SUCCESS)
      for (const auto field : metric) {
        std::string_view value;
        if (field.value.get(value) != simdjson::SUCCESS) continue;
        if (field.key == "__name__")
          name = value;
        else
          labels.append(labels.empty() ? "" : ", ")
              .append(field.key)
              .append("=\"")
              .append(value)
              .append("\"");
      }
    const std::string series = labels.empty() && !name.empty() ? name : name + "{" + labels + "}";
    dom::element value;
    dom::array samples;
    if (item["values"].get(samples) == simdjson::SUCCESS) {
      std::vector<double> values;
      for (const auto sample : samples)
        if (sample.at(1).get(value) == simdjson::SUCCESS) values.push_back(number_or_nan(value));
      rows.push_back(series_row(series, values, SeriesUnit::kNone, style));
    } else if (item["value"].get(value) == simdjson::SUCCESS) {
      rows.push_back({series, sample_text(value)});
    } else {
      rows.push_back({series, "(histogram)"});
    }
  }
  if (rows.empty()) return std::string("no series\n");
  if (type == "matrix") return text_table(kSeriesColumns, rows, style);
  return text_table({{.title = "SERIES", .cut = Cut::kMiddle}, {"VALUE", Align::kRight}}, rows,
                    style);
}

Result<std::string> run_query(const QueryCommand& command, const Clock& clock,
                              const TerminalStyle& style) {
  switch (command.language) {
    case QueryCommand::Language::kTraceql: return query_traceql(command, clock, style);
    case QueryCommand::Language::kPromql: return query_promql(command, clock, style);
    case QueryCommand::Language::kTraceId: return query_trace(command, style);
  }
  return std::string();
}

}  // namespace sightline::server
