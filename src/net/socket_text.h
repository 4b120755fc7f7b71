#pragma once
// A socket's peer as text: "127.0.0.1:53412", "[::1]:53412". An IPv4 address
// that came through an IPv6 socket prints as IPv4.
#include <sys/socket.h>

#include <string>

namespace sightline::net {

std::string socket_address_text(const sockaddr_storage& address);

}  // namespace sightline::net
