#include "scrape/discovery.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/log.h"
#include "base/number_text.h"
#include "scrape/http_settings.h"

namespace sightline::scrape {
namespace {

constexpr size_t kAnswerBytesMax = 64u << 20;
constexpr std::chrono::seconds kHttpTimeout(10);

using Groups = std::vector<config::TargetGroup>;

std::vector<std::string> paths_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return paths;
}

// IPv6 addresses stand in brackets before a port.
std::string host_port(const std::string& host, uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool same(const Groups& a, const Groups& b) {
  return std::ranges::equal(a, b, [](const config::TargetGroup& x, const config::TargetGroup& y) {
    return x.labels == y.labels &&
           std::ranges::equal(x.targets, y.targets,
                              [](const auto& s, const auto& t) { return *s == *t; });
  });
}

}  // namespace

struct Discovery::FileState {
  struct stat last{};
  bool found = false;  // in the walk under way
};

// An endpoint or a DNS configuration, and when it is asked next.
struct Discovery::Due {
  const config::HttpDiscovery* http = nullptr;
  const config::DnsDiscovery* dns = nullptr;
  std::unique_ptr<net::HttpClient> client;
  std::chrono::nanoseconds next{0};  // monotonic
};

Discovery::Discovery(const config::ScrapeConfig& config, const Clock& clock,
                     DiscoveryOptions options)
    : config_(config), clock_(clock), options_(std::move(options)) {
  const auto now = clock.monotonic();
  for (const auto& http : config.http_discoveries)
    due_.push_back(
        {.http = &http, .client = make_http_client(http.tls, http.follow_redirects), .next = now});
  for (const auto& dns : config.dns_discoveries) due_.push_back({.dns = &dns, .next = now});
}
Discovery::~Discovery() = default;

bool Discovery::is_needed(const config::ScrapeConfig& config) {
  return !config.file_discoveries.empty() || !config.http_discoveries.empty() ||
         !config.dns_discoveries.empty();
}

bool Discovery::poll() {
  bool changed = false;
  for (auto& [path, state] : files_) state.found = false;
  for (const auto& files : config_.file_discoveries) changed |= poll_files(files);
  for (auto at = files_.begin(); at != files_.end();) {
    if (at->second.found) {
      ++at;
      continue;
    }
    changed |= found_.erase("file:" + at->first) > 0;
    at = files_.erase(at);
  }
  for (Due& due : due_) {
    const auto now = clock_.monotonic();
    if (due.next > now) continue;
    due.next = now + (due.http != nullptr ? due.http->refresh_interval : due.dns->refresh_interval);
    changed |= due.http != nullptr ? poll_http(due) : poll_dns(due);
  }
  return changed;
}

Groups Discovery::groups() const {
  Groups all = config_.static_configs;
  for (const auto& [source, groups] : found_) all.insert(all.end(), groups.begin(), groups.end());
  return all;
}

bool Discovery::set(const std::string& source, Groups groups) {
  Groups& known = found_[source];
  if (same(known, groups)) return false;
  known = std::move(groups);
  return true;
}

bool Discovery::poll_files(const config::FileDiscovery& files) {
  bool changed = false;
  for (const auto& pattern : files.files) {
    const bool is_relative = !pattern->starts_with('/') && !options_.directory.empty();
    for (const std::string& path :
         paths_of(is_relative ? options_.directory + "/" + *pattern : *pattern)) {
      struct stat now{};
      if (::stat(path.c_str(), &now) != 0) continue;
      FileState& state = files_[path];
      const struct stat& last = state.last;
      state.found = true;
      if (last.st_ino == now.st_ino && last.st_size == now.st_size &&
          last.st_mtim.tv_sec == now.st_mtim.tv_sec && last.st_mtim.tv_nsec == now.st_mtim.tv_nsec)
        continue;
      state.last = now;
      changed |= read_file(path);
    }
  }
  return changed;
}

bool Discovery::read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto groups = config::parse_target_groups(text, path);
  if (!in || !groups) {
    SL_LOG_ERROR("job {}: targets of {}: {}", *config_.job_name, path,
                 groups ? "cannot be read" : groups.error().message);
    return false;
  }
  for (auto& group : *groups) group.labels["__meta_filepath"] = path;
  return set("file:" + path, std::move(*groups));
}

Result<Groups> Discovery::fetch(const config::HttpDiscovery& http, net::HttpClient& client) const {
  net::HttpClientRequest request{
      .url = *http.url, .timeout = kHttpTimeout, .response_bytes_max = kAnswerBytesMax};
  request.headers.set("Accept", "application/json");
  request.headers.set(
      "X-Prometheus-Refresh-Interval-Seconds",
      format_float_plain(std::chrono::duration<double>(http.refresh_interval).count()));
  const auto authorization = authorization_of(http.auth);
  if (!authorization) return std::unexpected(authorization.error());
  if (!authorization->empty()) request.headers.set("Authorization", *authorization);
  for (const auto& [name, values] : http.http_headers)
    for (const std::string& value : values) request.headers.add(name, value);
  const auto answer = client.send(request);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200)
    return fail(Errc::kUnavailable, "server returned HTTP status ", answer->status);
  const std::string_view type = answer->headers.get("Content-Type");
  if (type.substr(0, type.find(';')) != "application/json")
    return fail(Errc::kInvalidArgument, "unsupported content type \"", type, "\"");
  return config::parse_target_groups(answer->body, *http.url);
}

bool Discovery::poll_http(Due& due) {
  auto groups = fetch(*due.http, *due.client);
  if (!groups) {
    SL_LOG_ERROR("job {}: targets of {}: {}", *config_.job_name, *due.http->url,
                 groups.error().message);
    return false;
  }
  for (auto& group : *groups) group.labels["__meta_url"] = *due.http->url;
  return set("http:" + *due.http->url, std::move(*groups));
}

Result<Groups> Discovery::resolve(const config::DnsDiscovery& dns, const std::string& name) const {
  const auto records = options_.dns(name, dns.type);
  if (!records) return std::unexpected(records.error());
  Groups groups;
  for (const DnsRecord& record : *records) {
    config::TargetGroup group;
    group.labels["__meta_dns_name"] = name;
    std::string host = record.target;
    if (host.ends_with('.')) host.pop_back();
    if (dns.type == "SRV") {
      group.labels["__meta_dns_srv_record_target"] = record.target;
      group.labels["__meta_dns_srv_record_port"] = std::to_string(record.port);
    } else if (dns.type == "MX") {
      group.labels["__meta_dns_mx_record_target"] = record.target;
    } else if (dns.type == "NS") {
      group.labels["__meta_dns_ns_record_target"] = record.target;
    }
    group.targets.push_back(
        {host_port(host, dns.type == "SRV" ? record.port : dns.port), dns.names[0].mark});
    groups.push_back(std::move(group));
  }
  return groups;
}

bool Discovery::poll_dns(Due& due) {
  bool changed = false;
  for (const auto& name : due.dns->names) {
    auto groups = resolve(*due.dns, *name);
    if (!groups) {
      SL_LOG_ERROR("job {}: targets of {}: {}", *config_.job_name, *name, groups.error().message);
      continue;
    }
    changed |= set("dns:" + due.dns->type + ":" + *name, std::move(*groups));
  }
  return changed;
}

}  // namespace sightline::scrape
