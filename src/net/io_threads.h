#pragma once
// The threads that move bytes of HTTP connections: one event loop each, shared
// by every HTTP server of the process. A connection stays on one of them.
//   Threads   next() and post from any thread.
//   Lifetime  outlives every server that uses it (they hold a shared_ptr);
//             the destructor stops the loops and joins.
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace sightline::net {

class IoThreads {
 public:
  explicit IoThreads(size_t thread_count);
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  boost::asio::io_context& next();  // in turn

 private:
  std::vector<std::unique_ptr<boost::asio::io_context>> loops_;
  std::atomic<size_t> turn_{0};
  std::vector<std::thread> threads_;
};

}  // namespace sightline::net
