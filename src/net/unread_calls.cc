#include "net/unread_calls.h"

#include <sys/socket.h>

#include <charconv>
#include <filesystem>

#include "net/socket_text.h"

namespace sightline::net {

bool UnreadCalls::note_unread(const std::string& remote) {
  const std::lock_guard lock(mutex_);
  if (counts_.size() >= kRemotesMax && !counts_.contains(remote)) counts_.clear();
  size_t& count = counts_[remote];
  const bool is_over = ++count > max_;
  if (is_over) counts_.erase(remote);
  watched_.store(counts_.size(), std::memory_order_relaxed);
  return is_over;
}

void UnreadCalls::note_read(const std::string& remote) {
  if (watched_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(mutex_);
  counts_.erase(remote);
  watched_.store(counts_.size(), std::memory_order_relaxed);
}

UnreadCallGuard::UnreadCallGuard(Telemetry& telemetry, const std::string& listener)
    : closed_(telemetry.counter(
          "sightline_grpc_connections_closed_total",
          "Connections closed because their client took too many calls back unread.",
          {{"listener", listener}})) {}

void UnreadCallGuard::note_unread(const std::string& remote) {
  if (calls_.note_unread(remote)) closed_.add(close_connections_from(remote));
}

// gRPC does not tell the descriptor of a connection. One that is closed and opened anew between the two calls below
// would end another connection, whose client connects again.
size_t close_connections_from(std::string_view remote) {
  size_t closed = 0;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", fault)) {
    const std::string name = entry.path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) continue;
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) continue;
    if (socket_address_text(address) != remote) continue;
    // To no address: the connection is reset, and what has come is dropped; after shutdown() it would be read first.
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (::connect(descriptor, &nowhere, sizeof nowhere) == 0) ++closed;
  }
  return closed;
}

}  // namespace sightline::net
