#pragma once
// Target groups that change while we run: files, HTTP endpoints and DNS names of one scrape configuration.
//   Sources   each file, endpoint and name is a source of its own: one that cannot be read keeps what it said last; a file
//             that is gone says nothing any more.
//   Watching  files are looked at in every poll() and read when size, inode or time of change differ; endpoints and names are
//             asked at their refresh_interval.
//   Labels    __meta_filepath, __meta_url, __meta_dns_*, as Prometheus sets them.
//   Threads   one owner; poll() blocks while it asks. Source: Prometheus discovery/file, http, dns.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/prometheus/prometheus_config.h"
#include "net/http_client.h"
#include "scrape/dns.h"

namespace sightline::scrape {

struct DiscoveryOptions {
  std::string directory;  // that paths of files are relative to; empty: the working directory
  DnsLookup dns = system_dns_lookup;
};

class Discovery {
 public:
  // Both references outlive it.
  Discovery(const config::ScrapeConfig& config, const Clock& clock, DiscoveryOptions options);
  ~Discovery();
  static bool is_needed(const config::ScrapeConfig& config);

  // Asks what is due. True: groups() may differ from before.
  bool poll();
  // The configuration's own, then what was found.
  std::vector<config::TargetGroup> groups() const;

 private:
  using Groups = std::vector<config::TargetGroup>;
  struct FileState;
  struct Due;

  bool poll_files(const config::FileDiscovery& files);
  bool read_file(const std::string& path);
  bool poll_http(Due& due);
  bool poll_dns(Due& due);
  Result<Groups> fetch(const config::HttpDiscovery& http, net::HttpClient& client) const;
  Result<Groups> resolve(const config::DnsDiscovery& dns, const std::string& name) const;
  bool set(const std::string& source, Groups groups);

  const config::ScrapeConfig& config_;
  const Clock& clock_;
  const DiscoveryOptions options_;
  std::map<std::string, FileState> files_;  // by path
  std::vector<Due> due_;
  std::map<std::string, Groups> found_;  // by source
};

}  // namespace sightline::scrape
