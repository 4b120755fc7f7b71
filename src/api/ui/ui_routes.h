#pragma once
// What the web pages need besides the peers' own APIs: the provisioned data
// sources and dashboards, a way to each data source through this origin, and the pages
// themselves.
//   GET /api/ui/datasources            list, as Grafana's provisioning has it
//   GET /api/ui/dashboards             list;  /api/ui/dashboards/{uid}  one, as its file has it
//   *   /api/datasources/proxy/uid/{uid}/...   the data source's HTTP API
//   GET anything else                  a page or one of its files
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/ui/embedded_file.h"
#include "net/http.h"

namespace sightline::api::ui {

struct DataSource {
  std::string uid;
  std::string name;
  std::string type;  // "prometheus", "tempo"
  std::string url;
  bool is_default = false;
  std::string json_data;  // a JSON object: Grafana's jsonData
};

struct Dashboard {
  std::string uid;
  std::string title;
  std::vector<std::string> tags;
  std::string folder;
  std::string path;  // the file it came from
  std::string json;  // as the file has it
};

struct UiContent {
  std::vector<DataSource> data_sources;
  std::vector<Dashboard> dashboards;
};

// Sends a request, rewritten to the data source's own path, where it belongs: into this process or over a socket.
using Forward =
    std::function<net::HttpResponse(const DataSource& source, net::HttpRequest& request)>;

// `pool`: where forwarded requests run; null: the server's.
void add_ui_routes(net::HttpRouter& router, std::shared_ptr<const UiContent> content,
                   Forward forward, WorkPool* pool = nullptr);
// Pages for every path that no route knows, except below /api/: those stay 404.
void add_pages(net::HttpRouter& router, std::span<const EmbeddedFile> files);

}  // namespace sightline::api::ui
