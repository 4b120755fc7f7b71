#include "api/prometheus/write_sink.h"

#include <algorithm>
#include <array>

#include "base/text_codec.h"

namespace sightline::api::prometheus {
namespace {

constexpr size_t kRefusalsMax = 10;  // said one by one

Status check_labels(const std::vector<model::LabelView>& labels) {
  std::string_view previous;
  bool has_name = false;
  for (const model::LabelView& label : labels) {
    if (!is_valid_utf8(label.name) || !is_valid_utf8(label.value))
      return fail(Errc::kInvalidArgument, "invalid labels: ", to_valid_utf8(label.name),
                  " is not valid UTF-8");
    if (label.name.empty()) return fail(Errc::kInvalidArgument, "invalid labels: a name is empty");
    if (label.name <= previous)
      return fail(Errc::kInvalidArgument, "invalid labels: ", label.name,
                  label.name == previous ? " comes twice" : " is not in order");
    previous = label.name;
    has_name = has_name || (label.name == model::kMetricName && !label.value.empty());
  }
  return has_name ? Status()
                  : fail(Errc::kInvalidArgument, "invalid labels: there is no metric name");
}

model::Labels make(const std::vector<model::LabelView>& labels) {
  model::LabelsBuilder builder;
  for (const model::LabelView& label : labels) builder.set(label.name, label.value);
  return builder.build();
}

// What a sender did wrong; everything else ends the request.
bool is_bad_data(const Error& error) {
  return error.code == Errc::kInvalidArgument || error.code == Errc::kOutOfRange ||
         error.code == Errc::kAlreadyExists;
}

std::optional<TimestampMs> created(int64_t start_ms) {
  return start_ms == 0 ? std::nullopt : std::optional(TimestampMs{start_ms});
}

// The family that a series of this type belongs to.
std::string_view family_of(std::string_view name, model::MetricType type) {
  using model::MetricType;
  const bool histogram = type == MetricType::kHistogram || type == MetricType::kGaugeHistogram;
  for (const std::string_view ending : {"_bucket", "_count", "_sum"})
    if (name.ends_with(ending) &&
        (histogram || (type == MetricType::kSummary && ending != "_bucket")))
      return name.substr(0, name.size() - ending.size());
  return name;
}

}  // namespace

std::string WriteTransaction::refusals() const {
  std::string out;
  for (const std::string& refusal : refusals_) out += refusal + "\n";
  if (refusals_left_out_ > 0) out += "and " + std::to_string(refusals_left_out_) + " more\n";
  return out;
}

Status WriteTransaction::refuse(Error error) {
  if (version_ == WriteVersion::k1 || !is_bad_data(error)) return std::unexpected(std::move(error));
  if (refusals_.size() < kRefusalsMax)
    refusals_.push_back(std::move(error.message));
  else
    ++refusals_left_out_;
  return {};
}

Result<tsdb::SeriesId> WriteTransaction::find_series(const wire::prometheus::WriteSeries& series) {
  auto status = series.read_labels(labels_);
  if (status) status = check_labels(labels_);
  if (!status) {
    counters_.series_skipped.add();
    return std::unexpected(std::move(status).error());
  }
  auto id = appender_.series(make(labels_));
  if (id) cache_->keep(series.identity(), *id);
  return id;
}

Status WriteTransaction::on_series(const wire::prometheus::WriteSeries& series) {
  const auto known = cache_->find(series.identity());
  if (known && until_expecting_-- == 0) {
    std::array<tsdb::SeriesId, kExpectedSeries> room;
    const auto upcoming = cache_->upcoming(room);
    appender_.expect(upcoming);
    until_expecting_ = upcoming.size() - 1;
  }
  auto id = known ? Result<tsdb::SeriesId>(*known) : find_series(series);
  if (!id) {
    // 1.0: bad labels are skipped, silently but for the count.
    if (version_ == WriteVersion::k1 && id.error().code == Errc::kInvalidArgument) return {};
    return refuse(std::move(id).error());
  }
  if (version_ == WriteVersion::k2 && series.samples.empty() && series.histograms.empty()) {
    (void)series.read_labels(labels_);
    return refuse(
        {.code = Errc::kInvalidArgument,
         .message = "TimeSeries must contain at least one sample or histogram for series " +
                    make(labels_).to_string()});
  }
  if (auto status = append_all(series, *id); !status) return status;
  append_exemplars(series, *id);
  if (series.has_metadata) set_metadata(series);
  return {};
}

// A series that left the store since it was cached is found again by its labels.
template <typename Append>
Status WriteTransaction::append_one(tsdb::SeriesId& id, const wire::prometheus::WriteSeries& series,
                                    const Append& append) {
  auto status = append(id);
  if (status || status.error().code != Errc::kNotFound) return status;
  auto again = find_series(series);
  if (!again) return std::unexpected(std::move(again).error());
  id = *again;
  return append(id);
}

Status WriteTransaction::append_all(const wire::prometheus::WriteSeries& series,
                                    tsdb::SeriesId id) {
  const auto settle = [&](Status status, uint64_t& count) -> Status {
    if (status) {
      ++count;
      return {};
    }
    counters_.samples_refused.add();
    return refuse(std::move(status).error());
  };
  for (const auto& sample : series.samples) {
    auto status = append_one(id, series, [&](tsdb::SeriesId to) {
      return appender_.append(to, sample.time, sample.value, created(sample.start_ms));
    });
    if (auto settled = settle(std::move(status), written_.samples); !settled) return settled;
  }
  for (const auto& h : series.histograms) {
    auto status = append_one(id, series, [&](tsdb::SeriesId to) {
      return appender_.append_histogram(to, h.time, h.histogram, created(h.start_ms));
    });
    if (auto settled = settle(std::move(status), written_.histograms); !settled) return settled;
  }
  return {};
}

// A bad one never ends the request; 2.0 hears of it.
void WriteTransaction::append_exemplars(const wire::prometheus::WriteSeries& series,
                                        tsdb::SeriesId id) {
  for (const auto& e : series.exemplars) {
    const bool named = std::all_of(e.labels.begin(), e.labels.end(),
                                   [](const auto& label) { return !label.name.empty(); });
    auto status =
        named ? append_one(id, series,
                           [&](tsdb::SeriesId to) {
                             return appender_.append_exemplar(
                                 to, model::Exemplar::from_labels(make(e.labels), e.value, e.time));
                           })
              : Status(fail(Errc::kInvalidArgument, "exemplar at ", e.time.value,
                            " ms: a label cannot be read"));
    if (status) {
      ++written_.exemplars;
      continue;
    }
    counters_.exemplars_refused.add();
    if (is_bad_data(status.error()))
      (void)(version_ == WriteVersion::k2 ? refuse(std::move(status).error()) : Status());
  }
}

void WriteTransaction::set_metadata(const wire::prometheus::WriteSeries& series) {
  if (!series.read_labels(labels_)) return;
  for (const model::LabelView& label : labels_)
    if (label.name == model::kMetricName)
      appender_.set_metadata(family_of(label.value, series.metadata.type), series.metadata);
}

Status WriteTransaction::on_metadata(std::string_view metric,
                                     const model::MetricMetadata& metadata) {
  appender_.set_metadata(metric, metadata);
  return {};
}

}  // namespace sightline::api::prometheus
