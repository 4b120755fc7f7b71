#pragma once
// /notifications/live: what the process has to tell its operator, as server-sent events.
//   Limits  kSubscribersMax streams at once; one more is answered 204.
#include <atomic>
#include <memory>

#include "net/http.h"

namespace sightline::api::prometheus {

inline constexpr int kSubscribersMax = 16;

net::HttpResponse stream_notifications(const net::HttpRequest& request,
                                       std::shared_ptr<std::atomic<int>> subscribers);

}  // namespace sightline::api::prometheus
