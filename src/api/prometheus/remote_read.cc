#include "api/prometheus/remote_read.h"

#include <algorithm>

#include "api/prometheus/parameters.h"
#include "net/compression.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"
#include "wire/prometheus/remote_read.h"

namespace sightline::api::prometheus {
namespace {

using wire::prometheus::ReadChunk;
using wire::prometheus::ReadQuery;

constexpr ReadLimits kLimits;
using ExternalLabels = std::map<std::string, std::string>;

Result<std::vector<tsdb::Matcher>> matchers_of(const ReadQuery& query,
                                               const ExternalLabels& external) {
  constexpr tsdb::MatchOp kOps[] = {tsdb::MatchOp::kEqual, tsdb::MatchOp::kNotEqual,
                                    tsdb::MatchOp::kRegex, tsdb::MatchOp::kNotRegex};
  std::vector<tsdb::Matcher> out;
  for (const wire::prometheus::ReadMatcher& matcher : query.matchers) {
    const tsdb::MatchOp op = kOps[static_cast<size_t>(matcher.type)];
    const auto ours = external.find(matcher.name);
    // An external label is in no stored series: what asks for ours means those without it.
    const bool is_met =
        op == tsdb::MatchOp::kEqual && ours != external.end() && ours->second == matcher.value;
    auto made = tsdb::Matcher::create(op, matcher.name, is_met ? std::string() : matcher.value);
    if (!made) return std::unexpected(std::move(made).error());
    out.push_back(std::move(*made));
  }
  return out;
}

model::Labels with_external(const model::Labels& labels, const ExternalLabels& external) {
  if (external.empty()) return labels;
  model::LabelsBuilder builder(labels);
  for (const auto& [name, value] : external)
    if (builder.get(name).empty()) builder.set(name, value);
  return builder.build();
}

struct Selected {
  std::vector<std::unique_ptr<tsdb::SeriesSet>> sets;  // one for each query
  std::unique_ptr<tsdb::Querier> querier;              // outlives them
  std::vector<tsdb::TimeRange> ranges;
  ~Selected() { sets.clear(); }
};

Result<std::shared_ptr<Selected>> select(const PrometheusApi& api,
                                         const wire::prometheus::ReadRequest& request,
                                         StillWanted wanted) {
  auto querier = api.store.querier(std::move(wanted));
  if (!querier) return std::unexpected(std::move(querier).error());
  auto out = std::make_shared<Selected>();
  out->querier = std::move(*querier);
  for (const ReadQuery& query : request.queries) {
    const auto matchers = matchers_of(query, api.external_labels);
    if (!matchers) return std::unexpected(matchers.error());
    const tsdb::TimeRange range{query.start, query.end};
    auto set = out->querier->select(*matchers, range);
    if (!set) return std::unexpected(std::move(set).error());
    out->sets.push_back(std::move(*set));
    out->ranges.push_back(range);
  }
  return out;
}

// One series as a message, and how many samples it has.
std::string series_message(const model::Labels& labels, const tsdb::SampleColumns& columns) {
  wire::prometheus::ReadSeriesWriter writer(labels);
  for (size_t i = 0; i < columns.times.size(); ++i) writer.add(columns.times[i], columns.values[i]);
  for (size_t i = 0; i < columns.histograms.size(); ++i)
    writer.add(columns.histogram_times[i], *columns.histograms[i]);
  return writer.take();
}

Result<std::string> sampled(const Selected& selected, const ExternalLabels& external) {
  std::string response;
  tsdb::SampleColumns columns;
  uint64_t samples = 0;
  for (size_t q = 0; q < selected.sets.size(); ++q) {
    const tsdb::SeriesSet& set = *selected.sets[q];
    std::string result;
    for (size_t i = 0; i < set.size(); ++i) {
      if (auto status = set.read(i, selected.ranges[q], columns); !status)
        return std::unexpected(std::move(status).error());
      const size_t count = columns.times.size() + columns.histograms.size();
      if (count == 0) continue;
      if ((samples += count) > kLimits.samples_max)
        return fail(Errc::kResourceExhausted, "exceeded sample limit (", kLimits.samples_max, ")");
      wire::prometheus::append_series(
          result, series_message(with_external(set.labels(i), external), columns));
    }
    wire::prometheus::append_query_result(response, result);
  }
  return net::snappy_compress(response);
}

// Frames of one series each, in the order of queries and labels.
class Frames final : public net::BodySource {
 public:
  Frames(std::shared_ptr<Selected> selected, ExternalLabels external,
         std::shared_ptr<const net::Cancellation> client)
      : selected_(std::move(selected)),
        external_(std::move(external)),
        client_(std::move(client)) {}

  Next next(std::string& out) override {
    const size_t begin = out.size();
    while (query_ < selected_->sets.size() && out.size() - begin < kLimits.frame_bytes_max / 4) {
      const tsdb::SeriesSet& set = *selected_->sets[query_];
      if (series_ == set.size()) {
        ++query_;
        series_ = 0;
        continue;
      }
      if (client_ && client_->cancelled()) return Next::kBroken;
      if (!set.read(series_, selected_->ranges[query_], columns_)) return Next::kBroken;
      append_series(out, with_external(set.labels(series_), external_));
      ++series_;
    }
    return query_ < selected_->sets.size() ? Next::kMore : Next::kEnd;
  }

 private:
  void append_series(std::string& out, const model::Labels& labels) {
    std::vector<ReadChunk> chunks = chunks_of(columns_);
    for (size_t first = 0; first < chunks.size();) {
      size_t last = first, bytes = labels.packed().size();
      do bytes += chunks[last++].data.size();
      while (last < chunks.size() && bytes + chunks[last].data.size() < kLimits.frame_bytes_max);
      wire::prometheus::append_frame(out, labels, std::span(chunks).subspan(first, last - first),
                                     query_);
      first = last;
    }
  }

  static std::vector<ReadChunk> chunks_of(const tsdb::SampleColumns& columns) {
    std::vector<ReadChunk> chunks;
    for (size_t at = 0; at < columns.times.size(); at += tsdb::kXorSamplesMax) {
      const size_t count = std::min(tsdb::kXorSamplesMax, columns.times.size() - at);
      const auto times = std::span(columns.times).subspan(at, count);
      const auto values = std::span(columns.values).subspan(at, count);
      chunks.push_back(
          {times.front(), times.back(), tsdb::kXorEncoding, tsdb::encode_xor_chunk(times, values)});
    }
    for (size_t at = 0; at < columns.histograms.size();) {
      const auto times = std::span(columns.histogram_times).subspan(at);
      auto chunk = tsdb::encode_histogram_chunk(times, std::span(columns.histograms).subspan(at));
      chunks.push_back(
          {times.front(), times[chunk.samples - 1], chunk.encoding, std::move(chunk.data)});
      at += chunk.samples;
    }
    std::ranges::stable_sort(chunks, {}, &ReadChunk::min_time_ms);
    return chunks;
  }

  const std::shared_ptr<Selected> selected_;
  const ExternalLabels external_;
  const std::shared_ptr<const net::Cancellation> client_;
  tsdb::SampleColumns columns_;
  size_t query_ = 0;
  size_t series_ = 0;
};

net::HttpResponse refused(const Error& error) {
  switch (error.code) {
    case Errc::kInvalidArgument:
    case Errc::kResourceExhausted: return net::HttpResponse::text(400, error.message + "\n");
    case Errc::kCancelled: return net::HttpResponse::text(499, error.message + "\n");
    default: return net::HttpResponse::text(500, error.message + "\n");
  }
}

Result<int64_t> chosen_type(const std::vector<int64_t>& accepted) {
  if (accepted.empty()) return wire::prometheus::kReadSamples;
  for (const int64_t type : accepted)
    if (type == wire::prometheus::kReadSamples || type == wire::prometheus::kReadStreamedChunks)
      return type;
  std::string list;
  for (const int64_t type : accepted) list += (list.empty() ? "" : " ") + std::to_string(type);
  return fail(Errc::kInvalidArgument,
              "server does not support any of the requested response types: [", list,
              "]; supported: map[SAMPLES:{} STREAMED_XOR_CHUNKS:{}]");
}

net::HttpResponse read(const PrometheusApi& api, const net::HttpRequest& request) {
  auto plain = net::snappy_decompress(request.body, kLimits.request_bytes_max);
  if (!plain) return net::HttpResponse::text(400, plain.error().message + "\n");
  const auto asked = wire::prometheus::decode_read_request(*plain);
  if (!asked) return refused(asked.error());
  const auto type = chosen_type(asked->accepted_types);
  if (!type) return refused(type.error());
  const auto selected = select(api, *asked, while_client_waits(request));
  if (!selected) return refused(selected.error());
  net::HttpResponse response;
  if (*type == wire::prometheus::kReadStreamedChunks) {
    response.headers.set("Content-Type",
                         "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
    response.rest = std::make_shared<Frames>(*selected, api.external_labels, request.cancellation);
    return response;
  }
  auto body = sampled(**selected, api.external_labels);
  if (!body) return refused(body.error());
  response.headers.set("Content-Type", "application/x-protobuf");
  response.headers.set("Content-Encoding", "snappy");
  response.body = std::move(*body);
  return response;
}

}  // namespace

void add_remote_read(net::HttpRouter& router, std::shared_ptr<const PrometheusApi> api) {
  router.add(
      "POST", "/api/v1/read", [api](net::HttpRequest& request) { return read(*api, request); },
      {.pool = api->query_pool, .body_bytes_max = kLimits.request_bytes_max, .raw_body = true});
}

}  // namespace sightline::api::prometheus
