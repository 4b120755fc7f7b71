#pragma once
// A bound TCP socket, from an address as configurations write it: "127.0.0.1:3000",
// "localhost:3000", "[::1]:3000", ":3000" (every interface), port 0 for any free one.
//   Ownership  owns the descriptor until release().
//   Errors     one line, ready for the log: "listen tcp 127.0.0.1:3000: address already in use".
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace sightline::net {

class ListenSocket {
 public:
  // Names are looked up, IPv4 first. The socket is non-blocking and listens.
  static Result<ListenSocket> open(std::string_view address);
  ListenSocket(ListenSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        address_(std::move(other.address_)),
        port_(other.port_) {}
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();

  int descriptor() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }
  const std::string& address() const { return address_; }  // numeric: "127.0.0.1:3000", "[::]:3000"
  uint16_t port() const { return port_; }

 private:
  ListenSocket() = default;
  int descriptor_ = -1;
  std::string address_;
  uint16_t port_ = 0;
};

}  // namespace sightline::net
