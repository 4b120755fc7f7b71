#include "net/http_serving.h"

#include <boost/asio/ssl/context.hpp>

#include "net/tls.h"

namespace sightline::net {
namespace {

constexpr size_t kRefusalsMax = 64;  // connections beyond the limit that are told so

}  // namespace

HttpServing::HttpServing(HttpServerOptions given, const HttpRouter& routes, WorkPool& work,
                         Telemetry& telemetry)
    : options(std::move(given)),
      pool(work),
      router_(&routes),
      telemetry_(telemetry),
      refused_(telemetry.counter("sightline_http_connections_refused_total",
                                 "Connections closed because the server was full or stopping.",
                                 {{"listener", options.name}})),
      open_(telemetry.gauge("sightline_http_connections", "Open HTTP connections.",
                            {{"listener", options.name}})) {
  if (!options.tls) return;
  // Shares OpenSSL's context, which counts its users.
  SSL_CTX_up_ref(options.tls->native());
  tls_ = std::make_unique<boost::asio::ssl::context>(options.tls->native());
}

boost::asio::ssl::context* HttpServing::tls() const { return tls_.get(); }

bool HttpServing::lets_in(const HttpFields& fields) const {
  if (!options.authenticator) return true;
  const auto found = fields.find(options.authenticator->header);
  return found != fields.end() &&
         options.authenticator->accepts({found->value().data(), found->value().size()});
}

HttpServing::~HttpServing() = default;

Admission HttpServing::enter(HttpConnection* connection, std::weak_ptr<HttpConnection> self) {
  const std::lock_guard lock(mutex_);
  Admission admission = Admission::kAdmitted;
  if (stopping() || connections_.size() >= options.connections_max) {
    refused_.add();
    admission = Admission::kRefused;
    if (connections_.size() >= options.connections_max + kRefusalsMax) return Admission::kDropped;
  }
  connections_.emplace(connection, std::move(self));
  open_.add(1);
  return admission;
}

void HttpServing::leave(HttpConnection* connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
  open_.add(-1);
  emptied_.notify_all();
}

void HttpServing::begin_task() {
  const std::lock_guard lock(mutex_);
  ++tasks_;
}

void HttpServing::end_task() {
  const std::lock_guard lock(mutex_);
  --tasks_;
  emptied_.notify_all();
}

bool HttpServing::hold_body(size_t bytes) {
  if (body_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <=
      options.body_bytes_buffered_max)
    return true;
  body_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void HttpServing::release_body(size_t bytes) {
  body_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void HttpServing::count_answer(int status) {
  const auto index = static_cast<size_t>(status);
  if (index >= answers_.size()) return;
  Counter* counter = answers_[index].load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &telemetry_.counter("sightline_http_requests_total", "HTTP requests answered.",
                                  {{"listener", options.name}, {"code", std::to_string(status)}});
    answers_[index].store(counter, std::memory_order_release);
  }
  counter->add();
}

std::vector<std::shared_ptr<HttpConnection>> HttpServing::connections() const {
  std::vector<std::shared_ptr<HttpConnection>> open;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, weak] : connections_)
    if (auto connection = weak.lock()) open.push_back(std::move(connection));
  return open;
}

bool HttpServing::wait_empty(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return emptied_.wait_for(lock, deadline, [this] { return connections_.empty() && tasks_ == 0; });
}

void HttpServing::wait_empty() {
  std::unique_lock lock(mutex_);
  emptied_.wait(lock, [this] { return connections_.empty() && tasks_ == 0; });
}

}  // namespace sightline::net
