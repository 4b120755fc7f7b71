#pragma once
// One HTTP request at a time over connections that are kept: what an object store needs of HTTP, through libcurl.
//   Errors    kUnavailable: no connection, or it broke; kDeadlineExceeded: too slow; kCancelled: interrupted. Any answer
//             with a status is an answer.
//   Limits    an answer of more than HttpCall::answer_bytes_max is kIo; at most kIdleConnectionsMax wait for reuse.
//   Threads   any; each call has a connection of its own.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

typedef void CURL;

namespace sightline::io {

// Paths of PEM files; empty: none, or the system's.
struct HttpTls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // that the certificate must have, when it is not the host's
  std::string min_version;  // "1.0" to "1.3"; empty: libcurl's own
  bool skip_verify = false;
};

struct HttpTransferOptions {
  HttpTls tls;
  std::chrono::milliseconds connect_timeout{5'000};
  // A transfer slower than this for `stall_timeout` is given up.
  uint32_t bytes_per_second_min = 1024;
  std::chrono::seconds stall_timeout{15};
};

enum class HttpMethod { kGet, kHead, kPut, kDelete };

struct HttpCall {
  HttpMethod method = HttpMethod::kGet;
  std::string scheme;  // "http", "https"
  std::string host;    // with its port, when it has one
  std::string target;  // path and query, encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;  // of kPut
  uint64_t answer_bytes_max = 0;
};
struct HttpAnswer {
  long status = 0;
  uint64_t content_length = 0;  // as a header said, also of kHead
  std::string body;
};

class HttpTransfers {
 public:
  explicit HttpTransfers(HttpTransferOptions options);
  ~HttpTransfers();
  HttpTransfers(const HttpTransfers&) = delete;
  HttpTransfers& operator=(const HttpTransfers&) = delete;

  Result<HttpAnswer> perform(const HttpCall& call);
  // Every call, now and later, ends with kCancelled.
  void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

 private:
  static constexpr size_t kIdleConnectionsMax = 16;
  CURL* take();
  void give_back(CURL* handle);
  void set_tls(CURL* handle, const HttpCall& call, std::vector<std::string>& connect_to) const;

  const HttpTransferOptions options_;
  std::atomic<bool> interrupted_{false};
  std::mutex mutex_;
  std::vector<CURL*> idle_;  // guarded by mutex_
};

}  // namespace sightline::io
