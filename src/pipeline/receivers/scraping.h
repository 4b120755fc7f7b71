#pragma once
// What a prometheus receiver does its work with: handed in by whoever builds the graph, since scraping is a sibling.
//   Threads  its own; start() and stop() from one thread.
#include <functional>
#include <memory>

#include "base/result.h"
#include "config/prometheus/prometheus_config.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

class Scraping {
 public:
  virtual ~Scraping() = default;
  virtual void start() = 0;
  virtual void stop() = 0;  // waits for scrapes under way
};

// Scrapes what `config` names into `into`; both outlive it.
using MakeScraping = std::function<Result<std::unique_ptr<Scraping>>(
    const config::PrometheusConfig& config, tsdb::Appendable& into)>;

}  // namespace sightline::pipeline
