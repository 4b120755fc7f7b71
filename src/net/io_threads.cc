#include "net/io_threads.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "base/log.h"

namespace sightline::net {
namespace {

void run_loop(boost::asio::io_context& loop) {
  const auto guard = boost::asio::make_work_guard(loop);
  for (;;) {
    try {
      loop.run();
      return;
    } catch (const std::exception& fault) {
      SL_LOG_ERROR("net: a connection's task threw: {}", fault.what());
    }
  }
}

}  // namespace

IoThreads::IoThreads(size_t thread_count) {
  for (size_t i = 0; i < std::max<size_t>(thread_count, 1); ++i)
    loops_.push_back(std::make_unique<boost::asio::io_context>(1));
  for (const auto& loop : loops_) threads_.emplace_back([&loop = *loop] { run_loop(loop); });
}

IoThreads::~IoThreads() {
  for (const auto& loop : loops_) loop->stop();
  for (std::thread& thread : threads_) thread.join();
}

boost::asio::io_context& IoThreads::next() {
  return *loops_[turn_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

}  // namespace sightline::net
