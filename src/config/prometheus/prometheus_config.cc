#include "config/prometheus/prometheus_config.h"

#include <algorithm>
#include <set>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "config/prometheus/prometheus_keys.h"
#include "config/prometheus/prometheus_scrape.h"
#include "config/yaml/expansion.h"

namespace sightline::config {
namespace {

bool is_label_name(std::string_view name) { return !name.empty() && is_valid_utf8(name); }

void read_external_labels(MapReader& global, std::map<std::string, std::string>& out,
                          const Environment* environment) {
  const auto at = global.take("external_labels");
  if (!at || at->is_null()) return;
  read_value(*at, out);
  if (!at->is_map()) return;
  for (const YamlEntry& entry : at->value().entries) {
    if (!is_label_name(entry.key) || entry.key == "__name__")
      at->diagnostics().error(entry.mark,
                              at->path() + ": \"" + entry.key + "\" is not a valid label name");
    if (environment == nullptr) continue;
    std::string& value = out[entry.key];
    value = expand_text(value, Dialect::kPrometheus, *environment, entry.value->mark,
                        at->diagnostics());
  }
}

void read_global(MapReader& root, PrometheusConfig::Global& out, ScrapeConfig& inherited,
                 const Environment* environment) {
  const auto at = root.take("global");
  if (!at || at->is_null()) return;
  MapReader map(*at);
  bool timeout_given = map.has("scrape_timeout");
  map.read("scrape_interval", out.scrape_interval);
  map.read("scrape_timeout", out.scrape_timeout);
  map.read("evaluation_interval", out.evaluation_interval);
  map.read("rule_query_offset", out.rule_query_offset);
  if (out.scrape_interval.count() == 0)
    out.scrape_interval = PrometheusConfig::Global{}.scrape_interval;
  if (out.evaluation_interval.count() == 0)
    out.evaluation_interval = PrometheusConfig::Global{}.evaluation_interval;
  if (timeout_given && out.scrape_timeout > out.scrape_interval)
    at->error("global scrape timeout greater than scrape interval");
  out.scrape_timeout = std::min(out.scrape_timeout, out.scrape_interval);
  read_external_labels(map, out.external_labels, environment);
  read_inheritable(map, inherited);
  map.read("query_log_file", out.query_log_file);
  map.ignore({"scrape_failure_log_file"}, "failures are in this process' own log");
  map.finish();
}

void read_storage(MapReader& root, PrometheusConfig::Storage& out) {
  const auto at = root.take("storage");
  if (!at || at->is_null()) return;
  MapReader map(*at);
  if (const auto tsdb = map.take("tsdb"); tsdb) {
    MapReader inner(*tsdb);
    inner.read("out_of_order_time_window", out.out_of_order_time_window);
    if (const auto retention = inner.take("retention"); retention) {
      MapReader keys(*retention);
      keys.read("time", out.retention_time);
      keys.read("size", out.retention_size);
      keys.ignore("percentage", "set retention.size instead");
      keys.finish();
    }
    inner.ignore({"stale_series_compaction_threshold", "chunk_encoding"},
                 "the metrics store chooses by itself");
    inner.finish();
  }
  if (const auto exemplars = map.take("exemplars"); exemplars) {
    MapReader inner(*exemplars);
    inner.read("max_exemplars", out.max_exemplars);
    inner.finish();
  }
  map.finish();
}

void read_otlp(MapReader& root, PrometheusConfig::Otlp& out) {
  const auto at = root.take("otlp");
  if (!at || at->is_null()) return;
  MapReader map(*at);
  map.read("promote_resource_attributes", out.promote_resource_attributes);
  map.read("promote_all_resource_attributes", out.promote_all_resource_attributes);
  map.read("ignore_resource_attributes", out.ignore_resource_attributes);
  map.read_choice("translation_strategy", out.translation_strategy,
                  {"UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes",
                   "NoUTF8EscapingWithSuffixes", "NoTranslation"});
  map.read("keep_identifying_resource_attributes", out.keep_identifying_resource_attributes);
  map.read("promote_scope_metadata", out.promote_scope_metadata);
  map.ignore({"convert_histograms_to_nhcb", "label_name_underscore_sanitization",
              "label_name_preserve_multiple_underscores"},
             "names are translated by translation_strategy alone");
  map.finish();
  if (out.promote_all_resource_attributes && !out.promote_resource_attributes.empty())
    at->error(
        "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured "
        "simultaneously");
  if (!out.promote_all_resource_attributes && !out.ignore_resource_attributes.empty())
    at->error(
        "'ignore_resource_attributes' cannot be configured unless "
        "'promote_all_resource_attributes' is true");
}

// Sections that would do something if they could: an empty one is harmless, a filled one is refused.
void read_absent(MapReader& root) {
  const KnownKeys keys = prometheus_keys();
  for (const std::string_view name :
       {"remote_write", "remote_read", "rule_files", "scrape_config_files", "alerting"}) {
    const auto at = root.take(name);
    if (!at || at->is_null()) continue;
    if (const KnownKeys* known = keys.child(name)) check_known(*at, *known);
    if (at->value().items.empty() && at->value().entries.empty()) continue;
    if (name == "scrape_config_files" || name == "remote_write") {
      at->error("not available here yet; the process would not do what this file says");
    } else {
      at->notice("not available here yet; it has no effect");
    }
  }
  root.ignore_known(*keys.child("tracing"), "this process does not send traces about itself");
  root.ignore_known(*keys.child("runtime"), "there is no garbage collector here");
}

}  // namespace

Result<PrometheusConfig> parse_prometheus(std::string_view text, std::string_view file,
                                          const Environment& environment,
                                          const YamlLimits& limits) {
  auto root = parse_yaml(text, file, limits);
  if (!root) return std::unexpected(std::move(root).error());
  return read_prometheus(std::move(*root), file, environment, limits);
}

namespace {

void read_global_and_jobs(MapReader& map, PrometheusConfig& out, const Environment* environment) {
  ScrapeConfig inherited;
  read_global(map, out.global, inherited, environment);
  inherited.scrape_interval = out.global.scrape_interval;
  inherited.scrape_timeout = out.global.scrape_timeout;
  if (const auto at = map.take("scrape_configs"); at)
    read_scrape_configs(*at, inherited, out.scrape_configs);
}

}  // namespace

void read_scraping(MapReader& map, PrometheusConfig& out) {
  read_global_and_jobs(map, out, nullptr);
}

Result<PrometheusConfig> read_prometheus(std::shared_ptr<const YamlValue> root,
                                         std::string_view file, const Environment& environment,
                                         const YamlLimits&) {
  Diagnostics diagnostics;
  PrometheusConfig out;
  out.file = file;
  MapReader map(Cursor(*root, "", PathStyle::kDots, diagnostics));
  read_global_and_jobs(map, out, &environment);
  read_storage(map, out.storage);
  read_otlp(map, out.otlp);
  read_absent(map);
  map.finish();
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  out.notices = diagnostics.take_notices();
  return out;
}

}  // namespace sightline::config
