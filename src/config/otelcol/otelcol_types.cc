#include "config/otelcol/otelcol_types.h"

#include <algorithm>

#include "config/diagnostics.h"

namespace sightline::config {
namespace {

// Types of the contrib distribution 0.136 that do not exist here.
constexpr std::string_view kReceivers =
    "active_directory_ds aerospike apache apachespark awscloudwatch awscontainerinsightreceiver "
    "awsecscontainermetrics awsfirehose awss3 awsxray azureblob azureeventhub azuremonitor bigip "
    "carbon chrony "
    "cloudflare cloudfoundry collectd couchdb datadog docker_stats elasticsearch envoyals expvar "
    "faro filelog "
    "filestats flinkmetrics fluentforward github googlecloudmonitoring googlecloudpubsub "
    "googlecloudspanner haproxy "
    "hostmetrics httpcheck influxdb iis jaeger jmx journald k8s_cluster k8s_events k8sobjects "
    "kafkametrics kafka "
    "kubeletstats libhoney loki memcached mongodbatlas mongodb mysql namedpipe netflow nginx nsxt "
    "ntp oracledb "
    "otlpjsonfile otelarrow podman_stats postgresql prometheus prometheusremotewrite purefa purefb "
    "pulsar rabbitmq "
    "receiver_creator redis riak saphana signalfx prometheus_simple skywalking snowflake solace "
    "splunkenterprise "
    "splunk_hec stef sqlquery sqlserver sshcheck statsd syslog tcpcheck tcplog tlscheck udplog "
    "vcenter wavefront snmp "
    "webhookevent windowseventlog windowsperfcounters zipkin zookeeper opencensus sapm "
    "simpleprometheus";
constexpr std::string_view kProcessors =
    "attributes cumulativetodelta coralogix deltatocumulative deltatorate filter geoip "
    "groupbyattrs groupbytrace "
    "interval isolationforest k8sattributes logdedup metricsgeneration metricstarttime "
    "metricstransform "
    "probabilistic_sampler redaction remotetap resourcedetection resource schema span sumologic "
    "tail_sampling "
    "transform servicegraph spanmetrics routing";
constexpr std::string_view kConnectors =
    "forward count datadog exceptions failover grafanacloud otlpjson roundrobin routing "
    "servicegraph sum "
    "signaltometrics slowsql";
constexpr std::string_view kExporters =
    "alibabacloud_logservice awscloudwatchlogs awsemf awskinesis awsxray awss3 azureblob "
    "azuredataexplorer "
    "azuremonitor bmchelix carbon cassandra clickhouse coralogix datadog dataset doris "
    "elasticsearch faro file "
    "googlecloud googlecloudpubsub googlemanagedprometheus honeycombmarker influxdb kafka "
    "loadbalancing logicmonitor "
    "logzio mezmo opensearch otelarrow prometheusremotewrite pulsar rabbitmq sapm sentry signalfx "
    "splunk_hec stef "
    "sumologic syslog tencentcloud_logservice tinybird zipkin loki jaeger opencensus";
constexpr std::string_view kExtensions =
    "zpages ack asapclient awsproxy azure_auth basicauth bearertokenauth cgroup_runtime datadog "
    "awscloudwatchmetricstreams_encoding aws_logs_encoding googlecloudlogentry_encoding "
    "jaeger_encoding "
    "json_log_encoding otlp_encoding skywalking_encoding text_encoding zipkin_encoding "
    "googleclientauth headers_setter "
    "health_check healthcheckv2 http_forwarder jaegerremotesampling oauth2client docker_observer "
    "ecs_observer "
    "ecs_task_observer host_observer k8s_observer kafkatopics_observer oidc opamp pprof sigv4auth "
    "file_storage "
    "db_storage redis_storage sumologic k8s_leader_elector memory_ballast memory_limiter";

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    if (space > 0) out.emplace_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out;
}

// What does here what a component of contrib does, or comes nearest to it.
struct Nearest {
  ComponentKind kind;
  std::string_view types;  // of contrib, between spaces
  std::string_view advice;
};
constexpr Nearest kNearest[] = {
    {ComponentKind::kReceiver, " opencensus sapm skywalking datadog otelarrow awsxray stef ",
     "\"otlp\"; its SDKs and agents can send that"},
    {ComponentKind::kReceiver,
     " prometheus_simple simpleprometheus statsd carbon collectd influxdb "
     "hostmetrics kubeletstats docker_stats prometheusremotewrite expvar ",
     "\"prometheus\", which scrapes"},
    {ComponentKind::kReceiver, " filelog journald syslog k8s_events loki fluentforward ",
     "none: logs are not stored"},
    {ComponentKind::kReceiver, " kafka pulsar googlecloudpubsub solace rabbitmq ",
     "\"otlp\", fed by a collector that reads the queue"},
    {ComponentKind::kProcessor,
     " transform redaction span schema metricstransform k8sattributes "
     "resourcedetection groupbyattrs ",
     "\"attributes\", \"resource\" and \"filter\""},
    {ComponentKind::kProcessor, " spanmetrics servicegraph ", "the connector of that name"},
    {ComponentKind::kProcessor, " cumulativetodelta deltatocumulative deltatorate interval ",
     "none: deltas are added up where they are stored"},
    {ComponentKind::kProcessor, " routing ", "several pipelines with a \"filter\" each"},
    {ComponentKind::kConnector, " routing failover roundrobin ",
     "\"forward\" and several pipelines"},
    {ComponentKind::kConnector, " sum signaltometrics exceptions datadog grafanacloud ",
     "\"spanmetrics\" and \"count\""},
    {ComponentKind::kExporter,
     " jaeger zipkin opencensus sapm datadog otelarrow loadbalancing "
     "googlecloud awsxray azuremonitor honeycombmarker ",
     "\"otlp\" and \"otlphttp\""},
    {ComponentKind::kExporter,
     " influxdb carbon signalfx googlemanagedprometheus awsemf sumologic ",
     "\"prometheusremotewrite\""},
    {ComponentKind::kExporter, " kafka pulsar awss3 azureblob clickhouse elasticsearch cassandra ",
     "\"file\", and \"sightline\", this process' own stores"},
    {ComponentKind::kExtension,
     " oidc oauth2client sigv4auth googleclientauth azure_auth asapclient ",
     "\"bearertokenauth\" and \"basicauth\""},
    {ComponentKind::kExtension, " db_storage redis_storage ", "\"file_storage\""},
    {ComponentKind::kExtension, " healthcheckv2 ", "\"health_check\""}};

std::string_view advice_for(ComponentKind kind, std::string_view type) {
  const std::string word = " " + std::string(type) + " ";
  for (const Nearest& each : kNearest)
    if (each.kind == kind && each.types.find(word) != std::string_view::npos) return each.advice;
  return {};
}

}  // namespace

std::string_view kind_name(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::kReceiver: return "receiver";
    case ComponentKind::kProcessor: return "processor";
    case ComponentKind::kConnector: return "connector";
    case ComponentKind::kExporter: return "exporter";
    case ComponentKind::kExtension: return "extension";
  }
  return "component";
}

std::string_view section_name(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::kReceiver: return "receivers";
    case ComponentKind::kProcessor: return "processors";
    case ComponentKind::kConnector: return "connectors";
    case ComponentKind::kExporter: return "exporters";
    case ComponentKind::kExtension: return "extensions";
  }
  return "components";
}

const std::vector<std::string>& types_here(ComponentKind kind) {
  static const std::vector<std::string> kReceiver = {"otlp", "jaeger", "prometheus", "zipkin",
                                                     "nop"};
  static const std::vector<std::string> kProcessor = {"attributes",     "batch",
                                                      "filter",         "groupbytrace",
                                                      "memory_limiter", "probabilistic_sampler",
                                                      "resource",       "tail_sampling"};
  static const std::vector<std::string> kConnector = {"count", "forward", "servicegraph",
                                                      "spanmetrics"};
  static const std::vector<std::string> kExporter = {
      "otlp",  "otlphttp", "prometheus", "prometheusremotewrite",
      "debug", "file",     "sightline",  "nop"};
  static const std::vector<std::string> kExtension = {"basicauth", "bearertokenauth",
                                                      "file_storage", "health_check"};
  switch (kind) {
    case ComponentKind::kReceiver: return kReceiver;
    case ComponentKind::kProcessor: return kProcessor;
    case ComponentKind::kConnector: return kConnector;
    case ComponentKind::kExporter: return kExporter;
    case ComponentKind::kExtension: break;
  }
  return kExtension;
}

std::vector<std::string> types_of_contrib(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::kReceiver: return words(kReceivers);
    case ComponentKind::kProcessor: return words(kProcessors);
    case ComponentKind::kConnector: return words(kConnectors);
    case ComponentKind::kExporter: return words(kExporters);
    case ComponentKind::kExtension: return words(kExtensions);
  }
  return {};
}

std::string canonical_type(ComponentKind kind, std::string_view type) {
  if (kind == ComponentKind::kConnector && type == "span_metrics") return "spanmetrics";
  if (kind == ComponentKind::kConnector && type == "service_graph") return "servicegraph";
  if (kind == ComponentKind::kExporter && type == "otlp_http") return "otlphttp";
  if (kind == ComponentKind::kExporter && type == "otlp_grpc") return "otlp";
  if (kind == ComponentKind::kExporter && type == "logging") return "debug";
  if (kind == ComponentKind::kExporter && type == "prometheus_remote_write")
    return "prometheusremotewrite";
  return std::string(type);
}

std::string unknown_type_message(ComponentKind kind, std::string_view type) {
  const std::vector<std::string> contrib = types_of_contrib(kind);
  const std::string noun(kind_name(kind));
  if (std::find(contrib.begin(), contrib.end(), type) != contrib.end()) {
    const std::string_view advice = advice_for(kind, type);
    std::string list;
    for (const std::string& here : types_here(kind)) list += (list.empty() ? "" : ", ") + here;
    return "the collector has the " + noun + " \"" + std::string(type) + "\", Sightline has not" +
           (advice.empty() ? std::string() : "; the nearest here: " + std::string(advice)) +
           (list.empty() ? std::string() : "; here are: " + list);
  }
  std::vector<std::string> all = types_here(kind);
  all.insert(all.end(), contrib.begin(), contrib.end());
  return "unknown " + noun + " type \"" + std::string(type) + "\"" + did_you_mean(type, all);
}

}  // namespace sightline::config
