#pragma once
// Tags and their values that are sent while they are found: each message with what the ones before it did not have,
// the last one with completed jobs. Together the messages say what one answer would, in the order of finding.
//   Errors   the engine's; what was sent before stays sent.
//   Threads  one call each; `send` is called by one thread at a time.
//   Source   tempopb.StreamingQuerier.
#include "api/tempo/progressive.h"

namespace sightline::api::tempo {

Status stream_tags_v1(const TempoApi& api, const net::HttpRequest& request,
                      const SendMessage& send);
Status stream_tags_v2(const TempoApi& api, const net::HttpRequest& request,
                      const SendMessage& send);
Status stream_tag_values_v1(const TempoApi& api, const net::HttpRequest& request,
                            const SendMessage& send);
Status stream_tag_values_v2(const TempoApi& api, const net::HttpRequest& request,
                            const SendMessage& send);

}  // namespace sightline::api::tempo
