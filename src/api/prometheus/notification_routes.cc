#include "api/prometheus/notification_routes.h"

namespace sightline::api::prometheus {
namespace {

// Open for as long as the client listens. Nothing here notifies yet, so that it stays silent.
class SilentStream final : public net::BodySource {
 public:
  SilentStream(std::shared_ptr<std::atomic<int>> subscribers,
               std::shared_ptr<const net::Cancellation> client)
      : subscribers_(std::move(subscribers)), client_(std::move(client)) {}
  ~SilentStream() override { subscribers_->fetch_sub(1); }
  SilentStream(const SilentStream&) = delete;
  SilentStream& operator=(const SilentStream&) = delete;
  Next next(std::string&) override {
    return client_ && client_->cancelled() ? Next::kEnd : Next::kLater;
  }

 private:
  const std::shared_ptr<std::atomic<int>> subscribers_;
  const std::shared_ptr<const net::Cancellation> client_;
};

}  // namespace

net::HttpResponse stream_notifications(const net::HttpRequest& request,
                                       std::shared_ptr<std::atomic<int>> subscribers) {
  net::HttpResponse response;
  response.headers.set("Content-Type", "text/event-stream");
  response.headers.set("Cache-Control", "no-cache");
  if (subscribers->fetch_add(1) >= kSubscribersMax) {
    subscribers->fetch_sub(1);
    response.status = 204;
    return response;
  }
  response.rest = std::make_shared<SilentStream>(std::move(subscribers), request.cancellation);
  return response;
}

}  // namespace sightline::api::prometheus
