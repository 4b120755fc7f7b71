#pragma once
// Searches and metrics that answer while they run: from the newest piece of their range first, each message only with
// what the ones before it did not have, the last one with completed jobs.
//   Exact    together the messages say what one answer would: the newest traces, newest first, each once; every
//            sample of every series once. Queries whose parts depend on the whole range (compare, what follows a metrics
//            function, arithmetic) are answered in one piece.
//   Errors   the engine's; what was sent before stays sent.
//   Source   tempopb.StreamingQuerier.
#include <functional>
#include <string>

#include "api/tempo/metrics_routes.h"
#include "api/tempo/search_routes.h"

namespace sightline::api::tempo {

// Clients refuse more than 4 MiB; the peer keeps to one.
inline constexpr size_t kMessageBytesMax = 1u << 20;

// Sends one encoded message; false when nobody takes it any more, which ends the query with kCancelled.
using SendMessage = std::function<bool(std::string)>;

Status stream_search(const TempoApi& api, const net::HttpRequest& request, const SendMessage& send);
Status stream_query_range(const TempoApi& api, MetricsRequest request, const SendMessage& send);

}  // namespace sightline::api::tempo
