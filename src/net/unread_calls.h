#pragma once
// Clients that open gRPC calls and take them back before their message was read (HTTP/2 rapid reset, CVE-2023-44487). gRPC
// reads such calls faster than it can end them, and each that waits costs 10 kB: after more than `max` of them in a row,
// with no message between, the connection is closed.
//   Threads  any; note_read() costs nothing while nobody does so.
//   Limits   kRemotesMax connections are watched; beyond, counting begins anew for all.
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/telemetry.h"

namespace sightline::net {

class UnreadCalls {
 public:
  static constexpr size_t kInARowMax = 1000;
  static constexpr size_t kRemotesMax = 4096;
  explicit UnreadCalls(size_t max) : max_(max) {}

  // Of a connection, named by its remote address. True: it is one too many.
  bool note_unread(const std::string& remote);
  void note_read(const std::string& remote);

 private:
  const size_t max_;
  std::atomic<size_t> watched_{
      0};  // counts_.size(), read without the lock: a late answer is a late reset
  std::mutex mutex_;
  std::unordered_map<std::string, size_t> counts_;  // guarded by mutex_
};

// Does so for one gRPC server, and counts the connections it closed.
class UnreadCallGuard {
 public:
  UnreadCallGuard(Telemetry& telemetry, const std::string& listener);
  void note_unread(const std::string& remote);
  void note_read(const std::string& remote) { calls_.note_read(remote); }

 private:
  UnreadCalls calls_{UnreadCalls::kInARowMax};
  Counter& closed_;
};

// Resets the connections of this process with that remote address: whoever serves one reads a fault. The number of them.
size_t close_connections_from(std::string_view remote);

}  // namespace sightline::net
