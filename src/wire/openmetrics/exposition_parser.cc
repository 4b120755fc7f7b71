#include "wire/openmetrics/exposition_parser.h"

#include <cmath>
#include <cstring>

#include "base/number_text.h"
#include "wire/openmetrics/text_cursor.h"

namespace sightline::wire::openmetrics {
namespace {

constexpr std::string_view kEof = "# EOF";

// An OpenMetrics timestamp: decimal seconds, finite.
Result<TimestampMs> parse_seconds(std::string_view text) {
  const auto seconds = parse_number(text);
  if (!seconds || !std::isfinite(*seconds) || std::fabs(*seconds) > 9e15)
    return fail(Errc::kInvalidArgument, "invalid timestamp \"", text, "\"");
  return TimestampMs{static_cast<int64_t>(std::floor(*seconds * 1000 + 0.5))};
}

// A classic timestamp: whole milliseconds.
Result<TimestampMs> parse_milliseconds(std::string_view text) {
  const auto ms = parse_int(text);
  if (!ms) return fail(Errc::kInvalidArgument, "invalid timestamp \"", text, "\"");
  return TimestampMs{*ms};
}

class Parser {
 public:
  Parser(std::string_view text, ExpositionFormat format, ExpositionSink& sink)
      : text_(text), strict_(format == ExpositionFormat::kOpenMetrics), sink_(sink) {}

  Status run() {
    while (!text_.empty()) {
      ++line_;
      const size_t end = text_.find('\n');
      const std::string_view line = text_.substr(0, end);
      text_ = end == std::string_view::npos ? std::string_view() : text_.substr(end + 1);
      if (ended_) return at(1, "text after # EOF");
      if (auto status = parse_line(line); !status) return status;
    }
    if (strict_ && !ended_) {
      ++line_;
      return at(1, "the text does not end with # EOF");
    }
    return {};
  }

 private:
  template <typename... Parts>
  std::unexpected<Error> at(size_t column, const Parts&... parts) {
    return fail(Errc::kInvalidArgument, line_, ":", column, ": ", parts...);
  }

  Status parse_line(std::string_view line) {
    if (strict_) {
      if (line == kEof) {
        ended_ = true;
        return {};
      }
      if (line.empty()) return at(1, "blank line");
      if (line[0] == '#') return parse_metadata(line);
      return parse_sample(line);
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    if (line[first] == '#') return parse_comment(line.substr(first));
    return parse_sample(line.substr(first));
  }

  // Classic: "# HELP name text" and "# TYPE name type" mean something, any other comment nothing.
  Status parse_comment(std::string_view line) {
    TextCursor cursor(line);
    cursor.skip(1);
    if (!cursor.at_any(" \t")) return {};
    cursor.skip_blanks();
    const std::string_view word = cursor.take_until(" \t");
    if (word != "HELP" && word != "TYPE") return {};
    cursor.skip_blanks();
    auto name = cursor.take_metric_name();
    if (!name) return at(cursor.column(), name.error().message);
    cursor.skip_blanks();
    ExpositionMetadata metadata{.metric = *name, .text = cursor.rest(), .line = line_};
    metadata.kind = word == "HELP" ? MetadataKind::kHelp : MetadataKind::kType;
    if (metadata.kind == MetadataKind::kType) {
      metadata.text = metadata.text.substr(0, metadata.text.find_last_not_of(" \t") + 1);
      if (!parse_metric_type(metadata.text, ExpositionFormat::kPrometheusText))
        return at(cursor.column(), "invalid metric type \"", metadata.text, "\"");
    }
    return sink_.on_metadata(metadata);
  }

  // OpenMetrics: "# HELP|TYPE|UNIT name text", single spaces, and no other comments.
  Status parse_metadata(std::string_view line) {
    if (!line.starts_with("# "))
      return at(
          1, "a line that starts with # must be \"# HELP\", \"# TYPE\", \"# UNIT\" or \"# EOF\"");
    TextCursor cursor(line);
    cursor.skip(2);
    const std::string_view word = cursor.take_until(" ");
    ExpositionMetadata metadata{.line = line_};
    if (word == "HELP")
      metadata.kind = MetadataKind::kHelp;
    else if (word == "TYPE")
      metadata.kind = MetadataKind::kType;
    else if (word == "UNIT")
      metadata.kind = MetadataKind::kUnit;
    else
      return at(3, "\"# ", word, "\" is not metadata: HELP, TYPE, UNIT or EOF is expected");
    if (!cursor.take(' ')) return at(cursor.column(), "a metric name is missing");
    auto name = cursor.take_metric_name();
    if (!name) return at(cursor.column(), name.error().message);
    metadata.metric = *name;
    if (!cursor.take(' '))
      return at(cursor.column(), "expected one space and then the ", word, " text");
    metadata.text = cursor.rest();
    if (metadata.kind == MetadataKind::kUnit && !metadata.text.empty() &&
        !metadata.metric.ends_with("_" + std::string(metadata.text)))
      return at(cursor.column(), "unit \"", metadata.text, "\" is not a suffix of metric \"",
                metadata.metric, "\"");
    if (metadata.kind == MetadataKind::kType &&
        !parse_metric_type(metadata.text, ExpositionFormat::kOpenMetrics))
      return at(cursor.column(), "invalid metric type \"", metadata.text, "\"");
    return sink_.on_metadata(metadata);
  }

  // Between the parts of a sample: exactly one space in OpenMetrics, blanks in the classic format.
  bool take_gap(TextCursor& cursor) {
    if (strict_) return cursor.take(' ');
    const bool any = cursor.at_any(" \t");
    cursor.skip_blanks();
    return any;
  }

  Status parse_sample(std::string_view line) {
    TextCursor cursor(line);
    if (auto status = cursor.skip_series(); !status)
      return at(cursor.column(), status.error().message);
    ExpositionSample sample{.series = line.substr(0, cursor.offset()), .line = line_};
    if (!take_gap(cursor) && (strict_ || !sample.series.ends_with('}')))
      return at(cursor.column(), "expected ", strict_ ? "one space" : "a space",
                " and then the value");
    const size_t value_column = cursor.column();
    sample.value_text = cursor.take_until(strict_ ? " " : " \t");
    const auto value = parse_number(sample.value_text);
    if (!value)
      return at(value_column,
                sample.value_text.empty() ? "the value is missing" : value.error().message);
    sample.value = *value;
    if (auto status = parse_rest(cursor, sample); !status) return status;
    return sink_.on_sample(sample);
  }

  Status parse_rest(TextCursor& cursor, ExpositionSample& sample) {
    if (cursor.at_end()) return {};
    (void)take_gap(cursor);
    if (cursor.at_end()) {
      if (!strict_) return {};
      return at(cursor.column(), "space at the end of the line");
    }
    if (!(strict_ && cursor.at_any("#"))) {
      const size_t column = cursor.column();
      const std::string_view text = cursor.take_until(strict_ ? " " : " \t");
      auto time = strict_ ? parse_seconds(text) : parse_milliseconds(text);
      if (!time) return at(column, time.error().message);
      sample.time = *time;
      if (cursor.at_end()) return {};
      (void)take_gap(cursor);
      if (!strict_)
        return cursor.at_end() ? Status() : at(cursor.column(), "text after the timestamp");
    }
    return parse_exemplar(cursor, sample);
  }

  Status parse_exemplar(TextCursor& cursor, ExpositionSample& sample) {
    if (!cursor.take('#') || !cursor.take(' ') || !cursor.at_any("{"))
      return at(cursor.column(), "expected an exemplar: # {labels} value [timestamp]");
    const size_t begin = cursor.offset() + 1;
    if (auto status = cursor.skip_braces(); !status)
      return at(cursor.column(), status.error().message);
    ExpositionExemplar exemplar{.labels = cursor.text().substr(begin, cursor.offset() - 1 - begin)};
    if (!cursor.take(' '))
      return at(cursor.column(), "expected one space and then the exemplar's value");
    size_t column = cursor.column();
    const auto value = parse_number(cursor.take_until(" "));
    if (!value) return at(column, "exemplar: ", value.error().message);
    exemplar.value = *value;
    if (cursor.take(' ')) {
      column = cursor.column();
      const auto time = parse_seconds(cursor.rest());
      if (!time) return at(column, "exemplar: ", time.error().message);
      exemplar.time = *time;
    }
    sample.exemplar = exemplar;
    return {};
  }

  std::string_view text_;
  const bool strict_;
  ExpositionSink& sink_;
  uint32_t line_ = 0;
  bool ended_ = false;
};

void set_label(std::string_view name, std::string value, BoundText bounds,
               model::LabelsBuilder& out) {
  if (bounds == BoundText::kNormalized && (name == "le" || name == "quantile"))
    if (const auto number = parse_float(value)) value = format_float_openmetrics(*number);
  out.set(name, value);
}

// Reads a="b",c="d" up to the end or a closing brace; a lone quoted string is the metric's name.
Status parse_pairs(TextCursor& cursor, BoundText bounds, bool name_allowed,
                   model::LabelsBuilder& out) {
  const auto fail_here = [&](std::string_view what) {
    return fail(Errc::kInvalidArgument, cursor.column(), ": ", what);
  };
  std::vector<std::string> seen;
  cursor.skip_blanks();
  while (!cursor.at_end() && !cursor.at_any("}")) {
    auto name = cursor.at_any("\"") ? cursor.take_quoted() : cursor.take_label_name();
    if (!name) return std::unexpected(std::move(name).error());
    cursor.skip_blanks();
    if (!cursor.take('=')) {
      if (!name_allowed || !out.get(model::kMetricName).empty())
        return fail_here("expected = and a label value");
      out.set(model::kMetricName, *name);
    } else {
      cursor.skip_blanks();
      auto value = cursor.take_quoted();
      if (!value) return std::unexpected(std::move(value).error());
      for (const std::string& other : seen)
        if (other == *name) return fail_here("label \"" + *name + "\" is there twice");
      set_label(*name, std::move(*value), bounds, out);
      seen.push_back(std::move(*name));
    }
    cursor.skip_blanks();
    if (!cursor.take(',')) break;
    cursor.skip_blanks();
  }
  if (!cursor.at_end() && !cursor.at_any("}")) return fail_here("expected , or }");
  return {};
}

}  // namespace

Status parse_exposition(std::string_view text, ExpositionFormat format, ExpositionSink& sink) {
  return Parser(text, format, sink).run();
}

Status parse_series(std::string_view series, BoundText bounds, model::LabelsBuilder& out) {
  TextCursor cursor(series);
  if (!cursor.at_any("{")) {
    auto name = cursor.take_metric_name();
    if (!name) return std::unexpected(std::move(name).error());
    out.set(model::kMetricName, *name);
    cursor.skip_blanks();
  }
  if (cursor.take('{')) {
    if (auto status = parse_pairs(cursor, bounds, true, out); !status) return status;
    if (!cursor.take('}')) return fail(Errc::kInvalidArgument, cursor.column(), ": expected }");
  }
  if (!cursor.at_end())
    return fail(Errc::kInvalidArgument, cursor.column(), ": text after the labels");
  if (out.get(model::kMetricName).empty())
    return fail(Errc::kInvalidArgument, "1: the metric has no name");
  return {};
}

Status parse_exemplar_labels(std::string_view labels, model::LabelsBuilder& out) {
  TextCursor cursor(labels);
  return parse_pairs(cursor, BoundText::kAsWritten, false, out);
}

std::string unescape_help(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '\\' && (next == '\\' || next == 'n' || next == '"')) {
      out += next == 'n' ? '\n' : next;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<model::MetricType> parse_metric_type(std::string_view word, ExpositionFormat format) {
  using model::MetricType;
  for (const MetricType type : {MetricType::kUnknown, MetricType::kCounter, MetricType::kGauge,
                                MetricType::kHistogram, MetricType::kGaugeHistogram,
                                MetricType::kSummary, MetricType::kInfo, MetricType::kStateset})
    if (word == model::metric_type_name(type)) return type;
  if (word == "untyped" && format == ExpositionFormat::kPrometheusText) return MetricType::kUnknown;
  return std::nullopt;
}

}  // namespace sightline::wire::openmetrics
