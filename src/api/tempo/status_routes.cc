#include "api/tempo/status_routes.h"

#include <array>
#include <utility>

#include "base/text_codec.h"

namespace sightline::api::tempo {
namespace {

net::HttpResponse plain(int status, std::string body) {
  auto response = net::HttpResponse::text(status, std::move(body));
  response.headers.add("X-Content-Type-Options", "nosniff");
  return response;
}

bool is_ready(const TempoApi& api) { return !api.ready || api.ready(); }

std::string version_text(const TempoApi& api) {
  return "tempo, version " + api.options.version + " (branch: , revision: " + api.options.revision +
         ")\n";
}

std::string services_text(const TempoApi& api) {
  const std::string_view state = is_ready(api) ? "Running" : "Starting";
  std::string out;
  for (const std::string_view service : {"store", "querier"})
    out.append(service).append(16 - service.size(), ' ').append(state).append("\n");
  return out;
}

std::string endpoints_text(const TempoApi& api) {
  std::string out;
  for (const std::string& path : tempo_paths(api))
    out.append("GET,POST  ").append(path).append("\n");
  return out;
}

using Section = std::string (*)(const TempoApi&);
struct NamedSection {
  std::string_view name;
  Section text;
};
constexpr std::array<NamedSection, 7> kSections = {{
    {"version", version_text},
    {"services", services_text},
    {"endpoints", endpoints_text},
    {"config",
     [](const TempoApi& api) { return api.config_text ? api.config_text() : std::string("{}\n"); }},
    {"runtime_config",
     [](const TempoApi&) { return std::string("no runtime configuration is in use\n"); }},
    {"usage-stats", [](const TempoApi&) { return std::string("usage is not reported\n"); }},
    {"overrides",
     [](const TempoApi& api) {
       return api.overrides_text ? api.overrides_text("")
                                 : std::string("no tenant has overrides of its own\n");
     }},
}};

}  // namespace

net::HttpResponse answer_echo(const TempoApi&, const net::HttpRequest&) {
  return plain(200, "echo\n");
}

net::HttpResponse answer_ready(const TempoApi& api, const net::HttpRequest&) {
  return is_ready(api) ? plain(200, "ready\n") : plain(503, "not ready\n");
}

net::HttpResponse answer_buildinfo(const TempoApi& api, const net::HttpRequest&) {
  std::string body = R"({"version":")";
  append_json_escaped(body, api.options.version);
  body += R"(","revision":")";
  append_json_escaped(body, api.options.revision);
  body += R"(","branch":"","buildUser":"","buildDate":"","goVersion":""})";
  return net::HttpResponse::json(std::move(body));
}

net::HttpResponse answer_status(const TempoApi& api, const net::HttpRequest&) {
  std::string body;
  for (const NamedSection& section : kSections) {
    if (!body.empty()) body += "\n";
    body.append("---\n").append(section.name).append("\n").append(section.text(api));
  }
  return plain(200, std::move(body));
}

net::HttpResponse answer_status_section(const TempoApi& api, const net::HttpRequest& request) {
  const std::string_view name =
      request.captures.empty() ? std::string_view() : std::string_view(request.captures[0]);
  for (const NamedSection& section : kSections)
    if (section.name == name) return plain(200, section.text(api));
  return plain(404, "404 page not found\n");
}

net::HttpResponse answer_tenant_overrides(const TempoApi& api, const net::HttpRequest& request) {
  if (!api.overrides_text || request.captures.empty()) return plain(404, "404 page not found\n");
  return plain(200, api.overrides_text(request.captures[0]));
}

}  // namespace sightline::api::tempo
