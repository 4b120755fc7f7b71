#include "net/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "net/socket_text.h"

namespace sightline::net {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

std::string lower_case_error(int error) {
  std::string text = std::strerror(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

Result<HostPort> split_host_port(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos)
    return fail(Errc::kInvalidArgument, "listen address \"", address,
                "\" has no port; write host:port");
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return fail(Errc::kInvalidArgument, "listen address \"", address,
                "\": write an IPv6 address in brackets, [::1]:3000");
  }
  uint16_t number = 0;
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || fault != std::errc{} || end != port.data() + port.size())
    return fail(Errc::kInvalidArgument, "listen address \"", address, "\": port \"", port,
                "\" is not a number from 0 to 65535");
  return HostPort{std::string(host), std::string(port)};
}

// Binds and listens; errno says why when it is -1.
int listen_on(const addrinfo& at) {
  const int descriptor = socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  const int on = 1;
  const int off = 0;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.ai_family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(descriptor, at.ai_addr, at.ai_addrlen) == 0 && listen(descriptor, SOMAXCONN) == 0)
    return descriptor;
  const int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

}  // namespace

std::string socket_address_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family != AF_INET6) return "unknown";
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v6.sin6_port));
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

Result<ListenSocket> ListenSocket::open(std::string_view address) {
  const auto parts = split_host_port(address);
  if (!parts) return std::unexpected(parts.error());
  const bool everywhere = parts->host.empty();
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int fault =
      getaddrinfo(everywhere ? nullptr : parts->host.c_str(), parts->port.c_str(), &hints, &found);
  if (fault != 0) return fail(Errc::kIo, "listen tcp ", address, ": ", gai_strerror(fault));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);

  // One address only: IPv4 of a name; IPv6, which takes IPv4 too, of "everywhere".
  ListenSocket made;
  int error = EADDRNOTAVAIL;
  for (const int family : {everywhere ? AF_INET6 : AF_INET, everywhere ? AF_INET : AF_INET6}) {
    for (const addrinfo* at = found; at != nullptr && made.descriptor_ < 0; at = at->ai_next) {
      if (at->ai_family != family) continue;
      made.descriptor_ = listen_on(*at);
      if (made.descriptor_ < 0) error = errno;
      if (made.descriptor_ < 0 && error != EAFNOSUPPORT && error != EADDRNOTAVAIL)
        return fail(Errc::kIo, "listen tcp ", address, ": ", lower_case_error(error));
    }
  }
  if (made.descriptor_ < 0)
    return fail(Errc::kIo, "listen tcp ", address, ": ", lower_case_error(error));

  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(made.descriptor_, reinterpret_cast<sockaddr*>(&bound), &size);
  made.address_ = socket_address_text(bound);
  const std::string_view port =
      std::string_view(made.address_).substr(made.address_.rfind(':') + 1);
  std::from_chars(port.data(), port.data() + port.size(), made.port_);
  return made;
}

ListenSocket::~ListenSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sightline::net
