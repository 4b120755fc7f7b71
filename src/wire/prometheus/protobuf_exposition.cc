#include "wire/prometheus/protobuf_exposition.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/number_text.h"
#include "base/protobuf_reader.h"
#include "base/text_codec.h"
#include "wire/prometheus/exposed_histogram.h"

namespace sightline::wire::prometheus {
namespace {

using model::MetricType;

constexpr uint32_t kFamilyFields = 5;
constexpr uint32_t kMetricFields = 7;
constexpr uint32_t kCounterFields = 3;
constexpr uint32_t kSummaryFields = 4;
constexpr uint32_t kQuantileFields = 2;
constexpr char kSeparator = '\xff';  // is in no valid UTF-8

// In the order of the enum's numbers.
constexpr MetricType kTypes[] = {MetricType::kCounter,   MetricType::kGauge,
                                 MetricType::kSummary,   MetricType::kUnknown,
                                 MetricType::kHistogram, MetricType::kGaugeHistogram};

// The number of the Metric's field that holds the value of a family's type.
uint32_t value_field(MetricType type) {
  switch (type) {
    case MetricType::kGauge: return 2;
    case MetricType::kCounter: return 3;
    case MetricType::kSummary: return 4;
    case MetricType::kHistogram:
    case MetricType::kGaugeHistogram: return 7;
    default: return 5;
  }
}

double read_double(ProtobufReader& reader) { return std::bit_cast<double>(reader.fixed64()); }

// A Counter, Gauge or Untyped message: the latter two are the first field of it.
struct PlainValue {
  double value = 0;
  std::vector<model::Exemplar> exemplars;
  std::optional<TimestampMs> created;
};
void read_plain(ProtobufReader& r, bool is_counter, PlainValue& out) {
  while (r.next()) {
    if (r.tag() == protobuf_fixed64(1)) {
      out.value = read_double(r);
    } else if (is_counter && r.tag() == protobuf_bytes(2)) {
      out.exemplars.clear();
      if (auto exemplar = read_inner(r, read_exposed_exemplar))
        out.exemplars.push_back(std::move(*exemplar));
    } else if (is_counter && r.tag() == protobuf_bytes(3)) {
      out.created = read_inner(r, read_exposed_time);
    } else {
      skip_other(r, is_counter ? kCounterFields : 1);
    }
  }
}

struct Quantile {
  double quantile = 0;
  double value = 0;
};
Quantile read_quantile(ProtobufReader& r) {
  Quantile out;
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_fixed64(1): out.quantile = read_double(r); break;
      case protobuf_fixed64(2): out.value = read_double(r); break;
      default: skip_other(r, kQuantileFields);
    }
  }
  return out;
}

struct Summary {
  uint64_t count = 0;
  double sum = 0;
  std::vector<Quantile> quantiles;
  std::optional<TimestampMs> created;
};
void read_summary(ProtobufReader& r, Summary& out) {
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_varint(1): out.count = r.varint(); break;
      case protobuf_fixed64(2): out.sum = read_double(r); break;
      case protobuf_bytes(3): {
        if (out.quantiles.size() >= kQuantilesMax)
          r.refuse("a summary has too many quantiles");
        else
          out.quantiles.push_back(read_inner(r, read_quantile));
        break;
      }
      case protobuf_bytes(4): out.created = read_inner(r, read_exposed_time); break;
      default: skip_other(r, kSummaryFields);
    }
  }
}

class Decoder {
 public:
  Decoder(std::string_view body, HistogramReading reading, FamilySink& sink)
      : body_(body), reading_(reading), sink_(sink) {}

  Status run() {
    // The body reads like a message whose fields have no tags.
    ProtobufReader families(body_);
    while (families.more()) {
      const std::string_view family = families.bytes();
      if (!families.ok()) return fault(families);
      if (auto status = read_family(family); !status) return status;
    }
    return {};
  }

 private:
  template <typename... Parts>
  std::unexpected<Error> at(const char* where, const Parts&... parts) const {
    return fail(Errc::kInvalidArgument, "byte ", where - body_.data(), ": ", parts...);
  }
  std::unexpected<Error> fault(const ProtobufReader& reader) const {
    return at(reader.fault_at(), reader.fault());
  }

  // The type decides how metrics are read, and may come after them: the head is read first.
  Status read_family(std::string_view bytes) {
    head_ = {.type = MetricType::kCounter};
    uint64_t type = 0;
    size_t metrics = 0;
    ProtobufReader r(bytes);
    while (r.next()) {
      switch (r.tag()) {
        case protobuf_bytes(1): head_.name = r.bytes(); break;
        case protobuf_bytes(2): head_.help = r.bytes(); break;
        case protobuf_varint(3): type = r.varint(); break;
        case protobuf_bytes(4): r.skip(), ++metrics; break;
        case protobuf_bytes(5): head_.unit = r.bytes(); break;
        default: skip_other(r, kFamilyFields);
      }
    }
    if (!r.ok()) return fault(r);
    if (metrics == 0) return {};
    if (head_.name.empty() || !is_valid_utf8(head_.name))
      return at(bytes.data(), "invalid metric name \"", to_valid_utf8(head_.name), "\"");
    if (!is_valid_utf8(head_.help) || !is_valid_utf8(head_.unit))
      return at(bytes.data(), "help or unit of metric \"", head_.name, "\" is not valid UTF-8");
    if (type >= std::size(kTypes))
      return at(bytes.data(), "unknown metric type ", type, " of metric \"", head_.name, "\"");
    head_.type = kTypes[type];
    if (auto status = sink_.on_family(head_); !status) return status;
    for (ProtobufReader again(bytes); again.next();) {
      if (again.tag() != protobuf_bytes(4)) {
        again.skip();
        continue;
      }
      if (auto status = read_metric(again.bytes()); !status) return status;
    }
    return {};
  }

  Status read_metric(std::string_view bytes) {
    metric_ = bytes.data();
    labels_.clear();
    sample_ = {.family = head_.name, .offset = static_cast<size_t>(metric_ - body_.data())};
    const uint32_t value_tag = protobuf_bytes(value_field(head_.type));
    std::string_view value(bytes.data(), 0);
    ProtobufReader r(bytes);
    while (r.next()) {
      if (r.tag() == protobuf_bytes(1)) {
        if (labels_.size() >= kMetricLabelsMax)
          r.refuse("a metric has too many labels");
        else
          labels_.push_back(read_inner(r, read_exposed_label));
      } else if (r.tag() == protobuf_varint(6)) {
        const auto ms = static_cast<int64_t>(r.varint());
        sample_.time = ms != 0 ? std::optional(TimestampMs{ms}) : std::nullopt;
      } else if (r.tag() == value_tag) {
        value = r.bytes();
      } else if ((r.tag() & 7) == 2) {
        r.skip();  // the value of another type
      } else {
        skip_other(r, kMetricFields);
      }
    }
    if (!r.ok()) return fault(r);
    if (auto status = check_labels(); !status) return status;
    sample_.labels = labels_;
    return read_value(value);
  }

  Status check_labels() {
    labels_key_.clear();
    for (const model::LabelView& label : labels_) {
      if (label.name.empty() || !is_valid_utf8(label.name))
        return at(metric_, "invalid label name \"", to_valid_utf8(label.name), "\" of metric \"",
                  head_.name, "\"");
      if (!is_valid_utf8(label.value))
        return at(metric_, "the value of label \"", label.name, "\" of metric \"", head_.name,
                  "\" is not valid UTF-8");
      ((labels_key_ += kSeparator) += label.name) += kSeparator;
      labels_key_ += label.value;
    }
    names_.clear();
    for (const model::LabelView& label : labels_) names_.push_back(label.name);
    std::ranges::sort(names_);
    if (const auto twice = std::ranges::adjacent_find(names_); twice != names_.end())
      return at(metric_, "label \"", *twice, "\" of metric \"", head_.name, "\" is there twice");
    return {};
  }

  Status read_value(std::string_view bytes) {
    ProtobufReader r(bytes);
    switch (head_.type) {
      case MetricType::kSummary: {
        Summary summary;
        read_summary(r, summary);
        return r.ok() ? emit_summary(summary) : fault(r);
      }
      case MetricType::kHistogram:
      case MetricType::kGaugeHistogram:
        return read_exposed_histogram(r, histogram_) ? emit_histogram() : fault(r);
      default: {
        PlainValue plain;
        read_plain(r, head_.type == MetricType::kCounter, plain);
        if (!r.ok()) return fault(r);
        sample_.created = plain.created;
        sample_.exemplars = plain.exemplars;
        return emit("", {}, plain.value);
      }
    }
  }

  Status emit_summary(const Summary& summary) {
    sample_.created = summary.created;
    if (auto s = emit("_count", {}, static_cast<double>(summary.count)); !s) return s;
    if (auto s = emit("_sum", {}, summary.sum); !s) return s;
    for (const Quantile& q : summary.quantiles) {
      const std::string text = format_float_openmetrics(q.quantile);
      if (auto s = emit("", {"quantile", text}, q.value); !s) return s;
    }
    return {};
  }

  Status emit_histogram() {
    sample_.created = histogram_.created;
    const bool native = reading_.native && histogram_.is_native;
    if (native)
      if (auto status = emit_native(); !status) return status;
    const bool classic = !native || (reading_.classic_beside_native && !histogram_.buckets.empty());
    return classic ? emit_classic() : Status();
  }

  Status emit_native() {
    if (head_.type == MetricType::kGaugeHistogram)
      histogram_.native.reset_hint = model::ResetHint::kGauge;
    std::vector<model::Exemplar> exemplars = histogram_.exemplars;
    if (exemplars.empty())
      for (const ClassicBucket& bucket : histogram_.buckets)
        if (bucket.exemplar) exemplars.push_back(*bucket.exemplar);
    // One without a time could not be told from its own repetition.
    std::erase_if(exemplars, [](const model::Exemplar& e) { return !e.has_time; });
    std::ranges::stable_sort(exemplars, {}, [](const model::Exemplar& e) { return e.time; });
    sample_.histogram = &histogram_.native;
    sample_.exemplars = exemplars;
    auto status = emit("", {}, 0);
    sample_.histogram = nullptr;
    sample_.exemplars = {};
    return status;
  }

  Status emit_classic() {
    if (auto s = emit("_count", {}, histogram_.count); !s) return s;
    if (auto s = emit("_sum", {}, histogram_.sum); !s) return s;
    for (const ClassicBucket& bucket : histogram_.buckets) {
      if (bucket.exemplar) sample_.exemplars = {&*bucket.exemplar, 1};
      const std::string le = format_float_openmetrics(bucket.le);
      if (auto s = emit("_bucket", {"le", le}, bucket.cumulative_count); !s) return s;
      sample_.exemplars = {};
      if (bucket.le == std::numeric_limits<double>::infinity()) return {};
    }
    return emit("_bucket", {"le", "+Inf"}, histogram_.count);
  }

  Status emit(std::string_view suffix, model::LabelView bound, double value) {
    ((series_ = head_.name) += suffix) += labels_key_;
    if (!bound.name.empty()) {
      ((series_ += kSeparator) += bound.name) += kSeparator;
      series_ += bound.value;
    }
    sample_.series = series_;
    sample_.suffix = suffix;
    sample_.bound = bound;
    sample_.value = value;
    return sink_.on_sample(sample_);
  }

  const std::string_view body_;
  const HistogramReading reading_;
  FamilySink& sink_;
  FamilyHead head_;
  const char* metric_ = nullptr;  // the message that is being read
  std::vector<model::LabelView> labels_;
  std::vector<std::string_view> names_;
  std::string labels_key_;  // of `series_`, all but the name and the bound
  std::string series_;
  ExposedHistogram histogram_;
  FamilySample sample_;
};

}  // namespace

void FamilySample::read_labels(model::LabelsBuilder& out) const {
  for (const model::LabelView& label : labels) out.set(label.name, label.value);
  if (!bound.name.empty()) out.set(bound.name, bound.value);
  out.set(model::kMetricName, std::string(family) + std::string(suffix));
}

Status decode_protobuf_exposition(std::string_view body, HistogramReading reading,
                                  FamilySink& sink) {
  return Decoder(body, reading, sink).run();
}

}  // namespace sightline::wire::prometheus
