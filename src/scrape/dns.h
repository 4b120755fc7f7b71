#pragma once
// Records of a DNS name.
//   Threads  system_dns_lookup() from any thread; blocks as long as the system's resolver waits.
//   Source   RFC 1035, RFC 2782.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::scrape {

// An address (A, AAAA) or a host's name, with its final dot (SRV, MX, NS).
struct DnsRecord {
  std::string target;
  uint16_t port = 0;  // SRV
  friend auto operator<=>(const DnsRecord&, const DnsRecord&) = default;
};

// `type` is SRV, A, AAAA, MX or NS. A name that does not exist has no records.
using DnsLookup =
    std::function<Result<std::vector<DnsRecord>>(const std::string& name, std::string_view type)>;

// By the system's resolver: /etc/hosts for addresses, the servers and search list of /etc/resolv.conf.
Result<std::vector<DnsRecord>> system_dns_lookup(const std::string& name, std::string_view type);
// The records of that type in an answer as it comes from a server.
Result<std::vector<DnsRecord>> parse_dns_answer(std::string_view message, std::string_view type);

}  // namespace sightline::scrape
