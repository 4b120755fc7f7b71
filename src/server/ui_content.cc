#include "server/ui_content.h"

#include "base/log.h"
#include "base/text_codec.h"

namespace sightline::server {
namespace {

// Data sources of this process have URLs like any other; the proxy finds that they lead here.
constexpr std::string_view kOwnMetricsUid = "prometheus";
constexpr std::string_view kOwnTracesUid = "tempo";

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += out.size() > 1 ? ",\"" : "\"";
  ((out += name) += "\":\"");
  append_json_escaped(out, value);
  out += '"';
}

std::string json_data(const config::DataSource& source) {
  std::string out = "{";
  append_member(out, "timeInterval", source.time_interval);
  append_member(out, "httpMethod", source.http_method);
  if (!source.exemplar_destinations.empty()) {
    out +=
        out.size() > 1 ? ",\"exemplarTraceIdDestinations\":[" : "\"exemplarTraceIdDestinations\":[";
    bool first = true;
    for (const config::ExemplarDestination& destination : source.exemplar_destinations) {
      std::string each = "{";
      append_member(each, "name", destination.name);
      append_member(each, "datasourceUid", destination.datasource_uid);
      append_member(each, "url", destination.url);
      append_member(each, "urlDisplayLabel", destination.url_display_label);
      out += (first ? "" : ",") + each + "}";
      first = false;
    }
    out += ']';
  }
  return out + "}";
}

void add_provisioned(const config::Provisioning& provisioning, api::ui::UiContent& content) {
  for (const config::DataSource& source : provisioning.data_sources)
    content.data_sources.push_back(
        {source.uid, source.name, source.type, source.url, source.is_default, json_data(source)});
  for (const config::Dashboard& dashboard : provisioning.dashboards)
    content.dashboards.push_back({dashboard.uid, dashboard.title, dashboard.tags, dashboard.folder,
                                  dashboard.path, dashboard.json});
}

bool has_type(const api::ui::UiContent& content, std::string_view type) {
  for (const api::ui::DataSource& source : content.data_sources)
    if (source.type == type) return true;
  return false;
}

// Port 0 stands for "this process": see make_data_source_proxy's caller.
void add_own(const config::SightlineConfig& config, api::ui::UiContent& content) {
  if (config.prometheus && !has_type(content, "prometheus")) {
    // 15 s is how often a series without new spans is written, so what rate windows must span.
    content.data_sources.push_back(
        {std::string(kOwnMetricsUid), "Sightline metrics", "prometheus", "http://localhost:0", true,
         R"({"httpMethod":"POST","timeInterval":"15s","exemplarTraceIdDestinations":[{"name":"trace_id","datasourceUid":"tempo","urlDisplayLabel":"View trace"}]})"});
  }
  if (config.tempo && !has_type(content, "tempo"))
    content.data_sources.push_back({std::string(kOwnTracesUid), "Sightline traces", "tempo",
                                    "http://localhost:0", false, "{}"});
  if (!content.dashboards.empty() || !config.prometheus) return;
  auto dashboard = config::parse_dashboard(std::string(built_in_dashboard()), "built-in.json");
  if (!dashboard) return SL_LOG_ERROR("the built-in dashboard: {}", dashboard.error().message);
  content.dashboards.push_back({dashboard->uid, dashboard->title, dashboard->tags,
                                dashboard->folder, dashboard->path, dashboard->json});
}

}  // namespace

std::shared_ptr<const api::ui::UiContent> make_ui_content(const config::SightlineConfig& config) {
  auto content = std::make_shared<api::ui::UiContent>();
  if (config.provisioning) add_provisioned(*config.provisioning, *content);
  add_own(config, *content);
  return content;
}

}  // namespace sightline::server
