#pragma once
// A Tempo configuration (tempo.yaml), of Tempo 2.x (ingester, compactor) or 3.x
// (live_store, backend_worker): what of it means something to one process with one
// trace store. The rest is known, checked for typing errors, and noticed.
//   Paths   as written; relative ones count from the working directory, as in Tempo.
//           (The server puts them below its data directory when one is given.)
//   Errors  kInvalidArgument, one line per fault: "file:line:column: path: what".
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/otelcol/otelcol_components.h"
#include "config/yaml/environment.h"
#include "config/yaml/yaml_value.h"

namespace sightline::config {

// What one tenant may do: overrides.defaults, or a tenant's own in the per-tenant overrides file. Without
// tenants the defaults hold for every trace.
struct TempoLimits {
  std::optional<uint64_t> max_bytes_per_trace;
  uint64_t max_traces_per_user = 0;  // live; 0: the trace store's own limit
  std::optional<uint64_t>
      rate_limit_bytes;  // per second; as written: without it nothing is refused
  std::optional<uint64_t> burst_size_bytes;
  uint64_t max_bytes_per_tag_values_query = 10'000'000;
  std::optional<std::chrono::nanoseconds> block_retention;  // wins over compaction's
  // Longest ranges of queries; as written: without them every range is searched.
  std::optional<std::chrono::milliseconds> max_search_duration;
  std::optional<std::chrono::milliseconds> max_metrics_duration;
  // cost_attribution.dimensions: attributes, and the labels that /usage_metrics gives them.
  std::map<std::string, std::string> usage_dimensions;
  friend bool operator==(const TempoLimits&, const TempoLimits&) = default;
};
using TenantOverrides = std::map<std::string, TempoLimits>;  // by tenant; "*" holds for all others

struct TempoConfig {
  std::string file;

  struct Server {
    std::string http_listen_address;  // empty: loopback (Tempo itself: every address)
    Marked<uint16_t> http_listen_port{3200, {}};
    std::string grpc_listen_address;
    Marked<uint16_t> grpc_listen_port{9095, {}};
    std::chrono::nanoseconds http_server_read_timeout{std::chrono::seconds(30)};
    std::chrono::nanoseconds http_server_write_timeout{std::chrono::seconds(30)};
    std::chrono::nanoseconds graceful_shutdown_timeout{std::chrono::seconds(30)};
    uint64_t grpc_server_max_recv_msg_bytes = 16 << 20;
    uint64_t grpc_server_max_send_msg_bytes = 16 << 20;
    std::string log_level = "info";
  };
  Server server;
  std::string http_api_prefix;
  bool stream_over_http_enabled = false;  // Tempo's streaming gRPC API on the HTTP port
  bool multitenancy_enabled = false;      // X-Scope-OrgID names whose traces a request means

  // distributor.receivers.otlp; none: this Tempo receives nothing by a socket.
  std::optional<OtlpReceiverConfig> otlp;

  // distributor.usage.cost_attribution: whether /usage_metrics counts what tenants send, and in how many series each.
  bool usage_enabled = false;
  uint32_t usage_series_max = 10'000;

  // How a live trace becomes a block: ingester (2.x) or live_store (3.x).
  struct Cutting {
    std::chrono::nanoseconds trace_idle_period{std::chrono::seconds(10)};
    std::chrono::nanoseconds max_block_duration{std::chrono::minutes(30)};
    uint64_t max_block_bytes = 500ULL << 20;
    bool flush_all_on_shutdown = false;
  };
  Cutting cutting;

  // compactor.compaction (2.x) or backend_worker.compaction (3.x).
  struct Compaction {
    std::chrono::nanoseconds compaction_window{std::chrono::hours(1)};
    std::chrono::nanoseconds block_retention{std::chrono::hours(336)};
    uint64_t max_compaction_objects = 6'000'000;
    uint64_t max_block_bytes = 107'374'182'400;
  };
  Compaction compaction;

  // storage.trace.s3. Paths are as written.
  struct S3 {
    Marked<std::string> bucket, endpoint, prefix;
    std::string region;                                 // empty: us-east-1
    std::string access_key, secret_key, session_token;  // empty: AWS_* of the environment
    bool insecure = false;
    bool forcepathstyle = false;
    Marked<uint32_t> bucket_lookup_type{
        0, {}};  // 0 as the endpoint wants it, 1 in the host, 2 in the path
    std::string tls_ca_path, tls_cert_path, tls_key_path, tls_server_name;
    std::string tls_min_version;  // "1.0" to "1.3"; empty: as usual
    bool tls_insecure_skip_verify = false;
    uint32_t retry_max_attempts = 6;
    std::chrono::nanoseconds retry_backoff_initial{std::chrono::milliseconds(100)};
    std::chrono::nanoseconds retry_backoff_max{std::chrono::seconds(5)};
  };

  struct Storage {
    Marked<std::string> backend{"local", {}};  // or "s3"
    S3 s3;
    Marked<std::string> wal_path{"/var/tempo/wal", {}};
    Marked<std::string> local_path{"/var/tempo/traces", {}};
    std::chrono::nanoseconds blocklist_poll{std::chrono::minutes(5)};
    // Our own key: over it the oldest blocks go, pinned traces stay; of each tenant.
    std::optional<ByteSize> retention_size;
  };
  Storage storage;

  TempoLimits limits;
  // Read again every so often while the process runs; empty: there is none.
  Marked<std::string> per_tenant_override_config;
  std::chrono::nanoseconds per_tenant_override_period{std::chrono::seconds(10)};

  bool user_overrides = false;  // tenants may set limits of their own

  struct Search {  // query_frontend
    uint32_t default_result_limit = 20;
    uint32_t max_result_limit = 0;  // 0: none
    std::chrono::nanoseconds max_duration{std::chrono::hours(168)};
    std::chrono::nanoseconds metrics_max_duration{std::chrono::hours(24)};
    uint32_t default_spans_per_span_set = 3;
    uint32_t max_spans_per_span_set = 100;
    bool multi_tenant_queries_enabled = true;  // "a|b" reads both
  };
  Search search;

  std::vector<Notice> notices;
};

// ${X} and ${X:-default} are left alone: Tempo itself expands them only when asked on its command line.
Result<TempoConfig> parse_tempo(std::string_view text, std::string_view file,
                                const Environment& environment, const YamlLimits& limits = {});
Result<TempoConfig> read_tempo(std::shared_ptr<const YamlValue> root, std::string_view file,
                               const YamlLimits& limits = {});
// The per-tenant overrides file: "overrides: {TENANT: {ingestion: ..., read: ..., global: ...}}" or the
// flat keys of Tempo before 2.3. What a tenant does not say is as in `defaults`.
Result<TenantOverrides> parse_tenant_overrides(std::string_view text, std::string_view file,
                                               const TempoLimits& defaults,
                                               const YamlLimits& limits = {});
std::string dump(const TempoConfig& config);

}  // namespace sightline::config
