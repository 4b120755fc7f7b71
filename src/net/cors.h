#pragma once
// Which pages of other origins may call a server (CORS): preflight requests answered, and the
// headers that a browser asks for added.
//   Threads   immutable once made.
//   Source    Fetch standard, "CORS protocol"; the collector's confighttp.
#include <optional>
#include <string>
#include <vector>

#include "net/http.h"

namespace sightline::net {

struct CorsOptions {
  std::vector<std::string> allowed_origins;  // each may hold one "*"
  std::vector<std::string> allowed_headers;  // of requests, besides the safe ones; "*" for any
  std::vector<std::string> exposed_headers;
  int max_age_seconds = 0;
};

class CorsPolicy {
 public:
  explicit CorsPolicy(CorsOptions options) : options_(std::move(options)) {}
  // A handler for OPTIONS, and one around another.
  HttpHandler preflight() const;
  HttpHandler wrap(HttpHandler handler) const;

 private:
  bool allows_origin(std::string_view origin) const;
  bool allows_headers(std::string_view names) const;
  void add_origin(std::string_view origin, HttpResponse& response) const;
  const CorsOptions options_;
};

}  // namespace sightline::net
