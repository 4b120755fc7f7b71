#include "bench/metrics_workload.h"

#include <array>
#include <cmath>
#include <map>
#include <protozero/pbf_writer.hpp>

#include "net/compression.h"

namespace sightline::bench {
namespace {

constexpr std::array<double, 11> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                            0.5,   1,    2.5,   5,    10};
constexpr std::array kBoundTexts = {"0.005", "0.01", "0.025", "0.05", "0.1",  "0.25",
                                    "0.5",   "1.0",  "2.5",   "5.0",  "10.0", "+Inf"};
constexpr std::array kRoutes = {
    "/", "/api/v1/orders", "/api/v1/orders/{id}", "/api/v1/cart", "/api/v1/products", "/healthz"};
constexpr std::array kServices = {"checkout", "cart",           "frontend", "payment",
                                  "shipping", "recommendation", "catalog"};
constexpr size_t kHistograms = 8;
constexpr size_t kCounters = 10;
constexpr size_t kGauges = 12;
constexpr size_t kSeriesPerHistogram = kBounds.size() + 3;
static_assert(kHistograms * kSeriesPerHistogram + kCounters + kGauges == kSeriesPerPod);
constexpr std::array kTables = {"orders", "order_items", "products", "prices",  "customers",
                                "carts",  "sessions",    "stock",    "reviews", "events"};
constexpr std::array kOutcomes = {std::pair{"GET", "200"}, std::pair{"GET", "404"},
                                  std::pair{"POST", "500"}};
static_assert((kHistograms - kRoutes.size()) * kSeriesPerHistogram ==
              kRoutes.size() * kOutcomes.size() + kTables.size());

using Pairs = std::map<std::string, std::string>;

std::string encode(const Pairs& pairs) {
  std::string out;
  protozero::pbf_writer series(out);
  for (const auto& [name, value] : pairs) {
    protozero::pbf_writer label(series, 1);
    label.add_string(1, name);
    label.add_string(2, value);
  }
  return out;
}

}  // namespace

MetricsWorkload::MetricsWorkload(size_t series, uint64_t seed, MetricsMix mix)
    : random_(seed), series_(series), mix_(mix) {
  pods_.resize((series + kSeriesPerPod - 1) / kSeriesPerPod);
  bucket_exemplars_.resize(kBounds.size() + 1);
  for (size_t p = 0; p < pods_.size(); ++p) {
    Pod& pod = pods_[p];
    pod.offset_ms = static_cast<int64_t>(random_.below(kScrapeMs));
    pod.load = std::exp(0.8 * normal());
    for (size_t h = 0; h < (mix == MetricsMix::kRequests ? kRoutes.size() : kHistograms); ++h)
      pod.histograms.push_back({.requests_per_scrape = 4 * std::exp(1.2 * normal()),
                                .log_seconds = std::log(0.03) + 0.7 * normal(),
                                .log_spread = 0.5 + 0.4 * random_.unit(),
                                .buckets = std::vector<uint64_t>(kBounds.size() + 1)});
    if (mix == MetricsMix::kRequests) add_request_counters(pod);
    for (size_t c = 0; c < kCounters; ++c)
      pod.counters.push_back({.per_scrape = std::exp(2 + 2 * normal()),
                              .is_seconds = c < 2,
                              .value = std::floor(1e4 * random_.unit()),
                              .weight = c == 3 || c == 4 ? 900.0 : 1});
    for (size_t g = 0; g < kGauges; ++g) {
      const Gauge::Kind kind = g < 3   ? Gauge::kBytes
                               : g < 7 ? Gauge::kCount
                               : g < 9 ? Gauge::kRatio
                                       : Gauge::kConstant;
      const std::array<double, 4> start = {2e8, 40, 0.5, std::floor(random_.unit() * 8) + 1};
      pod.gauges.push_back({.kind = kind, .value = start[kind]});
    }
    name_series(pod, p);
  }
}

void MetricsWorkload::add_request_counters(Pod& pod) {
  for (size_t r = 0; r < kRoutes.size(); ++r) {
    const double requests = std::exp(2.5 + normal());
    for (const double share : {0.97, 0.02, 0.01})
      pod.counters.push_back(
          {.per_scrape = requests * share, .value = std::floor(1e5 * share * random_.unit())});
  }
  for (size_t t = 0; t < kTables.size(); ++t)
    pod.counters.push_back(
        {.per_scrape = std::exp(2 + normal()), .value = std::floor(1e4 * random_.unit())});
}

void MetricsWorkload::name_series(Pod& pod, size_t number) {
  const std::string service = kServices[number % kServices.size()];
  Pairs base{{"cluster", "eu-1"},
             {"instance", "10.4." + std::to_string(number / 250) + "." +
                              std::to_string(number % 250) + ":8080"},
             {"job", "shop/" + service},
             {"namespace", "shop"},
             {"pod", service + "-7d9f8b6c5-" + std::to_string(10000 + number * 37)},
             {"service", service}};
  const auto name = [&](std::string metric, const Pairs& more) {
    Pairs all = base;
    all.insert(more.begin(), more.end());
    all["__name__"] = std::move(metric);
    pod.labels.push_back(encode(all));
  };
  for (size_t h = 0; h < pod.histograms.size(); ++h) {
    const bool server = h < kRoutes.size();
    const std::string metric =
        server ? "http_server_request_duration_seconds" : "rpc_client_duration_seconds";
    const Pairs own = server ? Pairs{{"method", h % 3 == 1 ? "POST" : "GET"},
                                     {"route", kRoutes[h]},
                                     {"status", h == 3 ? "500" : "200"}}
                             : Pairs{{"method", h == 6 ? "GetCart" : "Charge"}, {"status", "OK"}};
    for (const char* le : kBoundTexts) {
      Pairs bucket = own;
      bucket["le"] = le;
      name(metric + "_bucket", bucket);
    }
    name(metric + "_sum", own);
    name(metric + "_count", own);
  }
  if (mix_ == MetricsMix::kRequests) {
    for (const char* route : kRoutes)
      for (const auto& [method, status] : kOutcomes)
        name("requests_total", {{"method", method}, {"route", route}, {"status", status}});
    for (const char* table : kTables) name("table_queries_total", {{"table", table}});
  }
  constexpr std::array counters = {"process_cpu_seconds_total",
                                   "go_gc_duration_seconds_total",
                                   "http_server_requests_total",
                                   "network_receive_bytes_total",
                                   "network_transmit_bytes_total",
                                   "db_queries_total",
                                   "cache_hits_total",
                                   "cache_misses_total",
                                   "log_lines_total",
                                   "errors_total"};
  for (const char* counter : counters) name(counter, {});
  constexpr std::array gauges = {"process_resident_memory_bytes",
                                 "go_memstats_heap_inuse_bytes",
                                 "go_memstats_stack_inuse_bytes",
                                 "go_goroutines",
                                 "process_open_fds",
                                 "queue_length",
                                 "db_connections_in_use",
                                 "cpu_usage_ratio",
                                 "memory_usage_ratio",
                                 "process_start_time_seconds",
                                 "go_threads_max",
                                 "build_info"};
  for (const char* gauge : gauges) name(gauge, {});
}

double MetricsWorkload::normal() {
  return std::sqrt(-2 * std::log(1 - random_.unit())) *
         std::cos(6.283185307179586 * random_.unit());
}

uint64_t MetricsWorkload::poisson(double mean) {
  if (mean > 30)
    return static_cast<uint64_t>(std::max(0.0, std::round(mean + std::sqrt(mean) * normal())));
  uint64_t n = 0;
  for (double p = random_.unit(), limit = std::exp(-mean); p > limit; p *= random_.unit()) ++n;
  return n;
}

std::string MetricsWorkload::exemplar(double value, int64_t time) {
  constexpr char digits[] = "0123456789abcdef";
  std::string trace;
  std::string span;
  for (int i = 0; i < 32; ++i) trace.push_back(digits[random_.below(16)]);
  for (int i = 0; i < 16; ++i) span.push_back(digits[random_.below(16)]);
  std::string out;
  {
    protozero::pbf_writer message(out);
    const auto label = [&](std::string_view name, const std::string& text) {
      protozero::pbf_writer pair(message, 1);
      pair.add_bytes(1, name.data(), name.size());
      pair.add_string(2, text);
    };
    label("span_id", span);
    label("trace_id", trace);
    message.add_double(2, value);
    message.add_int64(3, time);
  }
  ++exemplars_;
  return out;
}

void MetricsWorkload::add(const std::string& labels, double value, int64_t time,
                          const std::string& exemplar_bytes) {
  if (samples_ % series_ == 0 && request_series_ > 0) finish_request();
  std::string body = labels;
  {
    protozero::pbf_writer series(body);
    {
      protozero::pbf_writer sample(series, 2);
      sample.add_double(1, value);
      sample.add_int64(2, time);
    }
    if (!exemplar_bytes.empty()) series.add_message(3, exemplar_bytes);
  }
  protozero::pbf_writer(request_).add_message(1, body);
  ++samples_;
  if (++request_series_ == kRequestSeries) finish_request();
}

void MetricsWorkload::finish_request() {
  requests_.push_back(net::snappy_compress(request_));
  request_.clear();
  request_series_ = 0;
}

void MetricsWorkload::observe(Pod& pod, Histogram& h, double swing, int64_t time,
                              size_t first_series) {
  for (auto& each : bucket_exemplars_) each.clear();
  const uint64_t requests = poisson(h.requests_per_scrape * pod.load * swing);
  for (uint64_t i = 0; i < requests; ++i) {
    const auto nanoseconds =
        static_cast<int64_t>(std::exp(h.log_seconds + h.log_spread * normal()) * 1e9);
    const double seconds = static_cast<double>(nanoseconds) / 1e9;
    h.sum += seconds;
    const auto bucket = static_cast<size_t>(
        std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin());
    ++h.buckets[bucket];
    ++h.count;
    // One request in two hundred is traced.
    if (random_.below(200) == 0)
      bucket_exemplars_[bucket] =
          exemplar(seconds, time - static_cast<int64_t>(random_.below(kScrapeMs)));
  }
  uint64_t cumulative = 0;
  for (size_t b = 0; b < h.buckets.size(); ++b) {
    cumulative += h.buckets[b];
    add(pod.labels[first_series + b], static_cast<double>(cumulative), time, bucket_exemplars_[b]);
  }
  add(pod.labels[first_series + h.buckets.size()], h.sum, time, {});
  add(pod.labels[first_series + h.buckets.size() + 1], static_cast<double>(h.count), time, {});
}

std::vector<std::string> MetricsWorkload::scrape(int64_t time_ms) {
  requests_.clear();
  const double swing = 1 + 0.5 * std::sin(static_cast<double>(time_ms % 86'400'000) / 86'400'000 *
                                          6.283185307179586);
  size_t left = series_;
  for (Pod& pod : pods_) {
    // A scrape is late by a millisecond now and then.
    const int64_t time = time_ms + pod.offset_ms + (random_.below(10) == 0 ? 1 : 0);
    const size_t series = std::min(left, kSeriesPerPod);
    left -= series;
    size_t at = 0;
    for (Histogram& h : pod.histograms) {
      if (at + h.buckets.size() + 2 > series) break;
      observe(pod, h, swing, time, at);
      at += h.buckets.size() + 2;
    }
    for (size_t c = 0; c < pod.counters.size() && at < series; ++c, ++at) {
      Counter& counter = pod.counters[c];
      if (counter.is_seconds)
        counter.value += 0.01 * static_cast<double>(poisson(counter.per_scrape * pod.load));
      else
        counter.value += static_cast<double>(poisson(counter.per_scrape * swing * counter.weight));
      add(pod.labels[kSeriesPerPod - kGauges - pod.counters.size() + c], counter.value, time, {});
    }
    for (size_t g = 0; g < pod.gauges.size() && at < series; ++g, ++at) {
      Gauge& gauge = pod.gauges[g];
      if (gauge.kind == Gauge::kBytes && random_.below(2) == 0)
        gauge.value = std::max(4096.0, gauge.value + 4096 * std::round(40 * normal()));
      if (gauge.kind == Gauge::kCount)
        gauge.value = std::max(0.0, gauge.value + std::round(0.8 * normal()));
      if (gauge.kind == Gauge::kRatio)
        gauge.value = std::round(std::clamp(gauge.value + 0.02 * normal(), 0.0, 1.0) * 1e4) / 1e4;
      add(pod.labels[kSeriesPerPod - kGauges + g], gauge.value, time, {});
    }
  }
  if (request_series_ > 0) finish_request();
  return std::move(requests_);
}

}  // namespace sightline::bench
