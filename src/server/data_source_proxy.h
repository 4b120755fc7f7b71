#pragma once
// Where a request to a data source goes: to the router of this process when the
// data source's URL is one of our own listeners, else over a socket.
#include <functional>
#include <memory>
#include <string>

#include "api/ui/ui_routes.h"
#include "net/http.h"

namespace sightline::server {

// The router that answers at an address of this process, or null. Takes host and port of a URL.
using OwnRouter = std::function<const net::HttpRouter*(std::string_view host, uint16_t port)>;

api::ui::Forward make_data_source_proxy(OwnRouter own);

// "http://localhost:9090/base" taken apart; port 80 or 443 when the URL has none.
struct UrlParts {
  std::string scheme;
  std::string host;
  uint16_t port = 0;
  std::string path;  // "/base", or empty
};
Result<UrlParts> parse_url(std::string_view url);

// Whether a host names this machine itself: localhost, 127.0.0.0/8, ::1, 0.0.0.0.
bool is_local_host(std::string_view host);

}  // namespace sightline::server
