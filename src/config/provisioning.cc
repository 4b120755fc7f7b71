#include "config/provisioning.h"

#include <simdjson.h>

#include <algorithm>
#include <exception>
#include <set>
#include <tuple>

#include "config/yaml/expansion.h"
#include "config/yaml/yaml_node.h"

namespace sightline::config {
namespace {

constexpr std::string_view kNoMeaning =
    "Sightline's own pages ask its own stores; it has no meaning here";

std::string joined(const std::string& directory, std::string_view below) {
  return directory + (directory.ends_with('/') ? "" : "/") + std::string(below);
}
std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}
bool is_yaml(const std::string& path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

// A uid from a name: what is not a letter, digit, - or _ becomes -.
std::string uid_of(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 40)) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c >= 'A' && c <= 'Z') {
      out.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      out.push_back(kept ? c : '-');
    }
  }
  return out;
}

void read_destinations(MapReader& json, std::vector<ExemplarDestination>& out) {
  const auto at = json.take("exemplarTraceIdDestinations");
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    ExemplarDestination destination;
    MapReader map(item);
    map.read("name", destination.name);
    map.read("datasourceUid", destination.datasource_uid);
    map.read("url", destination.url);
    map.read("urlDisplayLabel", destination.url_display_label);
    map.ignore("targetBlank", kNoMeaning);
    map.finish();
    if (destination.name.empty())
      item.error("needs the name of an exemplar label, such as trace_id");
    out.push_back(std::move(destination));
  }
}

void read_traces_to_metrics(MapReader& json, std::optional<TracesToMetrics>& out) {
  const auto at = json.take("tracesToMetrics");
  if (!at || at->is_null()) return;
  TracesToMetrics& link = out.emplace();
  MapReader map(*at);
  map.read("datasourceUid", link.datasource_uid);
  map.read("spanStartTimeShift", link.span_start_time_shift);
  map.read("spanEndTimeShift", link.span_end_time_shift);
  if (const auto tags = map.take("tags"); tags && !tags->is_null()) {
    for (const Cursor& item : tags->items()) {
      TracesToMetrics::Tag tag;
      MapReader inner(item);
      inner.read("key", tag.key);
      inner.read("value", tag.value);
      inner.finish();
      link.tags.push_back(std::move(tag));
    }
  }
  if (const auto queries = map.take("queries"); queries && !queries->is_null()) {
    for (const Cursor& item : queries->items()) {
      TracesToMetrics::Query query;
      MapReader inner(item);
      inner.read("name", query.name);
      inner.read("query", query.query);
      inner.finish();
      link.queries.push_back(std::move(query));
    }
  }
  map.finish();
}

// jsonData belongs to the data source's plugin: unknown keys there are the plugin's business.
void read_json_data(MapReader& source, DataSource& out) {
  const auto at = source.take("jsonData");
  if (!at || at->is_null()) return;
  MapReader json(*at);
  json.read("timeInterval", out.time_interval);
  json.read("httpMethod", out.http_method);
  read_destinations(json, out.exemplar_destinations);
  read_traces_to_metrics(json, out.traces_to_metrics);
}

DataSource read_data_source(const Cursor& at) {
  DataSource out;
  out.mark = at.mark();
  MapReader map(at);
  map.read("name", out.name);
  map.read("uid", out.uid);
  map.read("type", out.type);
  map.read("url", out.url);
  map.read("access", out.access);
  map.read("isDefault", out.is_default);
  read_json_data(map, out);
  for (const std::string_view key : {"orgId", "version", "editable", "apiVersion"}) map.take(key);
  map.ignore({"user", "database", "password", "basicAuth", "basicAuthUser", "basicAuthPassword",
              "withCredentials", "secureJsonData", "isDefaultTenant", "correlations"},
             kNoMeaning);
  map.finish();
  if (out.name.empty()) at.error("a data source needs a name");
  if (out.type.empty()) {
    at.error("a data source needs a type: prometheus or tempo");
  } else if (out.type != "prometheus" && out.type != "tempo") {
    at.notice("only data sources of type prometheus and tempo are used here");
  }
  if (out.uid.empty()) out.uid = uid_of(out.name);
  return out;
}

std::vector<DataSource> read_data_sources(const YamlValue& root, Diagnostics& diagnostics) {
  std::vector<DataSource> out;
  MapReader map(Cursor(root, "", PathStyle::kDots, diagnostics));
  map.take("apiVersion");
  map.take("prune");
  map.take("deleteDatasources");
  if (const auto list = map.take("datasources"); list && !list->is_null())
    for (const Cursor& item : list->items()) out.push_back(read_data_source(item));
  map.finish();
  return out;
}

struct Provider {
  Mark mark;
  std::string name;
  std::string folder;
  std::string path;
};

std::vector<Provider> read_providers(const YamlValue& root, Diagnostics& diagnostics) {
  std::vector<Provider> out;
  MapReader map(Cursor(root, "", PathStyle::kDots, diagnostics));
  map.take("apiVersion");
  if (const auto list = map.take("providers"); list && !list->is_null()) {
    for (const Cursor& item : list->items()) {
      Provider provider;
      MapReader keys(item);
      provider.mark = item.mark();
      keys.read("name", provider.name);
      keys.read("folder", provider.folder);
      std::string type = "file";
      keys.read_choice("type", type, {"file"});
      if (const auto options = keys.take("options"); options) {
        MapReader inner(*options);
        inner.read("path", provider.path);
        inner.read("folder", provider.path);  // the key's former name
        inner.take("foldersFromFilesStructure");
        inner.finish();
        provider.mark = options->mark();
      }
      for (const std::string_view key : {"orgId", "org_id", "folderUid", "disableDeletion",
                                         "editable", "updateIntervalSeconds", "allowUiUpdates"})
        keys.take(key);
      keys.finish();
      if (provider.path.empty())
        item.error("options.path is missing: where the dashboard JSON files lie");
      out.push_back(std::move(provider));
    }
  }
  map.finish();
  return out;
}

class Loader {
 public:
  Loader(const std::string& directory, const Environment& environment, const YamlLimits& limits)
      : environment_(environment), limits_(limits) {
    out_.directory = directory;
  }
  Result<Provisioning> load();

 private:
  // Every YAML file of a subdirectory, expanded; none when it does not exist.
  template <typename Use>
  void each_yaml(std::string_view below, Use use);
  void load_provider(const Provider& provider, const std::string& file);
  // The .json files of a directory; false when there is no such directory.
  bool load_dashboards(const std::string& directory, const std::string& folder);
  void load_dashboard(const std::string& path, const std::string& folder);
  void check_uids();

  const Environment& environment_;
  YamlLimits limits_;
  Diagnostics diagnostics_;
  Provisioning out_;
  std::set<std::string> loaded_;  // paths
};

template <typename Use>
void Loader::each_yaml(std::string_view below, Use use) {
  const auto files = environment_.list_files(joined(out_.directory, below), false);
  if (!files) {
    if (files.error().code != Errc::kNotFound) diagnostics_.error({}, files.error().message);
    return;
  }
  for (const std::string& file : *files) {
    if (!is_yaml(file)) continue;
    const auto text = environment_.read_file(file);
    const Mark whole{std::make_shared<const std::string>(file), 0, 0};
    if (!text) {
      diagnostics_.error(whole, text.error().message);
      continue;
    }
    auto root = parse_yaml(*text, file, limits_);
    if (!root) {
      diagnostics_.error_text(root.error().message);
      continue;
    }
    use(*expand(std::move(*root), Dialect::kGrafana, environment_, diagnostics_, limits_), file);
  }
}

void Loader::load_dashboard(const std::string& path, const std::string& folder) {
  if (!loaded_.insert(path).second) return;
  const Mark whole{std::make_shared<const std::string>(path), 0, 0};
  if (out_.dashboards.size() == kDashboardsMax)
    return diagnostics_.error(whole, "more than " + std::to_string(kDashboardsMax) + " dashboards");
  auto text = environment_.read_file(path);
  if (!text) return diagnostics_.error(whole, text.error().message);
  auto dashboard = parse_dashboard(std::move(*text), path);
  if (!dashboard) return diagnostics_.error_text(dashboard.error().message);
  dashboard->folder = folder;
  out_.dashboards.push_back(std::move(*dashboard));
}

bool Loader::load_dashboards(const std::string& directory, const std::string& folder) {
  const auto files = environment_.list_files(directory, true);
  if (!files) return false;
  for (const std::string& file : *files)
    if (file.ends_with(".json")) load_dashboard(file, folder);
  return true;
}

void Loader::load_provider(const Provider& provider, const std::string& file) {
  std::string path = provider.path;
  if (path.ends_with(".json") && environment_.read_file(path))
    return load_dashboard(path, provider.folder);
  std::vector<std::string> tries = {path};
  if (!path.starts_with('/')) {
    // "." means "here" to whoever wrote the file, hardly the working directory.
    tries = {joined(parent_of(file), path), joined(out_.directory, path)};
    tries.insert(path == "." || path.starts_with("./") || path.starts_with("../") ? tries.end()
                                                                                  : tries.begin(),
                 path);
  }
  for (const std::string& attempt : tries)
    if (load_dashboards(attempt, provider.folder)) return;
  diagnostics_.notice(
      provider.mark, "providers: " + provider.name,
      "there is no directory " + path + "; the dashboards beside the provider files are taken");
  load_dashboards(joined(out_.directory, "dashboards"), provider.folder);
}

void Loader::check_uids() {
  std::set<std::string> uids;
  for (const DataSource& source : out_.data_sources)
    if (!uids.insert(source.uid).second)
      diagnostics_.error(source.mark, "two data sources have the uid \"" + source.uid + "\"");
  uids.clear();
  for (const Dashboard& dashboard : out_.dashboards)
    if (!uids.insert(dashboard.uid).second)
      diagnostics_.error({std::make_shared<const std::string>(dashboard.path), 0, 0},
                         "another dashboard has the same uid \"" + dashboard.uid + "\"");
}

Result<Provisioning> Loader::load() {
  const auto any = environment_.list_files(out_.directory, true);
  if (!any) return std::unexpected(any.error());
  each_yaml("datasources", [&](const YamlValue& root, const std::string&) {
    for (DataSource& source : read_data_sources(root, diagnostics_))
      out_.data_sources.push_back(std::move(source));
  });
  bool provided = false;
  each_yaml("dashboards", [&](const YamlValue& root, const std::string& file) {
    for (const Provider& provider : read_providers(root, diagnostics_)) {
      provided = true;
      if (!provider.path.empty()) load_provider(provider, file);
    }
  });
  if (!provided) load_dashboards(joined(out_.directory, "dashboards"), "");
  check_uids();
  std::sort(out_.dashboards.begin(), out_.dashboards.end(),
            [](const Dashboard& a, const Dashboard& b) {
              return std::tie(a.title, a.path) < std::tie(b.title, b.path);
            });
  if (!diagnostics_.ok()) return std::unexpected(diagnostics_.to_error());
  out_.notices = diagnostics_.take_notices();
  return std::move(out_);
}

// Files saved from Grafana's API wrap the dashboard: {"dashboard": {...}, "meta": {...}}.
simdjson::dom::object dashboard_object(simdjson::dom::object root) {
  simdjson::dom::object inner;
  if (root["dashboard"].get(inner) == simdjson::SUCCESS) return inner;
  return root;
}

}  // namespace

Result<Dashboard> parse_dashboard(std::string json, const std::string& path) {
  if (json.size() > kDashboardBytesMax)
    return fail(Errc::kInvalidArgument, path, ": a dashboard of ", json.size(),
                " bytes, more than ", kDashboardBytesMax);
  Dashboard out;
  out.path = path;
  std::string stem = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
  if (stem.ends_with(".json")) stem.erase(stem.size() - 5);
  try {
    simdjson::dom::parser parser;
    simdjson::dom::object root;
    const auto error = parser.parse(json.data(), json.size()).get(root);
    if (error)
      return fail(Errc::kInvalidArgument, path,
                  ": not a dashboard: ", simdjson::error_message(error));
    const simdjson::dom::object object = dashboard_object(root);
    std::string_view text;
    if (object["uid"].get(text) == simdjson::SUCCESS) out.uid = text;
    if (object["title"].get(text) == simdjson::SUCCESS) out.title = text;
    simdjson::dom::array tags;
    if (object["tags"].get(tags) == simdjson::SUCCESS)
      for (const simdjson::dom::element tag : tags)
        if (tag.get(text) == simdjson::SUCCESS) out.tags.emplace_back(text);
    if (out.title.empty() && object["panels"].error() != simdjson::SUCCESS)
      return fail(Errc::kInvalidArgument, path,
                  ": not a dashboard: it has neither a title nor panels");
  } catch (const std::exception& error) {
    return fail(Errc::kInvalidArgument, path, ": not a dashboard: ", error.what());
  }
  if (out.uid.empty()) out.uid = uid_of(stem);
  if (out.title.empty()) out.title = stem;
  out.json = std::move(json);
  return out;
}

Result<Provisioning> load_provisioning(const std::string& directory, const Environment& environment,
                                       const YamlLimits& limits) {
  return Loader(directory, environment, limits).load();
}

Result<std::vector<DataSource>> parse_data_sources(std::string_view text, std::string_view file,
                                                   const Environment& environment,
                                                   std::vector<Notice>& notices,
                                                   const YamlLimits& limits) {
  auto root = parse_yaml(text, file, limits);
  if (!root) return std::unexpected(std::move(root).error());
  Diagnostics diagnostics;
  *root = expand(std::move(*root), Dialect::kGrafana, environment, diagnostics, limits);
  auto out = read_data_sources(**root, diagnostics);
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  for (Notice& notice : diagnostics.take_notices()) notices.push_back(std::move(notice));
  return out;
}

const DataSource* Provisioning::data_source(std::string_view uid) const {
  for (const DataSource& source : data_sources)
    if (source.uid == uid) return &source;
  return nullptr;
}

const DataSource* Provisioning::data_source_of_type(std::string_view type) const {
  const DataSource* first = nullptr;
  for (const DataSource& source : data_sources) {
    if (source.type != type) continue;
    if (source.is_default) return &source;
    if (first == nullptr) first = &source;
  }
  return first;
}

const Dashboard* Provisioning::dashboard(std::string_view uid) const {
  for (const Dashboard& candidate : dashboards)
    if (candidate.uid == uid) return &candidate;
  return nullptr;
}

}  // namespace sightline::config
