"""The cases that are compared: a collector configuration each, and what it gets. Ports and places are filled in."""
HEAD = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}, http: {{endpoint: "127.0.0.1:{http}"}}}}}}}}
"""


def spanmetrics(connector, exporter="", processors=""):
    names = ", ".join(line.split(":")[0].strip() for line in processors.splitlines() if line.startswith("  ") and not line.startswith("   "))
    return HEAD + (f"processors:\n{processors}\n" if processors else "") + f"""
connectors:
  spanmetrics: {{{{metrics_flush_interval: 1s, {connector}}}}}
exporters:
  prometheus: {{{{endpoint: "127.0.0.1:{{metrics}}", {exporter}}}}}
service:
  telemetry: {{{{metrics: {{{{level: none}}}}}}}}
  pipelines:
    traces: {{{{receivers: [otlp], processors: [{names}], exporters: [spanmetrics]}}}}
    metrics: {{{{receivers: [spanmetrics], exporters: [prometheus]}}}}
"""


# Samples that differ on purpose: docs/differences_collector.md says why.
DIFFERENCES = [
    r"span_name=(collide|reserved)[,}].*theirs None",  # labels whose names collide: theirs loses the whole series
    r"a_b=1;2.*theirs None",
    r"job=versioned.*span_name=same",                  # two resources of one instance: ours adds up, theirs shows the last
    r"span_name=(kind-9|status-7)",                    # numbers that are no kind and no status
]

# Of one case.
OF_CASES = {
    "counted": [r"^(span|failed|event)_total\{.*countconnector.*\}: theirs \d",  # theirs shows the last request's counts, ours all
                r"^target_info\{.*: theirs 1.0, ours None", r"^target_info\{instance=[^,]*,job=[^,]*\}: theirs None"],  # pushed with job and instance alone
    "metrics_counted": [r"^(metric_count|points|odd)_total\{.*countconnector.*\}: theirs \d"],
}

CASES = {
    "defaults": (spanmetrics(""), ["recorded"]),
    "exemplars": (spanmetrics("exemplars: {{enabled: true}}, dimensions: [{{name: http.method}}, {{name: http.status_code}}]",
                              "enable_open_metrics: true, send_timestamps: true"), ["recorded"]),
    "hostile": (spanmetrics("dimensions: [{{name: x, default: none}}, {{name: a.b}}, {{name: a_b}}, {{name: job}}]"), ["hostile"]),
    "dimensions": (spanmetrics("histogram: {{unit: s, dimensions: [{{name: host.name}}], explicit: {{buckets: [1ms, 10ms, 100ms, 1s]}}}}, calls_dimensions: [{{name: http.method}}], "
                               "dimensions: [{{name: http.status_code, default: \"0\"}}], exclude_dimensions: [status.code, collector.instance.id], "
                               "events: {{enabled: true, dimensions: [{{name: exception.type}}]}}"), ["recorded", "hostile"]),
    "globs": (spanmetrics("dimensions: [{{name: http.method}}, {{glob: \"host.*\"}}], calls_dimensions: [{{glob: \"{{http.status,process}}*\"}}, {{glob: \"process.**\"}}], "
                          "events: {{enabled: true, dimensions: [{{glob: \"exception.[a-z]*\"}}]}}"), ["recorded", "hostile"]),
    "exponential": (spanmetrics("namespace: \"\", histogram: {{exponential: {{max_size: 80}}}}", "enable_open_metrics: true"), ["recorded"]),
    "no_histogram": (spanmetrics("histogram: {{disable: true}}, include_instrumentation_scope: [web]"), ["hostile"]),
    "resource_keys": (spanmetrics("resource_metrics_key_attributes: [service.name]"), ["hostile"]),
    "cardinality": (spanmetrics("aggregation_cardinality_limit: 20, calls_dimensions: [{{name: http.method}}]"), ["recorded"]),
    "sampling_method": (spanmetrics("enable_metrics_sampling_method: true"), ["hostile"]),
    "delta": (spanmetrics("aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA"), ["hostile"]),
    "exporter_namespace": (spanmetrics("", "namespace: my-app, const_labels: {{region: eu}}, without_scope_info: true"), ["hostile"]),
    "no_suffixes": (spanmetrics("", "translation_strategy: UnderscoreEscapingWithoutSuffixes"), ["hostile"]),
    "resource_labels": (spanmetrics("", "resource_to_telemetry_conversion: {{enabled: true}}"), ["recorded"]),
    "processors": (spanmetrics("dimensions: [{{name: env}}, {{name: host}}, {{name: zone}}]", processors="""
  attributes: {{actions: [{{key: env, value: prod, action: insert}}, {{key: http.status_code, action: convert, converted_type: string}}, {{key: http.method, pattern: "^(?P<host>G)", action: extract}}]}}
  resource: {{attributes: [{{key: zone, value: 7, action: upsert}}, {{key: host.name, action: delete}}]}}
  filter: {{error_mode: ignore, traces: {{span: ['IsMatch(name, "r1[0-9]$")', 'attributes["http.status_code"] == "500" and kind != SPAN_KIND_SERVER', 'not HasSuffix(name, "r2") and status.code == STATUS_CODE_OK']}}}}
""".strip("\n")), ["recorded"]),
    "sampler": (spanmetrics("", processors="  probabilistic_sampler: {{sampling_percentage: 12.5, hash_seed: 22}}"), ["recorded"]),
    "sampler_proportional": (spanmetrics("", processors="  probabilistic_sampler: {{sampling_percentage: 50, mode: proportional}}"), ["recorded"]),
    "tail_sampling": (spanmetrics("", processors="""
  tail_sampling: {{decision_wait: 2s, num_traces: 500000, policies: [{{name: e, type: status_code, status_code: {{status_codes: [ERROR]}}}}, {{name: p, type: probabilistic, probabilistic: {{sampling_percentage: 20, hash_salt: s}}}}, {{name: l, type: latency, latency: {{threshold_ms: 700}}}}, {{name: a, type: string_attribute, string_attribute: {{key: service.name, values: ["svc-1", "svc-2"]}}}}, {{name: d, type: drop, drop: {{drop_sub_policy: [{{name: n, type: ottl_condition, ottl_condition: {{span: ['name == "GET /r3"']}}}}]}}}}]}}
""".strip("\n")), ["recorded"]),
    "skewed": (spanmetrics("histogram: {{explicit: {{buckets: [1ms, 10ms, 1s, 1h]}}}}"), ["skewed"]),
    "servicegraph": (HEAD + """
connectors:
  servicegraph: {{metrics_flush_interval: 1s, dimensions: [region, zone], store: {{ttl: 1s, max_items: 5000}}, virtual_node_extra_label: true}}
exporters:
  prometheus: {{endpoint: "127.0.0.1:{metrics}"}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [servicegraph]}}
    metrics: {{receivers: [servicegraph], exporters: [prometheus]}}
""", ["service_graph"]),
}

RECEIVERS = {
    "otlp": 'otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}, http: {{endpoint: "127.0.0.1:{http}"}}}}}}',
    "jaeger": 'jaeger: {{protocols: {{thrift_http: {{endpoint: "127.0.0.1:{thrift}"}}}}}}',
    "zipkin": 'zipkin: {{endpoint: "127.0.0.1:{zipkin}"}}',
    "prometheus": 'prometheus: {{trim_metric_suffixes: TRIM, config: {{scrape_configs: [{{job_name: app, scrape_interval: 1s, static_configs: [{{targets: ["127.0.0.1:{target}"], labels: {{region: eu}}}}]}}]}}}}',
}
EXPORTERS = {
    "prometheus": 'prometheus: {{endpoint: "127.0.0.1:{metrics}"}}',
    "openmetrics": 'prometheus: {{endpoint: "127.0.0.1:{metrics}", enable_open_metrics: true}}',
    "write": 'prometheusremotewrite: {{endpoint: "http://127.0.0.1:{store}/write", timeout: 2m, send_metadata: true, external_labels: {{cluster: c1}}, retry_on_failure: {{enabled: false}}}}',
    "file": "file: {{path: '{file}'}}",
}


def pipeline(signal, receiver, exporter, processors="", connectors="", trim="false"):
    """One pipeline from a receiver to an exporter; a connector stands between spans and metrics."""
    inner = [line.split(":")[0].strip() for line in processors.splitlines() if line.startswith("  ") and not line.startswith("   ")]
    name = EXPORTERS[exporter].split(":")[0]
    text = f"receivers: {{{{{RECEIVERS[receiver].replace('TRIM', trim)}}}}}\n" + (f"processors:\n{processors}\n" if inner else "")
    text += (f"connectors:\n  {connectors}\n" if connectors else "") + f"exporters: {{{{{EXPORTERS[exporter]}}}}}\n"
    text += "service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n"
    if connectors:
        connector = connectors.split(":")[0]
        return text + f"    {signal}/in: {{{{receivers: [{receiver}], processors: [{', '.join(inner)}], exporters: [{connector}]}}}}\n    metrics: {{{{receivers: [{connector}], exporters: [{name}]}}}}\n"
    return text + f"    {signal}: {{{{receivers: [{receiver}], processors: [{', '.join(inner)}], exporters: [{name}]}}}}\n"


EDITING = """
  attributes: {{actions: [{{key: env, value: prod, action: insert}}, {{key: http.route, action: hash}}, {{key: n, action: delete}}]}}
  resource: {{attributes: [{{key: zone, value: z1, action: upsert}}, {{key: pid, action: delete}}]}}
  filter: {{error_mode: ignore, metrics: {{metric: ['name == "disk.io"', 'type == METRIC_DATA_TYPE_SUMMARY', 'HasAttrKeyOnDatapoint("f") and unit == "Cel"'], datapoint: ['metric.name == "http.server.requests" and value_double > 2.0']}}}}
""".strip("\n")
FLUSHED = "spanmetrics: {{metrics_flush_interval: 1s, dimensions: [{{name: http.method}}]}}"
COUNTED = 'count: {{spans: {{span.total: {{description: All, attributes: [{{key: http.method}}]}}, failed: {{conditions: [\'status.code == STATUS_CODE_ERROR\']}}}}, spanevents: {{event.total: {{}}}}}}'
METRICS_COUNTED = 'count: {{metrics: {{metric.count: {{}}, odd: {{conditions: [\'name == "odd" or unit == "Cel"\', \'type == METRIC_DATA_TYPE_SUMMARY\']}}}}, datapoints: {{points: {{attributes: [{{key: http.route, default_value: none}}, {{key: service.name}}, {{key: n, default_value: 7}}]}}}}}}'

CASES |= {
    "jaeger": (pipeline("traces", "jaeger", "file"), ["jaeger"]),
    "jaeger_counted": (pipeline("traces", "jaeger", "prometheus", connectors=FLUSHED), ["jaeger"]),
    "zipkin": (pipeline("traces", "zipkin", "file"), ["zipkin"]),
    "counted": (pipeline("traces", "otlp", "prometheus", connectors=COUNTED), ["recorded"]),
    "metrics_counted": (pipeline("metrics", "otlp", "prometheus", connectors=METRICS_COUNTED), ["metrics", "exponential", "metrics"]),
    "grouped": (pipeline("traces", "otlp", "file", "  groupbytrace: {{wait_duration: 1s}}"), ["service_graph"]),
    "metrics": (pipeline("metrics", "otlp", "openmetrics"), ["metrics"]),
    "metrics_classic": (pipeline("metrics", "otlp", "prometheus"), ["metrics"]),
    "metrics_edited": (pipeline("metrics", "otlp", "openmetrics", EDITING), ["metrics"]),
    "metrics_written": (pipeline("metrics", "otlp", "write"), ["metrics", "exponential"]),
    "scraped": (pipeline("metrics", "prometheus", "openmetrics"), []),
    "scraped_written": (pipeline("metrics", "prometheus", "write"), []),
    "scraped_trimmed": (pipeline("metrics", "prometheus", "openmetrics", trim="true"), []),
    "flushed_written": (pipeline("traces", "otlp", "write", connectors=FLUSHED), ["recorded"]),
}

# With `compatibility: strict` nothing may differ. Exemplars are compared where one flush holds them all: the first of a
# process comes after an interval, and all spans before it.
STRICT_ALONE = {
    "first_flush": (spanmetrics("exemplars: {{enabled: true, max_per_data_point: 3}}", "enable_open_metrics: true").replace("metrics_flush_interval: 1s", "metrics_flush_interval: 8s"), ["few"]),
    "first_flush_delta": (spanmetrics("exemplars: {{enabled: true, max_per_data_point: 3}}, aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA", "enable_open_metrics: true").replace("metrics_flush_interval: 1s", "metrics_flush_interval: 8s"), ["few"]),
}

# Values that are each program's own.
CHANGING = ("scrape_duration_seconds",)
