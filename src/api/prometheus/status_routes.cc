#include "api/prometheus/status_routes.h"

#include <algorithm>
#include <limits>

#include "api/prometheus/parameters.h"
#include "base/number_text.h"
#include "promql/syntax/go_text.h"
#include "promql/syntax/parser.h"

namespace sightline::api::prometheus {
namespace {

constexpr size_t kTopListDefault = 10;
constexpr size_t kTopListMax = 10'000;

void append_time_member(std::string& out, std::string_view key, TimestampNs time) {
  append_member(out, key, time.value == 0 ? "0001-01-01T00:00:00Z" : format_rfc3339(time.value));
}

void append_number_member(std::string& out, std::string_view key, double value) {
  append_key(out, key);
  append_float_json(out, value);
}

void append_target(std::string& out, const ActiveTarget& target) {
  append_separator(out);
  out += R"({"discoveredLabels":)";
  append_labels(out, target.discovered_labels);
  append_key(out, "labels");
  append_labels(out, target.labels);
  append_member(out, "scrapePool", target.scrape_pool);
  append_member(out, "scrapeUrl", target.scrape_url);
  append_member(out, "globalUrl",
                target.global_url.empty() ? target.scrape_url : target.global_url);
  append_member(out, "lastError", target.last_error);
  append_time_member(out, "lastScrape", target.last_scrape);
  append_number_member(out, "lastScrapeDuration", target.last_scrape_duration_seconds);
  append_member(out, "health", target.health);
  append_member(out, "scrapeInterval", target.scrape_interval);
  append_member(out, "scrapeTimeout", target.scrape_timeout);
  out += '}';
}

TargetsSnapshot targets_of(const PrometheusApi& api) {
  return api.targets ? api.targets() : TargetsSnapshot{};
}

void append_dropped(std::string& out, const TargetsSnapshot& targets, std::string_view pool) {
  append_key(out, "droppedTargets");
  out += '[';
  for (const DroppedTarget& target : targets.dropped) {
    if (!pool.empty() && target.scrape_pool != pool) continue;
    append_separator(out);
    out += R"({"discoveredLabels":)";
    append_labels(out, target.discovered_labels);
    append_member(out, "scrapePool", target.scrape_pool);
    out += '}';
  }
  out += ']';
  append_key(out, "droppedTargetCounts");
  out += '{';
  for (const auto& [name, count] : targets.dropped_counts) append_integer_member(out, name, count);
  out += '}';
}

void append_counts(std::string& out, std::string_view key, const std::vector<NamedCount>& counts) {
  append_key(out, key);
  out += '[';
  for (const NamedCount& count : counts) {
    append_separator(out);
    out += '{';
    append_member(out, "name", count.name);
    append_integer_member(out, "value", count.value);
    out += '}';
  }
  out += ']';
}

// The family that a series' metric name belongs to, when the store has metadata of it.
bool is_of_family(std::string_view metric, std::string_view family) {
  if (!metric.starts_with(family)) return false;
  const std::string_view suffix = metric.substr(family.size());
  constexpr std::string_view kSuffixes[] = {"",       "_total", "_bucket", "_sum",
                                            "_count", "_info",  "_created"};
  return std::ranges::find(kSuffixes, suffix) != std::end(kSuffixes);
}

bool all_match(const std::vector<tsdb::Matcher>& matchers, const model::Labels& labels) {
  return std::ranges::all_of(
      matchers, [&](const tsdb::Matcher& m) { return m.matches(labels.get(m.name())); });
}

}  // namespace

Result<Answer> answer_targets(const PrometheusApi& api, const net::HttpRequest& request) {
  std::string state(request.params.get("state"));
  for (char& c : state)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  const bool all = state.empty() || state == "any";
  const std::string_view pool = request.params.get("scrapePool");
  const TargetsSnapshot targets = targets_of(api);
  Answer answer{.data = R"({"activeTargets":[)"};
  if (all || state == "active")
    for (const ActiveTarget& target : targets.active)
      if (pool.empty() || target.scrape_pool == pool) append_target(answer.data, target);
  answer.data += ']';
  if (all || state == "dropped")
    append_dropped(answer.data, targets, pool);
  else
    answer.data += R"(,"droppedTargets":[],"droppedTargetCounts":null)";
  answer.data += '}';
  return answer;
}

Result<Answer> answer_targets_metadata(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto limit = number_limit_parameter(request.params, "limit");
  if (!limit) return std::unexpected(limit.error());
  std::vector<tsdb::Matcher> matchers;
  if (const std::string_view text = request.params.get("match_target"); !text.empty()) {
    auto parsed = promql::parse_selector(text, promql::EmptySelector::kAllowed);
    if (!parsed) return invalid_parameter("match_target", std::move(parsed).error());
    matchers = std::move(*parsed);
  }
  const auto querier = api.store.querier();
  if (!querier) return std::unexpected(querier.error());
  const std::string_view wanted = request.params.get("metric");
  const auto metadata = (*querier)->metadata(wanted);
  Answer answer{.data = "["};
  size_t count = 0;
  for (const ActiveTarget& target : targets_of(api).active) {
    if (!all_match(matchers, target.labels)) continue;
    // What a target exposes is what its series in the store are called.
    std::vector<tsdb::Matcher> own;
    for (const model::LabelView label : target.labels)
      if (auto m = tsdb::Matcher::create(tsdb::MatchOp::kEqual, std::string(label.name),
                                         std::string(label.value)))
        own.push_back(std::move(*m));
    const auto names = (*querier)->label_values(model::kMetricName, own, {});
    if (!names) return std::unexpected(names.error());
    for (const auto& [family, entry] : metadata) {
      if (std::ranges::none_of(*names,
                               [&](const std::string& name) { return is_of_family(name, family); }))
        continue;
      if (count++ == *limit) break;
      append_separator(answer.data);
      answer.data += R"({"target":)";
      append_labels(answer.data, target.labels);
      if (wanted.empty()) append_member(answer.data, "metric", family);
      append_member(answer.data, "type", model::metric_type_name(entry.type));
      append_member(answer.data, "help", entry.help);
      append_member(answer.data, "unit", entry.unit);
      answer.data += '}';
    }
    if (count > *limit) break;
  }
  answer.data += ']';
  return answer;
}

Result<Answer> answer_scrape_pools(const PrometheusApi& api, const net::HttpRequest&) {
  Answer answer{.data = R"({"scrapePools":[)"};
  const TargetsSnapshot targets = targets_of(api);
  for (const auto& [name, count] : targets.dropped_counts) {
    append_separator(answer.data);
    append_text(answer.data, name);
  }
  answer.data += "]}";
  return answer;
}

Result<Answer> answer_buildinfo(const PrometheusApi& api, const net::HttpRequest&) {
  // No "features" here: Grafana takes whoever sends them for another product.
  Answer answer{.data = "{"};
  append_member(answer.data, "version", kCompatibleVersion);
  append_member(answer.data, "revision", api.version);
  append_member(answer.data, "branch", "sightline");
  append_member(answer.data, "buildUser", "");
  append_member(answer.data, "buildDate", "");
  append_member(answer.data, "goVersion", "");
  answer.data += '}';
  return answer;
}

Result<Answer> answer_runtimeinfo(const PrometheusApi& api, const net::HttpRequest&) {
  const RuntimeInfo info = api.runtime_info ? api.runtime_info() : RuntimeInfo{};
  Answer answer{.data = "{"};
  std::string& out = answer.data;
  append_time_member(out, "startTime", info.start_time);
  append_member(out, "CWD", info.working_directory);
  append_member(out, "hostname", info.hostname);
  append_time_member(out, "serverTime", api.clock.now());
  append_key(out, "reloadConfigSuccess");
  out += info.config_loaded ? "true" : "false";
  append_time_member(out, "lastConfigTime", info.last_config_time);
  append_integer_member(out, "corruptionCount", info.corruptions);
  append_integer_member(out, "goroutineCount", info.threads);
  append_integer_member(out, "GOMAXPROCS", info.threads);
  append_integer_member(out, "GOMEMLIMIT", std::numeric_limits<int64_t>::max());
  append_member(out, "GOGC", "");
  append_member(out, "GODEBUG", "");
  append_member(out, "storageRetention", info.storage_retention);
  out += '}';
  return answer;
}

Result<Answer> answer_flags(const PrometheusApi& api, const net::HttpRequest&) {
  Answer answer{.data = "{"};
  for (const auto& [name, value] : api.flags) append_member(answer.data, name, value);
  answer.data += '}';
  return answer;
}

Result<Answer> answer_config(const PrometheusApi& api, const net::HttpRequest&) {
  Answer answer{.data = "{"};
  append_member(answer.data, "yaml", api.config_yaml);
  answer.data += '}';
  return answer;
}

Result<Answer> answer_tsdb(const PrometheusApi& api, const net::HttpRequest& request) {
  size_t limit = kTopListDefault;
  if (const std::string_view text = request.params.get("limit"); !text.empty()) {
    const auto number = parse_int(text);
    if (!number || *number < 1)
      return fail(Errc::kInvalidArgument, "limit must be a positive number");
    if (*number > static_cast<int64_t>(kTopListMax))
      return fail(Errc::kInvalidArgument, "limit must not exceed ", kTopListMax);
    limit = static_cast<size_t>(*number);
  }
  const TsdbStatusSnapshot status = api.tsdb_status ? api.tsdb_status(limit) : TsdbStatusSnapshot{};
  Answer answer{.data = R"({"headStats":{)"};
  std::string& out = answer.data;
  append_integer_member(out, "numSeries", status.series);
  append_integer_member(out, "numLabelPairs", status.label_pairs);
  append_integer_member(out, "chunkCount", status.chunks);
  append_integer_member(out, "minTime", status.min_time.value_or(TimestampMs::max()).value);
  append_integer_member(out, "maxTime", status.max_time.value_or(TimestampMs::min()).value);
  out += '}';
  append_counts(out, "seriesCountByMetricName", status.series_by_metric);
  append_counts(out, "labelValueCountByLabelName", status.values_by_label);
  append_counts(out, "memoryInBytesByLabelName", status.bytes_by_label);
  append_counts(out, "seriesCountByLabelValuePair", status.series_by_pair);
  out += '}';
  return answer;
}

Result<Answer> answer_blocks(const PrometheusApi& api, const net::HttpRequest&) {
  Answer answer{.data = R"({"blocks":[)"};
  for (const BlockStatus& block : api.blocks ? api.blocks() : std::vector<BlockStatus>()) {
    append_separator(answer.data);
    std::string& out = answer.data;
    out += '{';
    append_member(out, "ulid", block.id);
    append_integer_member(out, "minTime", block.min_time.value);
    append_integer_member(out, "maxTime", block.max_time.value);
    append_key(out, "stats");
    out += '{';
    append_integer_member(out, "numSamples", block.samples);
    append_integer_member(out, "numSeries", block.series);
    append_integer_member(out, "numChunks", block.chunks);
    out += '}';
    append_key(out, "compaction");
    out += '{';
    append_integer_member(out, "level", block.level);
    append_key(out, "sources");
    out += '[';
    for (const std::string& source : block.sources) {
      append_separator(out);
      append_text(out, source);
    }
    out += "]}";
    append_integer_member(out, "version", 1);
    out += '}';
  }
  answer.data += "]}";
  return answer;
}

std::string walreplay_json(const WalReplayStatus& status) {
  std::string out = "{";
  append_integer_member(out, "min", status.min);
  append_integer_member(out, "max", status.max);
  append_integer_member(out, "current", status.current);
  return out + '}';
}

Result<Answer> answer_walreplay(const PrometheusApi& api, const net::HttpRequest&) {
  return Answer{.data = walreplay_json(api.wal_replay ? api.wal_replay() : WalReplayStatus{})};
}

// There are no rules yet, but a request that the peer refuses is refused.
Result<Answer> answer_rules(const PrometheusApi&, const net::HttpRequest& request) {
  const auto bad = [](std::string_view name, std::string what) {
    return invalid_parameter(name, {Errc::kInvalidArgument, std::move(what)});
  };
  const net::Params& params = request.params;
  if (const auto sets = matcher_sets(params); !sets) return std::unexpected(sets.error());
  std::string type(params.get("type"));
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  if (!type.empty() && type != "alert" && type != "record")
    return bad("type", "not supported value " + promql::go_quote(type));
  if (const std::string_view text = params.get("exclude_alerts"); !text.empty())
    if (const auto value = bool_parameter(text); !value)
      return bad("exclude_alerts", "error converting exclude_alerts: " + value.error().message);
  const std::string_view limit = params.get("group_limit");
  const std::string_view token = params.get("group_next_token");
  if (limit.empty() && !token.empty())
    return bad("group_next_token",
               "group_limit needs to be present in order to paginate over the groups");
  if (!limit.empty()) {
    const auto number = parse_int(limit);
    if (!number)
      return bad("group_limit",
                 "group_limit needs to be a valid number: strconv.ParseInt: parsing " +
                     promql::go_quote(limit) + ": invalid syntax");
    if (*number <= 0) return bad("group_limit", "group_limit needs to be greater than 0");
  }
  if (!token.empty())
    return bad("group_next_token",
               "invalid group_next_token '" + std::string(token) + "'. were rule groups changed?");
  return Answer{.data = R"({"groups":[]})"};
}

Result<Answer> answer_alerts(const PrometheusApi&, const net::HttpRequest&) {
  return Answer{.data = R"({"alerts":[]})"};
}

Result<Answer> answer_alertmanagers(const PrometheusApi&, const net::HttpRequest&) {
  return Answer{.data = R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})"};
}

Result<Answer> answer_notifications(const PrometheusApi&, const net::HttpRequest&) {
  return Answer{.data = "[]"};
}

}  // namespace sightline::api::prometheus
