#include "net/cors.h"

#include <algorithm>

namespace sightline::net {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool matches(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return text.size() >= head.size() + tail.size() && text.starts_with(head) && text.ends_with(tail);
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& item : list) out += (out.empty() ? "" : ", ") + item;
  return out;
}

}  // namespace

bool CorsPolicy::allows_origin(std::string_view origin) const {
  const std::string wanted = lower(origin);
  return std::any_of(options_.allowed_origins.begin(), options_.allowed_origins.end(),
                     [&](const std::string& pattern) { return matches(lower(pattern), wanted); });
}

bool CorsPolicy::allows_headers(std::string_view names) const {
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    std::string name = lower(names.substr(0, comma));
    std::erase(name, ' ');
    const bool safe = name.empty() || name == "accept" || name == "content-type" ||
                      name == "origin" || name == "x-requested-with";
    const bool listed = std::any_of(
        options_.allowed_headers.begin(), options_.allowed_headers.end(),
        [&](const std::string& allowed) { return allowed == "*" || lower(allowed) == name; });
    if (!safe && !listed) return false;
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return true;
}

void CorsPolicy::add_origin(std::string_view origin, HttpResponse& response) const {
  const bool any =
      std::ranges::find(options_.allowed_origins, "*") != options_.allowed_origins.end();
  response.headers.set("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
  if (!any) response.headers.add("Vary", "Origin");
}

HttpHandler CorsPolicy::preflight() const {
  return [policy = *this](HttpRequest& request) {
    HttpResponse response;
    response.status = 204;
    response.headers.add("Vary",
                         "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    const std::string_view origin = request.headers.get("Origin");
    const std::string_view method = request.headers.get("Access-Control-Request-Method");
    const std::string_view headers = request.headers.get("Access-Control-Request-Headers");
    const bool is_known = method == "GET" || method == "POST" || method == "HEAD";
    if (origin.empty() || !is_known || !policy.allows_origin(origin) ||
        !policy.allows_headers(headers))
      return response;
    policy.add_origin(origin, response);
    response.headers.set("Access-Control-Allow-Methods", std::string(method));
    if (!headers.empty())
      response.headers.set("Access-Control-Allow-Headers", std::string(headers));
    response.headers.set("Access-Control-Allow-Credentials", "true");
    if (policy.options_.max_age_seconds > 0)
      response.headers.set("Access-Control-Max-Age",
                           std::to_string(policy.options_.max_age_seconds));
    return response;
  };
}

HttpHandler CorsPolicy::wrap(HttpHandler handler) const {
  return [policy = *this, handler = std::move(handler)](HttpRequest& request) {
    HttpResponse response = handler(request);
    const std::string origin(request.headers.get("Origin"));
    if (origin.empty() || !policy.allows_origin(origin)) return response;
    policy.add_origin(origin, response);
    response.headers.set("Access-Control-Allow-Credentials", "true");
    if (!policy.options_.exposed_headers.empty())
      response.headers.set("Access-Control-Expose-Headers",
                           joined(policy.options_.exposed_headers));
    return response;
  };
}

}  // namespace sightline::net
