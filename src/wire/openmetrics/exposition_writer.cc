#include "wire/openmetrics/exposition_writer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/number_text.h"
#include "base/text_codec.h"

namespace sightline::wire::openmetrics {
namespace {

using model::MetricFamily;
using model::MetricPoint;
using model::MetricType;

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  if (!is_valid_utf8(text)) return append_escaped(out, to_valid_utf8(text), quotes);
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '\\' && c != '\n' && !(quotes && c == '"')) continue;
    out.append(text, begin, i - begin);
    out += '\\';
    out += c == '\n' ? 'n' : c;
    begin = i + 1;
  }
  out.append(text, begin, text.size() - begin);
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += "=\"";
  append_escaped(out, value, true);
  out += '"';
}

void append_count(std::string& out, uint64_t value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

size_t utf8_characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Hexadecimal digits have nothing to escape, and are as many characters as bytes.
template <typename Id>
void append_id(std::string& out, std::string_view name, const Id& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  char text[2 * sizeof(id.bytes)];
  for (size_t i = 0; i < sizeof(id.bytes); ++i) {
    text[2 * i] = kDigits[id.bytes[i] >> 4];
    text[2 * i + 1] = kDigits[id.bytes[i] & 15];
  }
  ((out += name) += "=\"").append(text, sizeof text) += '"';
}

// The two fixed labels first, as exporters of traces write them.
bool append_exemplar_labels(std::string& out, const model::Exemplar& exemplar) {
  size_t characters = 0;
  bool first = true;
  const auto add = [&](std::string_view name, std::string_view value) {
    characters += utf8_characters(name) + utf8_characters(value);
    if (!first) out += ',';
    first = false;
    append_label(out, name, value);
  };
  const auto add_id = [&](std::string_view name, const auto& id) {
    if (!id.is_valid()) return;
    characters += name.size() + 2 * sizeof(id.bytes);
    if (!first) out += ',';
    first = false;
    append_id(out, name, id);
  };
  add_id(model::kTraceIdLabel, exemplar.trace_id);
  add_id(model::kSpanIdLabel, exemplar.span_id);
  for (const model::LabelView label : exemplar.labels) add(label.name, label.value);
  return characters <= model::kExemplarLabelCharsMax;
}

class Writer {
 public:
  Writer(ExpositionFormat format, Escaping escaping)
      : open_metrics_(format == ExpositionFormat::kOpenMetrics), escaping_(escaping) {}

  void family(const MetricFamily& family) {
    head(family);
    for (const MetricPoint& point : family.points) points_of(family, point);
  }

  void head(const MetricFamily& family) {
    begin(family);
    const MetricType type = family.metadata.type;
    // The classic format names a counter's family like its samples.
    const std::string_view suffix = !open_metrics_ && type == MetricType::kCounter ? total_ : "";
    metadata(family, name_, suffix, type);
  }

  void begin(const MetricFamily& family) {
    name_ = escape_name(family.name, escaping_);
    is_quoted_ = !is_plain_name(name_, true);
    total_ = open_metrics_ || family.total_suffix ? "_total" : "";
  }

  // After begin().
  void points_of(const MetricFamily& family, const MetricPoint& point) {
    labels(family, point);
    switch (family.metadata.type) {
      case MetricType::kHistogram: histogram(name_, point); break;
      case MetricType::kCounter: number(name_, total_, point.value, point, point.exemplar); break;
      case MetricType::kSummary: summary(name_, point); break;
      default: number(name_, "", point.value, point, std::nullopt);
    }
  }

  // From now on times are not written, but their places noted; of each take_rendered() anew.
  void leave_times_out() { leaves_times_out_ = true; }
  RenderedPoint take_rendered() { return {std::exchange(out_, {}), std::exchange(times_, {})}; }
  std::string take_text() { return std::exchange(out_, {}); }
  void append_time(TimestampMs time) {
    out_ += ' ';
    if (open_metrics_)
      append_seconds(time);
    else
      out_ += std::to_string(time.value);
  }

  void reserve(size_t bytes) { out_.reserve(bytes); }
  std::string take() {
    if (open_metrics_) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  void append_name(std::string_view name, std::string_view suffix) {
    if (!is_quoted_) {
      (out_ += name) += suffix;
      return;
    }
    out_ += '"';
    append_escaped(out_, name, true);
    (out_ += suffix) += '"';
  }

  void metadata(const MetricFamily& family, std::string_view name, std::string_view suffix,
                MetricType type) {
    out_ += "# HELP ";
    append_name(name, suffix);
    out_ += ' ';
    append_escaped(out_, family.metadata.help, open_metrics_);
    out_ += "\n# TYPE ";
    append_name(name, suffix);
    out_ += ' ';
    out_ +=
        type == MetricType::kUnknown && !open_metrics_ ? "untyped" : model::metric_type_name(type);
    out_ += '\n';
    if (!open_metrics_ || family.metadata.unit.empty()) return;
    out_ += "# UNIT ";
    append_name(name, "");
    (out_ += ' ') += family.metadata.unit;
    out_ += '\n';
  }

  void append_name_and_value(std::string_view name, std::string_view value) {
    if (is_plain_name(name, false)) return append_label(labels_, name, value);
    if (escaping_ != Escaping::kAllowUtf8)
      return append_label(labels_, escape_name(name, escaping_), value);
    labels_ += '"';
    append_escaped(labels_, name, true);
    labels_ += "\"=\"";
    append_escaped(labels_, value, true);
    labels_ += '"';
  }

  // The point's labels as text, once for all of its samples.
  void labels(const MetricFamily& family, const MetricPoint& point) {
    labels_.clear();
    const auto add = [&](std::string_view name, std::string_view value) {
      if (!labels_.empty()) labels_ += ',';
      append_name_and_value(name, value);
    };
    const auto& of_all = family.empty_labels;
    if (!point.empty_labels.empty()) {
      empty_.clear();
      std::ranges::set_union(of_all, point.empty_labels, std::back_inserter(empty_));
    }
    const auto& names = point.empty_labels.empty() ? of_all : empty_;
    auto empty = names.begin();
    for (const model::LabelView label : point.labels) {
      for (; empty != names.end() && *empty <= label.name; ++empty)
        if (*empty != label.name) add(*empty, "");
      add(label.name, label.value);
    }
    for (; empty != names.end(); ++empty) add(*empty, "");
  }

  // `le` or `quantile` is a further label where it is not empty.
  void name_and_labels(std::string_view name, std::string_view suffix, std::string_view value,
                       std::string_view label = "le") {
    if (!is_quoted_) (out_ += name) += suffix;
    if (labels_.empty() && value.empty() && !is_quoted_) {
      out_ += ' ';
      return;
    }
    out_ += '{';
    if (is_quoted_) {
      append_name(name, suffix);
      if (!labels_.empty()) out_ += ',';
    }
    out_ += labels_;
    if (!value.empty()) {
      if (!labels_.empty() || is_quoted_) out_ += ',';
      ((((out_ += label) += "=\"") += value) += '"');
    }
    out_ += "} ";
  }

  // The points of a family have the same bounds, as a rule: each is made a text once.
  const std::string& bound_text(size_t i, double le) {
    if (i >= bounds_.size()) bounds_.resize(i + 1, {0, ""});
    auto& [bound, text] = bounds_[i];
    if (text.empty() || bound != le)
      bounds_[i] = {le, open_metrics_ ? format_float_openmetrics(le) : format_float_go(le)};
    return text;
  }

  void append_float(double value) {
    out_ += open_metrics_ ? format_float_openmetrics(value) : format_float_go(value);
  }

  // 1795485383488 ms is 1.795485383488e+09: thirteen digits are their own shortest text.
  void append_seconds(TimestampMs time, uint32_t rest_ns = 0) {
    constexpr int64_t kFrom = 1'000'000'000'000, kTo = 10'000'000'000'000;
    if (time.value >= kFrom && time.value < kTo && rest_ns == 0) {
      char digits[16];
      char* end = std::to_chars(digits, digits + sizeof digits, time.value).ptr;
      while (end[-1] == '0') --end;
      out_ += digits[0];
      if (end > digits + 1) (out_ += '.').append(digits + 1, end);
      out_ += "e+09";
      return;
    }
    if (rest_ns == 0) {
      out_ += format_float_openmetrics(static_cast<double>(time.value) / 1000);
      return;
    }
    // As the Go client divides: the same double, the same digits.
    const auto ns = static_cast<double>(time.value * 1'000'000 + rest_ns);
    out_ += format_float_openmetrics(ns / 1e9);
  }

  // Everything after the value.
  void tail(const MetricPoint& point, const std::optional<model::ExposedExemplar>& exemplar) {
    if (point.has_time && leaves_times_out_)
      times_.push_back(static_cast<uint32_t>(out_.size()));
    else if (point.has_time)
      append_time(point.time);
    if (open_metrics_ && exemplar) append_exemplar(*exemplar);
    out_ += '\n';
  }

  void append_exemplar(const model::ExposedExemplar& exemplar) {
    const size_t undo = out_.size();
    out_ += " # {";
    if (!append_exemplar_labels(out_, exemplar)) return out_.resize(undo);
    out_ += "} ";
    out_ += format_float_openmetrics(exemplar.value);
    if (!exemplar.has_time) return;
    out_ += ' ';
    append_seconds(exemplar.time, exemplar.time_rest_ns);
  }

  void number(std::string_view name, std::string_view suffix, double value,
              const MetricPoint& point, const std::optional<model::ExposedExemplar>& exemplar) {
    name_and_labels(name, suffix, "");
    append_float(value);
    tail(point, exemplar);
  }

  void histogram(std::string_view name, const MetricPoint& point) {
    for (size_t i = 0; i < point.buckets.size(); ++i) {
      const model::HistogramBucket& bucket = point.buckets[i];
      name_and_labels(name, "_bucket", bound_text(i, bucket.le));
      append_count(out_, bucket.count);
      tail(point, bucket.exemplar);
    }
    number(name, "_sum", point.sum, point, std::nullopt);
    name_and_labels(name, "_count", "");
    append_count(out_, point.count);
    tail(point, std::nullopt);
  }

  void summary(std::string_view name, const MetricPoint& point) {
    for (const auto& [quantile, value] : point.quantiles) {
      name_and_labels(
          name, "", open_metrics_ ? format_float_openmetrics(quantile) : format_float_go(quantile),
          "quantile");
      append_float(value);
      tail(point, std::nullopt);
    }
    number(name, "_sum", point.sum, point, std::nullopt);
    name_and_labels(name, "_count", "");
    append_count(out_, point.count);
    tail(point, std::nullopt);
  }

  const bool open_metrics_;
  const Escaping escaping_;
  std::string name_;        // the family's, escaped
  std::string_view total_;  // how its counters end
  bool is_quoted_ = false;  // the family's name
  bool leaves_times_out_ = false;
  std::vector<uint32_t> times_;
  std::string out_;
  std::string labels_;
  std::vector<std::string> empty_;                      // of the point at hand, with the family's
  std::vector<std::pair<double, std::string>> bounds_;  // and their texts, by place in a histogram
};

// Near enough that the text does not move while it grows.
size_t expected_bytes(std::span<const MetricFamily> families) {
  constexpr size_t kLineBytes = 80, kExemplarBytes = 120;
  size_t bytes = 64;
  for (const MetricFamily& family : families) {
    for (const MetricPoint& point : family.points) {
      const size_t lines = point.buckets.empty() ? 1 : point.buckets.size() + 2;
      bytes += lines * (family.name.size() + point.labels.packed().size() * 5 / 4 + kLineBytes);
      for (const model::HistogramBucket& bucket : point.buckets)
        bytes += bucket.exemplar ? kExemplarBytes : 0;
    }
  }
  return bytes;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// One element of an Accept header.
struct MediaRange {
  std::string_view type;
  std::string_view version;
  std::optional<Escaping> escaping;
  double quality = 1;
};

MediaRange parse_media_range(std::string_view text) {
  MediaRange range{.type = trimmed(text.substr(0, text.find(';')))};
  for (size_t at = text.find(';'); at != std::string_view::npos;) {
    const size_t end = text.find(';', at + 1);
    const std::string_view parameter =
        trimmed(text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1));
    if (parameter.starts_with("version=")) range.version = parameter.substr(8);
    if (parameter.starts_with("escaping=")) range.escaping = parse_escaping(parameter.substr(9));
    if (parameter.starts_with("q=")) range.quality = parse_float(parameter.substr(2)).value_or(0);
    at = end;
  }
  return range;
}

}  // namespace

std::string write_exposition(std::span<const MetricFamily> families, ExpositionFormat format,
                             Escaping escaping) {
  Writer writer(format, escaping);
  writer.reserve(expected_bytes(families));
  for (const MetricFamily& family : families)
    if (!family.points.empty()) writer.family(family);
  return writer.take();
}

std::string write_family_head(const MetricFamily& family, ExpositionFormat format,
                              Escaping escaping) {
  Writer writer(format, escaping);
  writer.head(family);
  return writer.take_text();
}

struct PointRenderer::State {
  State(const MetricFamily& given, ExpositionFormat format, Escaping escaping)
      : family(given), writer(format, escaping) {}
  const MetricFamily& family;
  Writer writer;
};

PointRenderer::PointRenderer(const MetricFamily& family, ExpositionFormat format, Escaping escaping)
    : state_(std::make_unique<State>(family, format, escaping)) {
  state_->writer.begin(family);
  state_->writer.leave_times_out();
}
PointRenderer::~PointRenderer() = default;

RenderedPoint PointRenderer::render(const MetricPoint& point) {
  state_->writer.points_of(state_->family, point);
  return state_->writer.take_rendered();
}

std::string time_text(TimestampMs time, ExpositionFormat format) {
  Writer writer(format, Escaping::kUnderscores);
  writer.append_time(time);
  return writer.take_text();
}

void append_rendered(std::string& out, const RenderedPoint& point, std::string_view time) {
  const std::string_view text = point.text;
  size_t begin = 0;
  for (const uint32_t place : point.times) {
    out += text.substr(begin, place - begin);
    out += time;
    begin = place;
  }
  out += text.substr(begin);
}

NegotiatedFormat negotiate_exposition(std::string_view accept, bool open_metrics) {
  double best = 0;
  NegotiatedFormat chosen;
  std::string type = "text/plain; version=0.0.4";
  while (!accept.empty()) {
    const size_t comma = accept.find(',');
    const MediaRange range = parse_media_range(accept.substr(0, comma));
    accept = comma == std::string_view::npos ? std::string_view() : accept.substr(comma + 1);
    if (range.quality <= best) continue;
    if (range.type == "application/openmetrics-text" && open_metrics &&
        (range.version.empty() || range.version == "0.0.1" || range.version == "1.0.0")) {
      type = "application/openmetrics-text; version=" +
             std::string(range.version == "0.0.1" ? "0.0.1" : "1.0.0");
      chosen.format = ExpositionFormat::kOpenMetrics;
    } else if (range.type == "text/plain" &&
               (range.version.empty() || range.version == "0.0.4" || range.version == "1.0.0")) {
      type = "text/plain; version=" + std::string(range.version == "1.0.0" ? "1.0.0" : "0.0.4");
      chosen.format = ExpositionFormat::kPrometheusText;
    } else {
      continue;
    }
    best = range.quality;
    chosen.escaping = range.escaping.value_or(Escaping::kUnderscores);
  }
  chosen.content_type =
      type + "; charset=utf-8; escaping=" + std::string(escaping_name(chosen.escaping));
  return chosen;
}

}  // namespace sightline::wire::openmetrics
