#include "wire/openmetrics/check_openmetrics.h"

#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "model/exemplar.h"
#include "wire/openmetrics/exposition_parser.h"
#include "wire/openmetrics/histogram_check.h"
#include "wire/openmetrics/text_cursor.h"

namespace sightline::wire::openmetrics {
namespace {

using model::MetricType;

// What may follow a family's name in its samples' names.
std::vector<std::string_view> suffixes_of(MetricType type) {
  switch (type) {
    case MetricType::kCounter: return {"_total", "_created"};
    case MetricType::kSummary: return {"", "_count", "_sum", "_created"};
    case MetricType::kHistogram: return {"_bucket", "_count", "_sum", "_created"};
    case MetricType::kGaugeHistogram: return {"_bucket", "_gcount", "_gsum"};
    case MetricType::kInfo: return {"_info"};
    default: return {""};
  }
}

bool is_histogram(MetricType type) {
  return type == MetricType::kHistogram || type == MetricType::kGaugeHistogram;
}

size_t utf8_characters(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n;
}

// The inside of braces by the letter: name="value", joined by single commas, no blanks.
Status check_pairs(std::string_view pairs) {
  TextCursor cursor(pairs);
  if (cursor.at_end()) return {};
  for (;;) {
    if (auto name = cursor.take_label_name(); !name)
      return std::unexpected(std::move(name).error());
    if (!cursor.take('=')) return fail(Errc::kInvalidArgument, cursor.column(), ": expected =");
    if (auto value = cursor.take_quoted(); !value) return std::unexpected(std::move(value).error());
    if (cursor.at_end()) return {};
    if (!cursor.take(',')) return fail(Errc::kInvalidArgument, cursor.column(), ": expected ,");
  }
}

// A bound that is infinite must be written as the canonical "+Inf".
Result<double> parse_bound(std::string_view text) {
  const auto value = parse_number(text);
  if (!value || std::isnan(*value))
    return fail(Errc::kInvalidArgument, "invalid bound \"", text, "\"");
  if (std::isinf(*value) && *value > 0 && text != "+Inf")
    return fail(Errc::kInvalidArgument, "\"", text, "\" must be written +Inf");
  return *value;
}

class Checker final : public ExpositionSink {
 public:
  Status on_metadata(const ExpositionMetadata& metadata) override {
    line_ = metadata.line;
    if (!is_started_ || metadata.metric != name_) {
      if (auto status = finish(); !status) return status;
      begin(metadata.metric);
    } else if (has_samples_) {
      return at("metadata after the samples of \"", name_, "\"");
    }
    if (!model::is_valid_metric_name_legacy(metadata.metric))
      return at("invalid metric name \"", metadata.metric, "\"");
    bool& seen = metadata.kind == MetadataKind::kHelp   ? has_help_
                 : metadata.kind == MetadataKind::kType ? has_type_
                                                        : has_unit_;
    if (seen) return at("metadata of \"", name_, "\" is there twice");
    seen = true;
    if (metadata.kind == MetadataKind::kType)
      type_ = *parse_metric_type(metadata.text, ExpositionFormat::kOpenMetrics);
    if (metadata.kind == MetadataKind::kUnit) unit_ = metadata.text;
    return {};
  }

  Status on_sample(const ExpositionSample& sample) override {
    line_ = sample.line;
    const size_t brace = sample.series.find('{');
    const std::string_view sample_name = sample.series.substr(0, brace);
    if (!model::is_valid_metric_name_legacy(sample_name))
      return at("invalid metric name \"", sample_name, "\"");
    model::LabelsBuilder labels;
    if (brace != std::string_view::npos) {
      if (auto status =
              check_pairs(sample.series.substr(brace + 1, sample.series.size() - brace - 2));
          !status)
        return at(status.error().message);
    }
    if (auto status = parse_series(sample.series, BoundText::kAsWritten, labels); !status)
      return at(status.error().message);
    labels.remove(model::kMetricName);
    if (!belongs(sample_name)) {
      if (auto status = finish(); !status) return status;
      begin(sample_name);
    }
    has_samples_ = true;
    suffix_ = sample_name.substr(name_.size());
    return check_sample(sample, labels);
  }

  Status finish() {
    if (!is_started_) return {};
    is_started_ = false;
    std::set<std::string> names = {name_};
    for (const std::string_view suffix : suffixes_of(type_))
      names.insert(name_ + std::string(suffix));
    for (const std::string& name : names)
      if (!names_seen_.insert(name).second)
        return at("\"", name, "\" clashes with an earlier metric of that name");
    if (!unit_.empty()) {
      if (type_ == MetricType::kInfo || type_ == MetricType::kStateset)
        return at("\"", name_, "\" may not have a unit");
      if (!std::string_view(name_).ends_with("_" + unit_))
        return at("\"", name_, "\" does not end with its unit _", unit_);
    }
    if (auto status = histogram_.finish(); !status) return at(status.error().message);
    return {};
  }

 private:
  template <typename... Parts>
  std::unexpected<Error> at(const Parts&... parts) {
    return fail(Errc::kInvalidArgument, line_, ":1: ", parts...);
  }

  void begin(std::string_view name) {
    is_started_ = true;
    name_ = name;
    type_ = MetricType::kUnknown;
    unit_.clear();
    has_help_ = has_type_ = has_unit_ = has_samples_ = false;
    group_.reset();
    group_time_.reset();
    groups_seen_.clear();
    histogram_ = HistogramCheck();
  }

  bool belongs(std::string_view sample_name) const {
    if (!is_started_ || !sample_name.starts_with(name_)) return false;
    for (const std::string_view suffix : suffixes_of(type_))
      if (sample_name.substr(name_.size()) == suffix) return true;
    return false;
  }

  Status check_sample(const ExpositionSample& sample, model::LabelsBuilder& labels) {
    double bound = 0;
    if (auto status = check_special_labels(labels, bound); !status) return status;
    if (auto status = check_value(sample.value); !status) return status;
    if (auto status = check_exemplar(sample); !status) return status;
    if (auto status = check_group(sample, group_labels(labels)); !status) return status;
    if (!is_histogram(type_)) return {};
    auto status = histogram_.add({.suffix = suffix_,
                                  .group = group_labels(labels),
                                  .time = sample.time,
                                  .bound = bound,
                                  .value = sample.value});
    if (!status) return at(status.error().message);
    return {};
  }

  // Labels that belong to the type: le, quantile, the state's name.
  Status check_special_labels(const model::LabelsBuilder& labels, double& bound) {
    if (type_ == MetricType::kStateset && labels.get(name_).empty())
      return at("a stateset's sample needs the label \"", name_, "\"");
    if (is_histogram(type_) && suffix_ == "_bucket") {
      const auto le = parse_bound(labels.get("le"));
      if (!le) return at("label le: ", le.error().message);
      bound = *le;
    }
    if (type_ == MetricType::kSummary && suffix_.empty()) {
      const auto quantile = parse_bound(labels.get("quantile"));
      if (!quantile || *quantile < 0 || *quantile > 1)
        return at("label quantile must be a number from 0 to 1, is \"", labels.get("quantile"),
                  "\"");
    }
    return {};
  }

  Status check_value(double value) {
    if (type_ == MetricType::kStateset && value != 0 && value != 1)
      return at("a stateset's value must be 0 or 1");
    if (type_ == MetricType::kInfo && value != 1) return at("an info's value must be 1");
    if (type_ == MetricType::kSummary && suffix_.empty() && value < 0)
      return at("a quantile cannot be negative");
    const bool counts = suffix_ == "_total" || suffix_ == "_sum" || suffix_ == "_count" ||
                        suffix_ == "_bucket" || suffix_ == "_gcount";
    if ((counts || suffix_ == "_gsum") && std::isnan(value))
      return at("a sample that counts cannot be NaN");
    if (counts && value < 0) return at("a sample that counts cannot be negative");
    return {};
  }

  Status check_exemplar(const ExpositionSample& sample) {
    if (!sample.exemplar) return {};
    const bool allowed = (is_histogram(type_) && suffix_ == "_bucket") ||
                         (type_ == MetricType::kCounter && suffix_ == "_total");
    if (!allowed) return at("only histogram buckets and counters may have exemplars");
    model::LabelsBuilder labels;
    if (auto status = check_pairs(sample.exemplar->labels); !status)
      return at("exemplar: ", status.error().message);
    if (auto status = parse_exemplar_labels(sample.exemplar->labels, labels); !status)
      return at("exemplar: ", status.error().message);
    size_t characters = 0;
    for (const model::LabelView label : labels.build())
      characters += utf8_characters(label.name) + utf8_characters(label.value);
    if (characters > model::kExemplarLabelCharsMax)
      return at("exemplar: its labels have ", characters, " characters, more than ",
                model::kExemplarLabelCharsMax);
    return {};
  }

  // What the samples of one metric have in common.
  model::Labels group_labels(model::LabelsBuilder labels) const {
    if (type_ == MetricType::kSummary && suffix_.empty()) labels.remove("quantile");
    if (type_ == MetricType::kStateset) labels.remove(name_);
    if (is_histogram(type_) && suffix_ == "_bucket") labels.remove("le");
    return labels.build();
  }

  // Samples of a group lie together, all with or all without time, which does not go back.
  Status check_group(const ExpositionSample& sample, model::Labels group) {
    if (group_ != group) {
      if (!groups_seen_.insert(std::string(group.packed())).second)
        return at("the samples of one metric must lie together");
      group_ = std::move(group);
    } else {
      if (sample.time.has_value() != group_time_.has_value())
        return at("samples of one metric must all have a timestamp, or none");
      if (group_time_ && *sample.time < *group_time_ && type_ != MetricType::kInfo)
        return at("timestamps of one metric must not go back");
    }
    group_time_ = sample.time;
    return {};
  }

  uint32_t line_ = 1;
  std::set<std::string> names_seen_;
  // The family being read.
  bool is_started_ = false;
  std::string name_;
  MetricType type_ = MetricType::kUnknown;
  std::string unit_;
  bool has_help_ = false;
  bool has_type_ = false;
  bool has_unit_ = false;
  bool has_samples_ = false;
  std::string_view suffix_;  // of the sample being read
  std::optional<model::Labels> group_;
  std::optional<TimestampMs> group_time_;
  std::set<std::string> groups_seen_;
  HistogramCheck histogram_;
};

}  // namespace

Status check_openmetrics(std::string_view text) {
  Checker checker;
  if (auto status = parse_exposition(text, ExpositionFormat::kOpenMetrics, checker); !status)
    return status;
  return checker.finish();
}

}  // namespace sightline::wire::openmetrics
