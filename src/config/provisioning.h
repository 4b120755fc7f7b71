#pragma once
// Grafana provisioning: DIR/datasources/*.y(a)ml says where data is asked for,
// DIR/dashboards/*.y(a)ml where dashboard JSON files lie.
//   Paths   a provider's relative path is tried from the working directory, then from the
//           provider's own file, then from DIR. Where it leads nowhere, or no provider is
//           given, the JSON files of DIR/dashboards are taken.
//   Limits  kDashboardsMax dashboards, kDashboardBytesMax each.
//   Errors  kInvalidArgument, one line per fault; a dashboard that is not JSON is an error.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/yaml/environment.h"
#include "config/yaml/yaml_value.h"

namespace sightline::config {

inline constexpr size_t kDashboardsMax = 1000;
inline constexpr size_t kDashboardBytesMax = 8 << 20;

// jsonData.exemplarTraceIdDestinations: where the label `name` of an exemplar leads.
struct ExemplarDestination {
  std::string name;
  std::string datasource_uid;  // internal link, or
  std::string url;             // a URL with ${__value.raw}
  std::string url_display_label;
};

// jsonData.tracesToMetrics: from a span to the metrics beside it.
struct TracesToMetrics {
  struct Tag {
    std::string key;    // attribute
    std::string value;  // label; empty: the key, sanitized
  };
  struct Query {
    std::string name;
    std::string query;  // $__tags is replaced by matchers
  };
  std::string datasource_uid;
  std::string span_start_time_shift, span_end_time_shift;
  std::vector<Tag> tags;
  std::vector<Query> queries;
};

struct DataSource {
  Mark mark;
  std::string name;
  std::string uid;   // made from the name when not given
  std::string type;  // "prometheus", "tempo"
  std::string url;
  std::string access = "proxy";
  bool is_default = false;
  std::string time_interval;  // jsonData.timeInterval
  std::string http_method;    // jsonData.httpMethod
  std::vector<ExemplarDestination> exemplar_destinations;
  std::optional<TracesToMetrics> traces_to_metrics;
};

struct Dashboard {
  std::string path;
  std::string uid;  // made from the file's name when the JSON has none
  std::string title;
  std::vector<std::string> tags;
  std::string folder;
  std::string json;  // the file's text, untouched
};

struct Provisioning {
  std::string directory;
  std::vector<DataSource> data_sources;
  std::vector<Dashboard> dashboards;  // by title
  std::vector<Notice> notices;

  const DataSource* data_source(std::string_view uid) const;
  // The default one of a type, else its first.
  const DataSource* data_source_of_type(std::string_view type) const;
  const Dashboard* dashboard(std::string_view uid) const;
};

Result<Provisioning> load_provisioning(const std::string& directory, const Environment& environment,
                                       const YamlLimits& limits = {});
// One datasources file alone (our own file's section, tests).
Result<std::vector<DataSource>> parse_data_sources(std::string_view text, std::string_view file,
                                                   const Environment& environment,
                                                   std::vector<Notice>& notices,
                                                   const YamlLimits& limits = {});
// One dashboard's text; `path` names it and gives a uid where the JSON has none.
Result<Dashboard> parse_dashboard(std::string json, const std::string& path);
std::string dump(const Provisioning& provisioning);

}  // namespace sightline::config
