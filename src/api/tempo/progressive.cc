#include "api/tempo/progressive.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "api/tempo/engine_access.h"
#include "api/tempo/protobuf_answers.h"
#include "api/tempo/time_windows.h"

namespace sightline::api::tempo {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kFirstWindow = std::chrono::minutes(15);  // of a search
constexpr nanoseconds kQuietMax = std::chrono::seconds(1);      // then a client hears of progress
constexpr uint64_t kFirstIntervals = 16;                        // of a metrics query

Status send_all(std::vector<std::string> messages, const SendMessage& send) {
  for (std::string& message : messages)
    if (!send(std::move(message))) return fail(Errc::kCancelled, "context canceled");
  return {};
}

// The jobs of the window that is done now: one more is to come, or none.
Jobs jobs_of(uint32_t windows, bool is_last) { return {windows, is_last ? windows : windows + 1}; }

// A query whose windows put together are the whole: one function, nothing behind it.
bool is_divisible(const traceql::Query& query) {
  return query.metrics && query.metrics->kind == traceql::Metrics::Kind::kFunction &&
         query.metrics->second_stages.empty() &&
         query.metrics->function != traceql::MetricsFunction::kCompare;
}

// Whether a series is 0 where it has no spans.
bool counts_nothing_as_zero(traceql::MetricsFunction function) {
  using enum traceql::MetricsFunction;
  return function == kRate || function == kCountOverTime || function == kQuantileOverTime ||
         function == kHistogramOverTime;
}

std::string text_of(const traceql::MetricsLabels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    out.append(key).push_back(static_cast<char>(value.type));
    out.append(traceql::display_text(value.view())).push_back('\0');
  }
  return out;
}

// Ends of intervals, as multiples of the step.
struct Intervals {
  uint64_t first = 0;
  uint64_t last = 0;
};

// The series of all windows so far, and in which of them each has samples.
class SeenSeries {
 public:
  explicit SeenSeries(uint32_t series_max) : series_max_(series_max) {}

  // Leaves out of `result` what is over the limit.
  void add(traceql::MetricsResult& result, const Intervals& window) {
    std::erase_if(result.series, [&](const traceql::MetricsSeries& series) {
      const auto [at, added] = seen_.try_emplace(text_of(series.labels));
      if (added && seen_.size() > series_max_) {
        seen_.erase(at);
        truncated_ = true;
        return true;
      }
      at->second.labels = series.labels;
      at->second.in.push_back(window);
      return false;
    });
    truncated_ = truncated_ || result.truncated;
    result.truncated = truncated_;
  }

  // Zeros for every interval of `all` in which a series was not seen.
  traceql::MetricsResult zeros(const Intervals& all, nanoseconds step) const {
    traceql::MetricsResult result{.truncated = truncated_};
    for (uint64_t i = all.first; i <= all.last; ++i)
      result.times_ms.push_back(static_cast<int64_t>(i) * step.count() / 1'000'000);
    for (const auto& [text, seen] : seen_) {
      traceql::MetricsSeries series{.labels = seen.labels};
      series.values.assign(result.times_ms.size(), 0);
      for (const Intervals& window : seen.in)
        std::fill(series.values.begin() + static_cast<ptrdiff_t>(window.first - all.first),
                  series.values.begin() + static_cast<ptrdiff_t>(window.last - all.first + 1),
                  std::numeric_limits<double>::quiet_NaN());
      if (!std::ranges::all_of(series.values, [](double v) { return std::isnan(v); }))
        result.series.push_back(std::move(series));
    }
    return result;
  }

 private:
  struct Seen {
    traceql::MetricsLabels labels;
    std::vector<Intervals> in;
  };
  const uint32_t series_max_;
  bool truncated_ = false;
  std::map<std::string, Seen> seen_;  // by the text of labels
};

}  // namespace

Status stream_search(const TempoApi& api, const net::HttpRequest& request,
                     const SendMessage& send) {
  auto question = read_search(api, request);
  if (!question) return std::unexpected(std::move(question).error());
  traceql::SearchOptions& options = question->options;
  const size_t limit = options.limit;
  // What has no end ends now; the first window goes on into the future.
  const uint64_t end = std::min(options.end.value, api.clock.now().value);
  const TimestampNs start_given = options.start, end_given = options.end;
  TimeWindows windows(std::min(options.start.value, end), end,
                      static_cast<uint64_t>(kFirstWindow.count()));
  std::set<TraceId> sent;
  traceql::SearchResult part;
  nanoseconds took{0}, sent_at = api.clock.monotonic();
  for (uint32_t count = 1; const auto window = windows.next(took); ++count) {
    options.start = window->is_last ? start_given : TimestampNs{window->start};
    options.end = count == 1 ? end_given : TimestampNs{window->end};
    const nanoseconds began = api.clock.monotonic();
    auto found = engine_of(api).search(question->query, options);
    if (!found) return std::unexpected(std::move(found).error());
    took = api.clock.monotonic() - began;
    part.inspected_traces += found->inspected_traces;
    part.inspected_bytes += found->inspected_bytes;
    part.traces.clear();
    // One that starts before the window is older than some that are yet to be found: its own window shows it.
    for (traceql::FoundTrace& trace : found->traces)
      if ((window->is_last || trace.start.value >= window->start) && sent.size() < limit &&
          sent.insert(trace.id).second)
        part.traces.push_back(std::move(trace));
    const bool is_last = window->is_last || sent.size() >= limit;
    const bool is_due = api.clock.monotonic() - sent_at >= kQuietMax;
    if (part.traces.empty() && !is_last && !is_due) continue;
    sent_at = api.clock.monotonic();
    if (auto done = send_all(search_messages(part, question->with_spansets, kMessageBytesMax,
                                             jobs_of(count, is_last)),
                             send);
        !done || is_last)
      return done;
  }
  return {};
}

Status stream_query_range(const TempoApi& api, MetricsRequest given, const SendMessage& send) {
  auto request = checked_query_range(api, std::move(given));
  if (!request) return std::unexpected(std::move(request).error());
  traceql::MetricsOptions& options = request->options;
  const auto step = static_cast<uint64_t>(options.step.count());
  constexpr uint64_t kEndMax = uint64_t{1} << 62;
  const Intervals all{std::min(options.start.value, kEndMax) / step,
                      (std::min(options.end.value, kEndMax) + step - 1) / step};
  const auto query = traceql::parse(request->query);
  if (!query || !is_divisible(*query) || all.last - all.first < 2 * kFirstIntervals) {
    const auto whole = engine_of(api).metrics_range(request->query, options);
    if (!whole) return std::unexpected(whole.error());
    return send_all(query_range_messages(*whole, kMessageBytesMax, {}), send);
  }
  TimeWindows windows(all.first, all.last + 1, kFirstIntervals);  // [start, end)
  SeenSeries seen(options.series_max);
  const uint32_t exemplars = options.exemplars;
  uint64_t traces = 0, bytes = 0;
  nanoseconds took{0};
  for (uint32_t count = 1; const auto window = windows.next(took); ++count) {
    const Intervals ends{window->start, window->end - 1};
    options.start = {ends.first * step};
    options.end = {ends.last * step};
    options.exemplars = static_cast<uint32_t>(uint64_t{exemplars} * (ends.last - ends.first + 1) /
                                              (all.last - all.first + 1));
    const nanoseconds began = api.clock.monotonic();
    auto part = engine_of(api).metrics_range(request->query, options);
    if (!part) return std::unexpected(std::move(part).error());
    took = api.clock.monotonic() - began;
    seen.add(*part, ends);
    part->inspected_traces = traces += part->inspected_traces;
    part->inspected_bytes = bytes += part->inspected_bytes;
    // The zeros come after the last window.
    if (auto done =
            send_all(query_range_messages(*part, kMessageBytesMax, jobs_of(count, false)), send);
        !done)
      return done;
    if (!window->is_last) continue;
    auto rest = seen.zeros(all, options.step);
    if (!counts_nothing_as_zero(query->metrics->function)) rest.series.clear();
    rest.inspected_traces = traces;
    rest.inspected_bytes = bytes;
    return send_all(query_range_messages(rest, kMessageBytesMax, jobs_of(count + 1, true)), send);
  }
  return {};
}

}  // namespace sightline::api::tempo
