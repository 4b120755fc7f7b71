#pragma once
// GET /federate: the newest sample of each selected series as exposition text, for another Prometheus to scrape.
//   Form      one `# TYPE name untyped` for each name, names sorted, times in ms, external labels added. Histograms of
//             custom buckets leave as classic ones; exponential ones do not, because the text form has no place for them.
//   Names     as the client's Accept header asks: escaping=underscores (the default), dots, values or allow-utf-8.
//   Source    spec: GET /federate.
#include <memory>

#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

void add_federate(net::HttpRouter& router, std::shared_ptr<const PrometheusApi> api);

}  // namespace sightline::api::prometheus
