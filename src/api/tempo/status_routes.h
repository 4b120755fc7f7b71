#pragma once
// The pages that tell people and probes about this trace store: /ready, /api/echo, /api/status/buildinfo and
// /status with its sections, as plain text.
#include "api/tempo/tempo_routes.h"

namespace sightline::api::tempo {

net::HttpResponse answer_echo(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_ready(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_buildinfo(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_status(const TempoApi& api,
                                const net::HttpRequest& request);  // all sections
net::HttpResponse answer_status_section(const TempoApi& api,
                                        const net::HttpRequest& request);  // the captured one
net::HttpResponse answer_tenant_overrides(const TempoApi& api,
                                          const net::HttpRequest& request);  // the captured one's

}  // namespace sightline::api::tempo
