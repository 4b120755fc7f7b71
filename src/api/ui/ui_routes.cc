#include "api/ui/ui_routes.h"

#include <algorithm>

#include "base/text_codec.h"
#include "net/compression.h"

namespace sightline::api::ui {
namespace {

constexpr size_t kPageBytesMax = 16u << 20;
constexpr std::string_view kProxyPrefix = "/api/datasources/proxy/uid/";

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += '"';
  out += name;
  out += "\":\"";
  append_json_escaped(out, value);
  out += '"';
}

void append_summary(std::string& out, const Dashboard& dashboard) {
  out += '{';
  append_field(out, "uid", dashboard.uid);
  out += ',';
  append_field(out, "title", dashboard.title);
  out += ",\"tags\":[";
  for (size_t i = 0; i < dashboard.tags.size(); ++i) {
    out += i > 0 ? ",\"" : "\"";
    append_json_escaped(out, dashboard.tags[i]);
    out += '"';
  }
  out += "],";
  append_field(out, "folder", dashboard.folder);
  out += '}';
}

net::HttpResponse list_dashboards(const UiContent& content) {
  std::string out = "[";
  for (const Dashboard& dashboard : content.dashboards) {
    if (out.size() > 1) out += ',';
    append_summary(out, dashboard);
  }
  return net::HttpResponse::json(out + "]");
}

net::HttpResponse list_data_sources(const UiContent& content) {
  std::string out = "[";
  for (const DataSource& source : content.data_sources) {
    out += out.size() > 1 ? ",{" : "{";
    append_field(out, "uid", source.uid);
    out += ',';
    append_field(out, "name", source.name);
    out += ',';
    append_field(out, "type", source.type);
    out += ',';
    append_field(out, "url", source.url);
    out += source.is_default ? ",\"isDefault\":true,\"jsonData\":"
                             : ",\"isDefault\":false,\"jsonData\":";
    out += source.json_data.empty() ? "{}" : source.json_data;
    out += '}';
  }
  return net::HttpResponse::json(out + "]");
}

net::HttpResponse show_dashboard(const UiContent& content, std::string_view uid) {
  for (const Dashboard& dashboard : content.dashboards) {
    if (dashboard.uid != uid) continue;
    std::string out = "{";
    append_field(out, "path", dashboard.path);
    return net::HttpResponse::json(out + ",\"dashboard\":" + dashboard.json + "}");
  }
  return net::HttpResponse::json("{\"message\":\"Dashboard not found\"}", 404);
}

net::HttpResponse proxy(const UiContent& content, const Forward& forward,
                        net::HttpRequest& request) {
  const std::string_view uid = request.captures.at(0);
  const auto source = std::find_if(content.data_sources.begin(), content.data_sources.end(),
                                   [&](const DataSource& each) { return each.uid == uid; });
  if (source == content.data_sources.end())
    return net::HttpResponse::json("{\"message\":\"Data source not found\"}", 404);
  // The rest of the path goes on as it was typed: a tag name in it may hold escaped slashes.
  const size_t slash = request.path.find('/', kProxyPrefix.size());
  request.path = slash == std::string::npos ? "/" : request.path.substr(slash);
  return forward(*source, request);
}

bool accepts_gzip(const net::HttpRequest& request) {
  return net::choose_compression(request.headers.get("Accept-Encoding")) == net::Compression::kGzip;
}

net::HttpResponse send_file(const EmbeddedFile& file, const net::HttpRequest& request) {
  net::HttpResponse response;
  response.headers.set("ETag", std::string(file.etag));
  // Files below /assets/ carry a hash in their name; pages are asked for anew each time.
  response.headers.set("Cache-Control", file.path.starts_with("/assets/")
                                            ? "public, max-age=31536000, immutable"
                                            : "no-cache");
  response.headers.set("Vary", "Accept-Encoding");
  response.headers.set("X-Content-Type-Options", "nosniff");
  if (request.headers.get("If-None-Match") == file.etag) {
    response.status = 304;
    return response;
  }
  response.headers.set("Content-Type", std::string(file.content_type));
  if (accepts_gzip(request)) {
    response.headers.set("Content-Encoding", "gzip");
    response.body = file.gzip_bytes;
    return response;
  }
  auto plain = net::decompress(net::Compression::kGzip, file.gzip_bytes, kPageBytesMax);
  if (!plain) return net::HttpResponse::text(500, plain.error().message + "\n");
  response.body = std::move(*plain);
  return response;
}

net::HttpResponse send_page(std::span<const EmbeddedFile> files, const net::HttpRequest& request) {
  const auto named = [&](std::string_view path) {
    return std::find_if(files.begin(), files.end(),
                        [&](const EmbeddedFile& file) { return file.path == path; });
  };
  if (const auto file = named(request.path); file != files.end()) return send_file(*file, request);
  const bool is_api = request.path.starts_with("/api/") || request.path.starts_with("/assets/");
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  const auto index = named("/index.html");
  if (is_api || !is_read) return net::HttpResponse::text(404, "404 page not found\n");
  if (index == files.end())
    return net::HttpResponse::text(
        404, "this build of Sightline has no web pages; build it with SIGHTLINE_UI=ON\n");
  return send_file(*index, request);
}

}  // namespace

void add_ui_routes(net::HttpRouter& router, std::shared_ptr<const UiContent> content,
                   Forward forward, WorkPool* pool) {
  const net::RouteOptions quick{.run_on = net::RunOn::kSocketThread};
  router.add(
      "GET", "/api/ui/dashboards",
      [content](net::HttpRequest&) { return list_dashboards(*content); }, quick);
  router.add(
      "GET", "/api/ui/dashboards/{uid}",
      [content](net::HttpRequest& request) {
        return show_dashboard(*content, request.captures.at(0));
      },
      quick);
  router.add(
      "GET", "/api/ui/datasources",
      [content](net::HttpRequest&) { return list_data_sources(*content); }, quick);
  router.add("GET,POST", "/api/datasources/proxy/uid/{uid}/{path...}",
             [content, forward = std::move(forward)](net::HttpRequest& request) {
               return proxy(*content, forward, request);
             },
             {.pool = pool});
}

void add_pages(net::HttpRouter& router, std::span<const EmbeddedFile> files) {
  router.set_fallback([files](net::HttpRequest& request) { return send_page(files, request); });
}

}  // namespace sightline::api::ui
