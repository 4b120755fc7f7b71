#include "api/tempo/cross_origin.h"

#include <re2/re2.h>

namespace sightline::api::tempo {

CrossOrigin::CrossOrigin(const std::string& origins) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto pattern = std::make_shared<const re2::RE2>(origins, options);
  if (!origins.empty() && pattern->ok()) allowed_ = std::move(pattern);
}

void CrossOrigin::add_headers(const net::HttpRequest& request, net::HttpResponse& response) const {
  if (!allowed_) return;
  response.headers.add("Vary", "Origin");
  const std::string_view origin = request.headers.get("Origin");
  if (origin.empty() || !re2::RE2::FullMatch({origin.data(), origin.size()}, *allowed_)) return;
  response.headers.set("Access-Control-Allow-Origin", std::string(origin));
  response.headers.set("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.headers.set("Access-Control-Allow-Headers",
                       "Accept, Authorization, Content-Type, Origin, X-Scope-OrgID");
}

}  // namespace sightline::api::tempo
