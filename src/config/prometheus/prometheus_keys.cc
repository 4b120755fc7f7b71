#include "config/prometheus/prometheus_keys.h"

namespace sightline::config {
namespace {

constexpr std::string_view kOutline = R"(
runtime
  gogc
tracing
  client_type endpoint sampling_fraction insecure tls_config headers compression timeout
rule_files scrape_config_files
alerting
  alert_relabel_configs
  alertmanagers
    *
remote_write
  url remote_timeout headers name send_exemplars send_native_histograms round_robin_dns protobuf_message
  failed_request_logging basic_auth authorization bearer_token bearer_token_file oauth2 tls_config proxy_url no_proxy
  proxy_from_environment proxy_connect_header follow_redirects enable_http2 http_headers sigv4 azuread google_iam
  write_relabel_configs
    source_labels separator regex modulus target_label replacement action
  queue_config
    capacity max_shards min_shards max_samples_per_send batch_send_deadline min_backoff max_backoff retry_on_http_429
    sample_age_limit
  metadata_config
    send send_interval max_samples_per_send
remote_read
  url remote_timeout chunked_read_limit headers read_recent name basic_auth authorization bearer_token
  bearer_token_file oauth2 tls_config proxy_url no_proxy proxy_from_environment proxy_connect_header follow_redirects
  enable_http2 http_headers required_matchers filter_external_labels
)";

}  // namespace

KnownKeys prometheus_keys() { return KnownKeys::parse(kOutline); }

}  // namespace sightline::config
