#include "scrape/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

namespace sightline::scrape {
namespace {

int type_number(std::string_view type) {
  return type == "SRV" ? ns_t_srv : type == "MX" ? ns_t_mx : ns_t_ns;
}

Result<std::vector<DnsRecord>> addresses_of(const std::string& name, std::string_view type) {
  addrinfo hints{};
  hints.ai_family = type == "A" ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &first);
  if (code == EAI_NONAME || code == EAI_NODATA) return std::vector<DnsRecord>();
  if (code != 0)
    return fail(Errc::kUnavailable, "could not resolve ", name, ": ", ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(first, ::freeaddrinfo);
  std::vector<DnsRecord> records;
  for (const addrinfo* at = first; at != nullptr; at = at->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* address =
        at->ai_family == AF_INET
            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr)
            : &reinterpret_cast<const sockaddr_in6*>(at->ai_addr)->sin6_addr;
    if (::inet_ntop(at->ai_family, address, text.data(), text.size()) != nullptr)
      records.push_back({text.data()});
  }
  return records;
}

// The name at `at`, with a final dot.
std::string name_at(const ns_msg& message, const unsigned char* at) {
  std::array<char, NS_MAXDNAME> name{};
  if (::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), at, name.data(),
                           name.size()) < 0)
    return {};
  return std::string(name.data()) + ".";
}

}  // namespace

Result<std::vector<DnsRecord>> parse_dns_answer(std::string_view message, std::string_view type) {
  ns_msg parsed;
  if (::ns_initparse(reinterpret_cast<const unsigned char*>(message.data()),
                     static_cast<int>(message.size()), &parsed) != 0)
    return fail(Errc::kInvalidArgument, "malformed DNS answer");
  const int wanted = type_number(type);
  // Before a host's name: priority, weight and port, or a preference.
  const size_t fixed = wanted == ns_t_srv ? 6 : wanted == ns_t_mx ? 2 : 0;
  std::vector<DnsRecord> records;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&parsed, ns_s_an, i, &record) != 0)
      return fail(Errc::kInvalidArgument, "malformed DNS answer: record ", i);
    if (ns_rr_type(record) != wanted || ns_rr_rdlen(record) <= fixed) continue;
    const unsigned char* data = ns_rr_rdata(record);
    DnsRecord found{.target = name_at(parsed, data + fixed)};
    if (wanted == ns_t_srv) found.port = static_cast<uint16_t>(data[4] << 8 | data[5]);
    if (!found.target.empty()) records.push_back(std::move(found));
  }
  return records;
}

Result<std::vector<DnsRecord>> system_dns_lookup(const std::string& name, std::string_view type) {
  if (type == "A" || type == "AAAA") {
    auto records = addresses_of(name, type);
    if (records) std::ranges::sort(*records);
    return records;
  }
  struct __res_state state{};
  if (::res_ninit(&state) != 0) return fail(Errc::kUnavailable, "no DNS resolver is configured");
  const std::unique_ptr<struct __res_state, decltype(&::res_nclose)> closing(&state, ::res_nclose);
  std::array<unsigned char, NS_MAXMSG> answer;
  const int size = ::res_nsearch(&state, name.c_str(), ns_c_in, type_number(type), answer.data(),
                                 static_cast<int>(answer.size()));
  if (size < 0) {
    if (state.res_h_errno == HOST_NOT_FOUND || state.res_h_errno == NO_DATA)
      return std::vector<DnsRecord>();
    return fail(Errc::kUnavailable, "could not resolve ", name, ": ",
                ::hstrerror(state.res_h_errno));
  }
  const size_t length = std::min(static_cast<size_t>(size), answer.size());
  auto records = parse_dns_answer({reinterpret_cast<const char*>(answer.data()), length}, type);
  if (records) std::ranges::sort(*records);
  return records;
}

}  // namespace sightline::scrape
