#include "config/tempo/tempo_overrides.h"

#include "config/diagnostics.h"

namespace sightline::config {
namespace {

constexpr std::string_view kWithoutMeaning =
    "without meaning for one process that keeps every span";

constexpr std::string_view kScopedKeys = R"(
ingestion
  rate_strategy rate_limit_bytes burst_size_bytes max_traces_per_user max_global_traces_per_user tenant_shard_size
  max_attribute_bytes artificial_delay retry_info_enabled
read
  max_bytes_per_tag_values_query max_blocks_per_tag_values_query max_condition_groups_per_tag_query
  max_search_duration max_metrics_duration unsafe_query_hints left_pad_trace_ids metrics_spanonly_fetch
  span_pruning_awareness engine_bytes_tracking span_pruning_enabled max_search_bytes_per_trace
compaction
  block_retention compaction_window compaction_disabled
global
  max_bytes_per_trace
storage
  parquet_dedicated_columns
cost_attribution
  max_cardinality dimensions
metrics_generator forwarders
)";
constexpr std::string_view kFlatKeys = R"(
max_bytes_per_trace max_bytes_per_tag_values_query block_retention max_metrics_duration
ingestion_rate_strategy ingestion_rate_limit_bytes ingestion_burst_size_bytes ingestion_tenant_shard_size
ingestion_max_attribute_bytes ingestion_artificial_delay ingestion_retry_info_enabled max_traces_per_user
max_global_traces_per_user forwarders metrics_generator_ring_size metrics_generator_processors
metrics_generator_max_active_series metrics_generator_max_active_entities metrics_generator_collection_interval
metrics_generator_disable_collection metrics_generator_generate_native_histograms
metrics_generator_trace_id_label_name metrics_generator_forwarder_queue_size metrics_generator_forwarder_workers
metrics_generator_remote_write_headers metrics_generator_processor_service_graphs_histogram_buckets
metrics_generator_processor_service_graphs_dimensions metrics_generator_processor_service_graphs_peer_attributes
metrics_generator_processor_span_metrics_histogram_buckets metrics_generator_processor_span_metrics_dimensions
metrics_generator_processor_span_metrics_intrinsic_dimensions
metrics_generator_processor_span_metrics_filter_policies metrics_generator_processor_span_metrics_dimension_mappings
metrics_generator_processor_span_metrics_enable_target_info compaction_disabled compaction_window
max_blocks_per_tag_values_query max_search_duration unsafe_query_hints cost_attribution parquet_dedicated_columns
)";

// Both forms are maps of these keys.
KnownKeys limit_keys() {
  KnownKeys keys = KnownKeys::parse(kScopedKeys);
  for (KnownKeys& key : KnownKeys::parse(kFlatKeys).children)
    keys.children.push_back(std::move(key));
  return keys;
}

// A map of attributes to labels.
void read_dimensions(Section& limits, TempoLimits& out) {
  Section cost = limits.inner("cost_attribution");
  if (const auto at = cost.take("dimensions"); at && !at->is_null()) {
    out.usage_dimensions.clear();
    MapReader map(*at);
    if (at->is_map())
      for (const YamlEntry& entry : at->value().entries)
        map.read(entry.key, out.usage_dimensions[entry.key]);
    map.finish();
  }
  cost.finish("distributor.usage says how many series there may be");
}

void read_scoped(Section& limits, TempoLimits& out) {
  read_dimensions(limits, out);
  Section ingestion = limits.inner("ingestion");
  ingestion.read("rate_limit_bytes", out.rate_limit_bytes);
  ingestion.read("burst_size_bytes", out.burst_size_bytes);
  ingestion.read("max_traces_per_user", out.max_traces_per_user);
  ingestion.finish(kWithoutMeaning);
  Section read = limits.inner("read");
  read.read("max_bytes_per_tag_values_query", out.max_bytes_per_tag_values_query);
  read.read("max_search_duration", out.max_search_duration);
  read.read("max_metrics_duration", out.max_metrics_duration);
  read.finish("the trace store has its own limits for this");
  Section global = limits.inner("global");
  global.read("max_bytes_per_trace", out.max_bytes_per_trace);
  global.finish("");
  Section compaction = limits.inner("compaction");
  compaction.read("block_retention", out.block_retention);
  compaction.finish("the trace store compacts in its own way");
}

void read_flat(Section& limits, TempoLimits& out) {
  limits.read("ingestion_rate_limit_bytes", out.rate_limit_bytes);
  limits.read("ingestion_burst_size_bytes", out.burst_size_bytes);
  limits.read("max_traces_per_user", out.max_traces_per_user);
  limits.read("max_bytes_per_trace", out.max_bytes_per_trace);
  limits.read("max_bytes_per_tag_values_query", out.max_bytes_per_tag_values_query);
  limits.read("max_search_duration", out.max_search_duration);
  limits.read("max_metrics_duration", out.max_metrics_duration);
  limits.read("block_retention", out.block_retention);
}

constexpr std::string_view kNoGenerator =
    "without meaning here; span metrics come from the collector's spanmetrics connector";

// One tenant's limits, in whichever form.
void read_limits(const Cursor& at, TempoLimits& out) {
  const KnownKeys keys = limit_keys();
  Section limits(at, &keys);
  read_scoped(limits, out);
  read_flat(limits, out);
  limits.finish(kNoGenerator);
}

}  // namespace

void read_overrides(Section& root, TempoConfig& out) {
  const auto at = root.take("overrides");
  if (!at || at->is_null()) return;
  KnownKeys keys = KnownKeys::parse(kFlatKeys);
  keys.children.push_back({"defaults", KnownKeys::parse(kScopedKeys).children});
  for (const char* key :
       {"enable_legacy_overrides", "per_tenant_override_config", "per_tenant_override_period"})
    keys.children.push_back({key, {}});
  keys.children.push_back({"user_configurable_overrides",
                           KnownKeys::parse("enabled poll_interval client api").children});
  Section overrides(*at, &keys);
  Section defaults = overrides.inner("defaults");
  read_scoped(defaults, out.limits);
  defaults.finish(kNoGenerator);
  read_flat(overrides, out.limits);
  overrides.read("per_tenant_override_config", out.per_tenant_override_config);
  std::chrono::milliseconds period(10'000);
  overrides.read("per_tenant_override_period", period);
  out.per_tenant_override_period = period;
  Section user = overrides.inner("user_configurable_overrides");
  user.read("enabled", out.user_overrides);
  user.finish("overrides of tenants are kept in the data directory");
  bool legacy = true;  // both forms are always read
  overrides.read("enable_legacy_overrides", legacy);
  overrides.finish(kWithoutMeaning);
}

Result<TenantOverrides> parse_tenant_overrides(std::string_view text, std::string_view file,
                                               const TempoLimits& defaults,
                                               const YamlLimits& limits) {
  auto root = parse_yaml(text, file, limits);
  if (!root) return std::unexpected(std::move(root).error());
  Diagnostics diagnostics;
  TenantOverrides tenants;
  MapReader top(Cursor(**root, "", PathStyle::kDots, diagnostics));
  if (const auto at = top.take("overrides"); at && !at->is_null()) {
    MapReader map(*at);
    if (at->is_map())
      for (const YamlEntry& entry : at->value().entries) {
        const auto tenant = map.take(entry.key);
        TempoLimits& own = tenants.emplace(entry.key, defaults).first->second;
        if (tenant && !tenant->is_null()) read_limits(*tenant, own);
      }
    map.finish();
  }
  top.finish();
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  return tenants;
}

}  // namespace sightline::config
