#include "api/prometheus/federate.h"

#include <algorithm>

#include "api/prometheus/name_escaping.h"
#include "api/prometheus/parameters.h"
#include "api/prometheus/query_json.h"
#include "api/prometheus/series_selection.h"
#include "base/number_text.h"

namespace sightline::api::prometheus {
namespace {

struct TextFormat {
  NameEscaping escaping = NameEscaping::kUnderscores;
  std::string content_type() const {
    return "text/plain; version=0.0.4; charset=utf-8; escaping=" +
           std::string(escaping_name(escaping));
  }
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The first media range that asks for text decides; whatever else is asked, text is answered.
TextFormat negotiate(std::string_view accept) {
  while (!accept.empty()) {
    std::string_view range = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(range.size() + 1, accept.size()));
    TextFormat format;
    const size_t type_end = std::min(range.find(';'), range.size());
    if (trimmed(range.substr(0, type_end)) != "text/plain") continue;
    range.remove_prefix(std::min(type_end + 1, range.size()));
    while (!range.empty()) {
      const std::string_view parameter = trimmed(range.substr(0, range.find(';')));
      range.remove_prefix(std::min(range.find(';'), range.size() - 1) + 1);
      if (parameter.starts_with("escaping="))
        format.escaping = parse_escaping(parameter.substr(9)).value_or(NameEscaping::kUnderscores);
    }
    return format;
  }
  return {};
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '"')
      out += "\\\"";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  out += '"';
}

void append_name(std::string& out, std::string_view name) {
  if (model::is_valid_metric_name_legacy(name))
    out += name;
  else
    append_quoted(out, name);
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// name{labels} value time, or {"utf8 name",labels} value time.
void append_line(std::string& out, std::string_view name, const Pairs& labels,
                 std::string_view value, int64_t time) {
  const bool is_plain = model::is_valid_metric_name_legacy(name);
  if (is_plain) out += name;
  bool any = false;
  if (!is_plain) {
    out += '{';
    append_quoted(out, name);
    any = true;
  }
  for (const auto& [label, text] : labels) {
    out += std::exchange(any, true) ? ',' : '{';
    append_name(out, label);
    out += '=';
    append_quoted(out, text);
  }
  if (any) out += '}';
  out += ' ';
  out += value;
  out += ' ';
  out += std::to_string(time);
  out += '\n';
}

class FederateText {
 public:
  FederateText(const PrometheusApi& api, TextFormat format)
      : api_(api), format_(std::move(format)) {}

  void add(const model::Labels& labels, int64_t time, double value) {
    if (!begin(labels, "untyped")) return;
    append_line(out_, name_, pairs_, format_float_go(value), time);
  }
  void add(const model::Labels& labels, int64_t time, const model::Histogram& histogram) {
    if (histogram.schema != model::kCustomBucketsSchema) return;
    const bool is_gauge = histogram.reset_hint == model::ResetHint::kGauge;
    if (!begin(labels, is_gauge ? "gaugehistogram" : "histogram")) return;
    append_classic(time, histogram);
  }
  std::string take() { return std::move(out_); }

 private:
  // False for a series without a name.
  bool begin(const model::Labels& labels, std::string_view type) {
    if (labels.metric_name().empty()) return false;
    name_ = escape_name(labels.metric_name(), format_.escaping);
    pairs_.clear();
    for (const model::LabelView label : labels)
      if (label.name != model::kMetricName)
        pairs_.emplace_back(escape_name(label.name, format_.escaping), label.value);
    const auto add_external = [&](const std::string& name, const std::string& value) {
      if (!labels.has(name)) pairs_.emplace_back(escape_name(name, format_.escaping), value);
    };
    // An empty instance keeps the scraper from putting ours there.
    bool instance_done = api_.external_labels.contains("instance");
    for (const auto& [name, value] : api_.external_labels) {
      if (!instance_done && name > "instance") add_external("instance", ""), instance_done = true;
      add_external(name, value);
    }
    if (!instance_done) add_external("instance", "");
    if (name_ != last_name_ || type != last_type_) {
      out_ += "# TYPE ";
      append_name(out_, name_);
      out_ += ' ';
      out_ += type;
      out_ += '\n';
      last_name_ = name_;
      last_type_ = type;
    }
    return true;
  }

  void append_classic(int64_t time, const model::Histogram& histogram) {
    pairs_.emplace_back("le", "");
    double cumulative = 0;
    size_t bucket = 0, index = 0;
    const auto add_bucket = [&](double bound) {
      pairs_.back().second = format_float_go(bound);
      append_line(out_, name_ + "_bucket", pairs_, format_float_go(cumulative), time);
    };
    for (const model::BucketSpan& span : histogram.positive_spans) {
      for (int32_t gap = 0; gap < span.offset; ++gap, ++index)
        if (index < histogram.custom_values.size()) add_bucket(histogram.custom_values[index]);
      for (uint32_t i = 0; i < span.length; ++i, ++index) {
        cumulative += histogram.positive_buckets[bucket++];
        if (index < histogram.custom_values.size()) add_bucket(histogram.custom_values[index]);
      }
    }
    for (; index < histogram.custom_values.size(); ++index)
      add_bucket(histogram.custom_values[index]);
    cumulative = histogram.count;
    add_bucket(INFINITY);
    pairs_.pop_back();
    append_line(out_, name_ + "_sum", pairs_, format_float_go(histogram.sum), time);
    append_line(out_, name_ + "_count", pairs_, format_float_go(histogram.count), time);
  }

  const PrometheusApi& api_;
  const TextFormat format_;
  std::string out_;
  std::string name_;
  Pairs pairs_;
  std::string last_name_;
  std::string_view last_type_;
};

Status append_newest(FederateText& text, const FoundSeries& found, tsdb::TimeRange range,
                     tsdb::SampleColumns& columns) {
  if (auto status = found.set->read(found.index, range, columns); !status) return status;
  const bool has_float = !columns.times.empty();
  const bool has_histogram = !columns.histogram_times.empty();
  if (!has_float && !has_histogram) return {};
  if (has_histogram && (!has_float || columns.histogram_times.back() > columns.times.back())) {
    if (!model::is_stale_marker(columns.histograms.back()->sum))
      text.add(found.labels(), columns.histogram_times.back(), *columns.histograms.back());
  } else if (!model::is_stale_marker(columns.values.back())) {
    text.add(found.labels(), columns.times.back(), columns.values.back() + 0.0);  // -0 leaves as 0
  }
  return {};
}

net::HttpResponse federate(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto sets = matcher_sets(request.params, EmptySelectors::kAny);
  if (!sets) return net::HttpResponse::text(400, sets.error().message + "\n");
  const TimestampMs now = api.clock.now_ms();
  const tsdb::TimeRange range{{now.value - api.engine.options().lookback.count()}, now};
  const auto failed = [](const Error& error) {
    return net::HttpResponse::text(error.code == Errc::kCancelled ? 499 : 500,
                                   error.message + "\n");
  };
  const auto querier = api.store.querier(while_client_waits(request));
  if (!querier) return failed(querier.error());
  auto selection = select_any(**querier, *sets, range);
  if (!selection) return failed(selection.error());
  std::ranges::stable_sort(selection->series, {},
                           [](const FoundSeries& found) { return found.labels().metric_name(); });
  const TextFormat format = negotiate(request.headers.get("Accept"));
  FederateText text(api, format);
  tsdb::SampleColumns columns;
  for (const FoundSeries& found : selection->series) {
    if (request.cancellation && request.cancellation->cancelled())
      return net::HttpResponse::text(499, "canceled\n");
    if (auto status = append_newest(text, found, range, columns); !status)
      return failed(status.error());
  }
  net::HttpResponse response;
  response.headers.set("Content-Type", format.content_type());
  response.body = text.take();
  return response;
}

}  // namespace

void add_federate(net::HttpRouter& router, std::shared_ptr<const PrometheusApi> api) {
  router.add("GET", "/federate",
             [api](net::HttpRequest& request) { return federate(*api, request); },
             {.pool = api->query_pool});
}

}  // namespace sightline::api::prometheus
