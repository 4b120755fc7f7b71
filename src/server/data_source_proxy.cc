#include "server/data_source_proxy.h"

#include <array>

#include "config/otelcol/transport_config.h"
#include "net/http_client.h"

namespace sightline::server {
namespace {

constexpr std::chrono::seconds kTimeout(60);
constexpr size_t kAnswerBytesMax = 256u << 20;
// What of a request and of an answer goes through; the rest belongs to one hop only.
constexpr std::array<std::string_view, 4> kRequestHeaders = {"Content-Type", "Accept",
                                                             "X-Scope-OrgID", "traceparent"};
constexpr std::array<std::string_view, 3> kAnswerHeaders = {"Content-Type", "Cache-Control",
                                                            "Retry-After"};

net::HttpResponse bad_gateway(std::string_view name, const Error& error) {
  return net::HttpResponse::text(502,
                                 "data source " + std::string(name) + ": " + error.message + "\n");
}

net::HttpResponse send_away(net::HttpClient& client, const api::ui::DataSource& source,
                            const net::HttpRequest& request) {
  std::string base = source.url;
  while (base.ends_with('/')) base.pop_back();
  net::HttpClientRequest out{.method = request.method,
                             .url = base + request.path,
                             .body = request.body,
                             .timeout = kTimeout,
                             .response_bytes_max = kAnswerBytesMax,
                             .cancellation = request.cancellation};
  if (!request.query.empty()) out.url += "?" + request.query;
  for (const std::string_view name : kRequestHeaders)
    if (const auto value = request.headers.get(name); !value.empty())
      out.headers.set(name, std::string(value));
  auto answer = client.send(out);
  if (!answer) return bad_gateway(source.name, answer.error());
  net::HttpResponse response;
  response.status = answer->status;
  response.body = std::move(answer->body);
  for (const std::string_view name : kAnswerHeaders)
    if (const auto value = answer->headers.get(name); !value.empty())
      response.headers.set(name, std::string(value));
  return response;
}

}  // namespace

Result<UrlParts> parse_url(std::string_view url) {
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos)
    return fail(Errc::kInvalidArgument, "not a URL: \"", url, "\"");
  UrlParts parts{.scheme = std::string(url.substr(0, scheme_end))};
  std::string_view rest = url.substr(scheme_end + 3);
  const size_t path = rest.find_first_of("/?#");
  if (path != std::string_view::npos) {
    parts.path = rest.substr(path);
    if (parts.path == "/") parts.path.clear();
    rest = rest.substr(0, path);
  }
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
  if (auto both = config::parse_host_port(rest)) {
    parts.host = both->host;
    parts.port = both->port;
  } else {
    parts.host = rest;
    parts.port = parts.scheme == "https" ? 443 : 80;
  }
  return parts;
}

bool is_local_host(std::string_view host) {
  return host.empty() || host == "localhost" || host.starts_with("127.") || host == "::1" ||
         host == "[::1]" || host == "0.0.0.0" || host == "::" || host == "[::]";
}

api::ui::Forward make_data_source_proxy(OwnRouter own) {
  const auto client = std::make_shared<net::HttpClient>(
      net::HttpClientOptions{.user_agent = "sightline data source proxy"});
  return
      [own = std::move(own), client](const api::ui::DataSource& source, net::HttpRequest& request) {
        const auto url = parse_url(source.url);
        if (!url) return bad_gateway(source.name, url.error());
        const net::HttpRouter* router = url->scheme == "http" ? own(url->host, url->port) : nullptr;
        if (router == nullptr) return send_away(*client, source, request);
        request.path.insert(0, url->path);
        request.captures.clear();
        return router->dispatch(request);
      };
}

}  // namespace sightline::server
