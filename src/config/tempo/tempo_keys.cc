#include "config/tempo/tempo_keys.h"

namespace sightline::config {
namespace {

// The keys of Tempo's configuration manifest, releases 2.4 to 3.0 taken together.
constexpr std::string_view kOutline = R"(
target http_api_prefix overrides autocomplete_filtering_enabled auth_enabled multitenancy_enabled
shutdown_delay stream_over_http_enabled enable_go_runtime_metrics span_profiling use_otel_tracer
search_enabled
memory
  automemlimit_enabled automemlimit_ratio
server
  http_listen_network http_listen_address http_listen_port http_listen_conn_limit grpc_listen_network
  grpc_listen_address grpc_listen_port grpc_listen_conn_limit grpc_collect_max_streams_by_conn
  proxy_protocol_enabled tls_cipher_suites tls_min_version register_instrumentation
  report_grpc_codes_in_instrumentation_label_enabled graceful_shutdown_timeout http_server_read_timeout
  http_server_read_header_timeout http_server_write_timeout http_server_idle_timeout
  http_log_closed_connections_without_response_enabled grpc_server_max_recv_msg_size
  grpc_server_max_send_msg_size grpc_server_max_concurrent_streams grpc_server_max_connection_idle
  grpc_server_max_connection_age grpc_server_max_connection_age_grace grpc_server_keepalive_time
  grpc_server_keepalive_timeout grpc_server_min_time_between_pings grpc_server_ping_without_stream_allowed
  grpc_server_num_workers grpc_server_stats_tracking_enabled grpc_server_recv_buffer_pools_enabled
  grpc_server_read_buffer_size grpc_server_write_buffer_size log_format log_level log_source_ips_enabled
  log_source_ips_full log_source_ips_header log_source_ips_regex log_request_headers
  log_request_at_info_level_enabled log_request_exclude_headers_list trace_request_headers
  trace_request_exclude_headers_list http_path_prefix create_new_traces
  http_tls_config
    cert key client_ca cert_file key_file client_auth_type client_ca_file
  grpc_tls_config
    cert key client_ca cert_file key_file client_auth_type client_ca_file
  cluster_validation
    label additional_labels
    grpc
      enabled soft_validation
    http
      enabled soft_validation excluded_paths excluded_user_agents
internal_server
  http_listen_network http_listen_address http_listen_port http_listen_conn_limit grpc_listen_network
  grpc_listen_address grpc_listen_port grpc_listen_conn_limit grpc_collect_max_streams_by_conn
  proxy_protocol_enabled tls_cipher_suites tls_min_version register_instrumentation
  report_grpc_codes_in_instrumentation_label_enabled graceful_shutdown_timeout http_server_read_timeout
  http_server_read_header_timeout http_server_write_timeout http_server_idle_timeout
  http_log_closed_connections_without_response_enabled grpc_server_max_recv_msg_size
  grpc_server_max_send_msg_size grpc_server_max_concurrent_streams grpc_server_max_connection_idle
  grpc_server_max_connection_age grpc_server_max_connection_age_grace grpc_server_keepalive_time
  grpc_server_keepalive_timeout grpc_server_min_time_between_pings grpc_server_ping_without_stream_allowed
  grpc_server_num_workers grpc_server_stats_tracking_enabled grpc_server_recv_buffer_pools_enabled
  grpc_server_read_buffer_size grpc_server_write_buffer_size log_format log_level log_source_ips_enabled
  log_source_ips_full log_source_ips_header log_source_ips_regex log_request_headers
  log_request_at_info_level_enabled log_request_exclude_headers_list trace_request_headers
  trace_request_exclude_headers_list http_path_prefix create_new_traces enable
  http_tls_config
    cert key client_ca cert_file key_file client_auth_type client_ca_file
  grpc_tls_config
    cert key client_ca cert_file key_file client_auth_type client_ca_file
  cluster_validation
    label additional_labels
    grpc
      enabled soft_validation
    http
      enabled soft_validation excluded_paths excluded_user_agents
distributor
  receivers override_ring_key forwarders retry_after_on_resource_exhausted max_attribute_bytes
  ingester_write_path_enabled kafka_write_path_enabled extend_writes log_received_traces
  search_tags_deny_list artificial_delay
  ring
    heartbeat_period heartbeat_timeout instance_id instance_interface_names instance_port instance_addr
    enable_inet6
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
  usage
    cost_attribution
      enabled max_cardinality stale_duration
  kafka_config
    address topic client_id client_rack dial_timeout write_timeout sasl_mechanism sasl_username
    sasl_password sasl_oauthbearer_token sasl_oauthbearer_zid sasl_oauthbearer_extensions
    sasl_oauthbearer_file_path sasl_oauthbearer_http_socket_path sasl_oauthbearer_http_socket_timeout
    sasl_msk_iam_access_key sasl_msk_iam_secret_key sasl_msk_iam_session_token sasl_msk_iam_user_agent
    sasl_msk_iam_file_path sasl_msk_iam_http_socket_path sasl_msk_iam_http_socket_timeout tls_enabled
    tls_cert_path tls_key_path tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites
    tls_min_version consumer_group consumer_group_offset_commit_interval last_produced_offset_retry_timeout
    auto_create_topic_enabled auto_create_topic_default_partitions producer_max_record_size_bytes
    producer_max_buffered_bytes producer_compression target_consumer_lag_at_startup
    max_consumer_lag_at_startup disable_kafka_telemetry consumer_group_lag_metric_update_interval
  log_received_spans
    enabled include_all_attributes filter_by_status_error
  log_discarded_spans
    enabled include_all_attributes filter_by_status_error
  metric_received_spans
    enabled root_only
live_store_client
  remote_timeout
  pool_config
    checkinterval healthcheckenabled healthchecktimeout healthcheckgraceperiod maxconcurrenthealthchecks
  grpc_client_config
    max_recv_msg_size max_send_msg_size grpc_compression rate_limit rate_limit_burst backoff_on_ratelimits
    initial_stream_window_size initial_connection_window_size tls_enabled tls_cert_path tls_key_path
    tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version connect_timeout
    connect_backoff_base_delay connect_backoff_max_delay
    backoff_config
      min_period max_period max_retries
    cluster_validation
      label
querier
  max_concurrent_queries shuffle_sharding_ingesters_enabled shuffle_sharding_ingesters_lookback_period
  query_relevant_ingesters prefer_self external_hedge_requests_at external_hedge_requests_up_to
  search_query_timeout
  search
    query_timeout prefer_self external_hedge_requests_at external_hedge_requests_up_to external_backend
    google_cloud_run external_endpoints cloud_run
  trace_by_id
    query_timeout
    external
      endpoint timeout
  metrics
    concurrent_blocks time_overlap_cutoff
  partition_ring
    minimize_requests hedging_delay
  frontend_worker
    frontend_address dns_lookup_duration parallelism match_max_concurrent id
    grpc_client_config
      max_recv_msg_size max_send_msg_size grpc_compression rate_limit rate_limit_burst backoff_on_ratelimits
      initial_stream_window_size initial_connection_window_size tls_enabled tls_cert_path tls_key_path
      tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version connect_timeout
      connect_backoff_base_delay connect_backoff_max_delay
      backoff_config
        min_period max_period max_retries
      cluster_validation
        label
query_frontend
  max_outstanding_per_tenant max_batch_size log_query_request_headers max_retries
  multi_tenant_queries_enabled response_consumers max_grpc_streaming_packet_size
  max_query_expression_size_bytes query_end_cutoff rf1_after querier_forget_delay slo tolerate_failed_blocks
  query_shards hedge_requests_at hedge_requests_up_to api_timeout url_deny_list
  search
    concurrent_jobs target_bytes_per_job default_result_limit max_result_limit max_duration
    query_backend_after ingester_shards most_recent_shards default_spans_per_span_set max_spans_per_span_set
    query_ingesters_until slo throughput_bytes_slo duration_slo hedge_requests_at hedge_requests_up_to
  trace_by_id
    query_shards blocks_per_shard hedge_requests_at hedge_requests_up_to slo duration_slo concurrent_shards
    external_enabled
  metrics
    concurrent_jobs target_bytes_per_job max_duration query_backend_after interval max_exemplars
    streaming_shards max_intervals slo throughput_bytes_slo duration_slo
  weights
    request_with_weights retry_with_weights max_traceql_conditions max_regex_conditions
  mcp_server
    enabled
metrics_generator
  metrics_ingestion_time_range_slack override_ring_key ring_mode codec limiter_type ingest_concurrency
  instance_id leave_consumer_group_on_shutdown skip_stale_backlog_on_startup query_timeout
  disable_local_blocks disable_grpc
  ring
    heartbeat_period heartbeat_timeout instance_id instance_interface_names instance_addr instance_port
    enable_inet6 instance_zone
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
  processor
    service_graphs
      wait max_items workers histogram_buckets dimensions enable_client_server_prefix
      enable_messaging_system_latency_histogram peer_attributes span_multiplier_key
      enable_tracestate_span_multiplier enable_virtual_node_label database_name_attributes filter_policies
    span_metrics
      histogram_buckets dimensions dimension_mappings enable_target_info span_multiplier_key
      enable_tracestate_span_multiplier filter_policies target_info_excluded_dimensions
      enable_instance_label
      intrinsic_dimensions
        service span_name span_kind status_code
      subprocessors
        0 1 2
    host_info
      host_identifiers metric_name
    local_blocks
      flush_check_period trace_idle_period trace_live_period max_block_duration max_block_bytes concurrency
      complete_block_timeout max_live_traces max_live_traces_bytes filter_server_spans flush_to_storage
      concurrent_blocks time_overlap_cutoff
      block
        bloom_filter_false_positive bloom_filter_shard_size_bytes version search_encoding
        search_page_size_bytes v2_index_downsample_bytes v2_index_page_size_bytes v2_encoding
        parquet_row_group_size_bytes parquet_dedicated_columns
      search
        chunk_size_bytes prefetch_trace_count read_buffer_count read_buffer_size_bytes
        cache_control
          footer column_index offset_index
  registry
    collection_interval stale_duration max_label_name_length max_label_value_length
  storage
    path remote_write_flush_deadline remote_write_add_org_id_header
    wal
      wal_segment_size wal_compression stripe_size truncate_frequency min_wal_time max_wal_time no_lockfile
  traces_storage
    path v2_encoding search_encoding ingestion_time_range_slack version completedfilepath blocksfilepath
  traces_query_storage
    path v2_encoding search_encoding ingestion_time_range_slack version
ingest
  enabled
  kafka
    address topic client_id client_rack dial_timeout write_timeout sasl_mechanism sasl_username
    sasl_password sasl_oauthbearer_token sasl_oauthbearer_zid sasl_oauthbearer_extensions
    sasl_oauthbearer_file_path sasl_oauthbearer_http_socket_path sasl_oauthbearer_http_socket_timeout
    sasl_msk_iam_access_key sasl_msk_iam_secret_key sasl_msk_iam_session_token sasl_msk_iam_user_agent
    sasl_msk_iam_file_path sasl_msk_iam_http_socket_path sasl_msk_iam_http_socket_timeout tls_enabled
    tls_cert_path tls_key_path tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites
    tls_min_version consumer_group consumer_group_offset_commit_interval last_produced_offset_retry_timeout
    auto_create_topic_enabled auto_create_topic_default_partitions producer_max_record_size_bytes
    producer_max_buffered_bytes producer_compression target_consumer_lag_at_startup
    max_consumer_lag_at_startup disable_kafka_telemetry consumer_group_lag_metric_update_interval
block_builder
  instance_id assigned_partitions partitions_per_instance consume_cycle_duration max_consuming_bytes
  block
    max_block_bytes bloom_filter_false_positive bloom_filter_shard_size_bytes version search_encoding
    search_page_size_bytes v2_index_downsample_bytes v2_index_page_size_bytes v2_encoding
    parquet_row_group_size_bytes parquet_dedicated_columns
  wal
    path ingestion_time_range_slack v2_encoding search_encoding version
storage
  trace
    blocklist_poll blocklist_poll_concurrency blocklist_poll_tenant_concurrency blocklist_poll_fallback
    blocklist_poll_tenant_index_builders blocklist_poll_stale_tenant_index blocklist_poll_jitter_ms
    blocklist_poll_tolerate_consecutive_errors blocklist_poll_tolerate_tenant_failures
    empty_tenant_deletion_enabled empty_tenant_deletion_age backend cache memcached redis
    cache_min_compaction_level cache_max_block_age
    pool
      max_workers queue_depth
    wal
      path ingestion_time_range_slack v2_encoding search_encoding version completedfilepath blocksfilepath
    block
      bloom_filter_false_positive bloom_filter_shard_size_bytes version parquet_row_group_size_bytes
      search_encoding search_page_size_bytes v2_index_downsample_bytes v2_index_page_size_bytes v2_encoding
      parquet_dedicated_columns
        scope name type options
    search
      chunk_size_bytes prefetch_trace_count read_buffer_count read_buffer_size_bytes
      cache_control
        footer column_index offset_index
    local
      path
    gcs
      bucket_name prefix chunk_buffer_size endpoint hedge_requests_at hedge_requests_up_to insecure
      object_cache_control object_metadata list_blocks_concurrency max_retries
    s3
      tls_cert_path tls_key_path tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites
      tls_min_version bucket prefix endpoint region access_key secret_key session_token insecure part_size
      hedge_requests_at hedge_requests_up_to retry_max_attempts retry_backoff_initial retry_backoff_max
      signature_v2 forcepathstyle enable_dual_stack bucket_lookup_type tags storage_class metadata
      native_aws_auth_enabled list_blocks_concurrency
      sse
        type kms_key_id kms_encryption_context encryption_key
    azure
      storage_account_name storage_account_key use_managed_identity use_federated_token user_assigned_id
      container_name prefix endpoint_suffix max_buffers buffer_size hedge_requests_at hedge_requests_up_to
      use_v2_sdk
    background_cache
      writeback_goroutines writeback_buffer
memberlist
  node_name randomize_node_name stream_timeout retransmit_factor pull_push_interval gossip_interval
  gossip_nodes gossip_to_dead_nodes_time dead_node_reclaim_time compression_enabled notify_interval
  received_messages_queue_size processed_messages_queue_size compression_algorithm advertise_addr
  advertise_port cluster_label cluster_label_verification_disabled join_members min_join_backoff
  max_join_backoff max_join_retries abort_if_cluster_fast_join_fails
  abort_if_cluster_fast_join_fails_min_nodes abort_if_cluster_join_fails rejoin_interval rejoin_seed_nodes
  left_ingesters_timeout obsolete_entries_timeout leave_timeout
  broadcast_timeout_for_local_updates_on_shutdown message_history_buffer_bytes watch_prefix_buffer_size
  bind_addr bind_port packet_dial_timeout packet_write_timeout max_concurrent_writes acquire_writer_timeout
  tls_enabled tls_cert_path tls_key_path tls_ca_path tls_server_name tls_insecure_skip_verify
  tls_cipher_suites tls_min_version
  zone_aware_routing
    enabled instance_availability_zone role
  propagation_delay_tracker
    enabled beacon_interval beacon_lifetime log_beacons_latency_longer_than
usage_report
  reporting_enabled
  backoff
    min_period max_period max_retries
cache
  background caches
backend_scheduler
  maintenance_interval backend_flush_interval job_timeout local_work_path tenant_measurement_interval
  work
    prune_age dead_job_timeout
  provider
    retention
      interval
    compaction
      measure_interval max_jobs_per_tenant min_input_blocks max_input_blocks max_compaction_level
      min_cycle_interval
      compaction
        compaction_window max_compaction_objects max_block_bytes block_retention compacted_block_retention
        retention_concurrency max_time_per_tenant compaction_cycle v2_in_buffer_bytes v2_out_buffer_bytes
        v2_prefetch_traces_count
      backoff
        min_period max_period max_retries
    redaction
      poll_interval rescan_delay max_rescan_generations
backend_scheduler_client
  grpc_client_config
    max_recv_msg_size max_send_msg_size grpc_compression rate_limit rate_limit_burst backoff_on_ratelimits
    initial_stream_window_size initial_connection_window_size tls_enabled tls_cert_path tls_key_path
    tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version connect_timeout
    connect_backoff_base_delay connect_backoff_max_delay
    backoff_config
      min_period max_period max_retries
    cluster_validation
      label
backend_worker
  backend_scheduler_addr override_ring_key finish_on_shutdown_timeout
  backoff
    min_period max_period max_retries
  compaction
    compaction_window max_compaction_objects max_block_bytes block_retention compacted_block_retention
    retention_concurrency max_time_per_tenant compaction_cycle v2_in_buffer_bytes v2_out_buffer_bytes
    v2_prefetch_traces_count
  ring
    heartbeat_period heartbeat_timeout wait_stability_min_duration wait_stability_max_duration instance_id
    instance_interface_names instance_port instance_addr enable_inet6 wait_active_instance_timeout
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
live_store
  commit_interval query_block_concurrency complete_block_timeout complete_block_concurrency
  block_reclaim_grace shutdown_marker_dir flush_check_period flush_op_timeout max_trace_live max_trace_idle
  max_live_traces_bytes max_block_duration max_block_bytes readiness_target_lag readiness_max_wait
  fail_on_high_lag remove_owner_on_shutdown
  ring
    heartbeat_period heartbeat_timeout instance_id instance_interface_names instance_addr instance_port
    enable_inet6 instance_zone
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
  partition_ring
    min_partition_owners_count min_partition_owners_duration delete_inactive_partition_after
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
  metrics
    time_overlap_cutoff
  wal
    path ingestion_time_range_slack
  block_config
    bloom_filter_false_positive bloom_filter_shard_size_bytes version search_encoding search_page_size_bytes
    v2_index_downsample_bytes v2_index_page_size_bytes v2_encoding parquet_row_group_size_bytes
    parquet_dedicated_columns
ingester_client
  remote_timeout
  pool_config
    checkinterval healthcheckenabled healthchecktimeout maxconcurrenthealthchecks
  grpc_client_config
    max_recv_msg_size max_send_msg_size grpc_compression rate_limit rate_limit_burst backoff_on_ratelimits
    initial_stream_window_size initial_connection_window_size tls_enabled tls_cert_path tls_key_path
    tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version connect_timeout
    connect_backoff_base_delay connect_backoff_max_delay
    backoff_config
      min_period max_period max_retries
    cluster_validation
      label
metrics_generator_client
  remote_timeout
  pool_config
    checkinterval healthcheckenabled healthchecktimeout maxconcurrenthealthchecks
  grpc_client_config
    max_recv_msg_size max_send_msg_size grpc_compression rate_limit rate_limit_burst backoff_on_ratelimits
    initial_stream_window_size initial_connection_window_size tls_enabled tls_cert_path tls_key_path
    tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version connect_timeout
    connect_backoff_base_delay connect_backoff_max_delay
    backoff_config
      min_period max_period max_retries
    cluster_validation
      label
compactor
  override_ring_key
  ring
    heartbeat_period heartbeat_timeout wait_stability_min_duration wait_stability_max_duration instance_id
    instance_interface_names instance_port instance_addr enable_inet6 wait_active_instance_timeout
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
  compaction
    v2_in_buffer_bytes v2_out_buffer_bytes v2_prefetch_traces_count compaction_window max_compaction_objects
    max_block_bytes block_retention compacted_block_retention retention_concurrency max_time_per_tenant
    compaction_cycle
ingester
  concurrent_flushes flush_check_period flush_op_timeout trace_idle_period trace_live_period
  max_block_duration max_block_bytes complete_block_timeout override_ring_key flush_all_on_shutdown
  flush_object_storage max_trace_live_bytes dedicated_columns use_flatbuffer_search
  autocomplete_filtering_enabled
  lifecycler
    num_tokens heartbeat_period heartbeat_timeout observe_period join_after min_ready_duration
    interface_names enable_inet6 final_sleep tokens_file_path availability_zone unregister_on_shutdown
    readiness_check_ring_health address port id
    ring
      heartbeat_timeout replication_factor zone_awareness_enabled excluded_zones
      kvstore
        store prefix
        consul
          host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
          cas_retry_delay
        etcd
          endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
          tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
        multi
          primary secondary mirror_enabled mirror_timeout
  partition_ring
    min_partition_owners_count min_partition_owners_duration delete_inactive_partition_after
    kvstore
      store prefix
      consul
        host acl_token http_client_timeout consistent_reads watch_rate_limit watch_burst_size
        cas_retry_delay
      etcd
        endpoints dial_timeout max_retries tls_enabled tls_cert_path tls_key_path tls_ca_path
        tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version username password
      multi
        primary secondary mirror_enabled mirror_timeout
)";

}  // namespace

KnownKeys tempo_keys() { return KnownKeys::parse(kOutline); }

}  // namespace sightline::config
