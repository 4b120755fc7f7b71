#pragma once
// What the status pages show of parts that this folder may not know: scraping, the
// store's own numbers, the process. Plain values, filled by whoever wires the routes.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/labels.h"

namespace sightline::api::prometheus {

struct ActiveTarget {
  model::Labels discovered_labels;  // before relabelling
  model::Labels labels;
  std::string scrape_pool;
  std::string scrape_url;
  std::string global_url;   // the same as others reach it; empty: the same
  std::string last_error;   // empty: none
  TimestampNs last_scrape;  // 0: never
  double last_scrape_duration_seconds = 0;
  std::string health = "unknown";  // "up", "down", "unknown"
  std::string scrape_interval;     // "15s"
  std::string scrape_timeout;
};

struct DroppedTarget {
  std::string scrape_pool;
  model::Labels discovered_labels;
};

struct TargetsSnapshot {
  std::vector<ActiveTarget> active;
  std::vector<DroppedTarget> dropped;            // those that are to be shown
  std::map<std::string, size_t> dropped_counts;  // by scrape pool, of all
};

struct BlockStatus {
  std::string id;
  TimestampMs min_time;
  TimestampMs max_time;  // one past the last sample
  uint64_t samples = 0;
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint32_t level = 1;
  std::vector<std::string> sources;  // ids
};

// Numbers of log segments: those there were to read, and the one read last.
struct WalReplayStatus {
  uint64_t min = 0;
  uint64_t max = 0;
  uint64_t current = 0;
};

struct NamedCount {
  std::string name;
  uint64_t value = 0;
};

struct TsdbStatusSnapshot {
  uint64_t series = 0;
  uint64_t label_pairs = 0;
  uint64_t chunks = 0;
  std::optional<TimestampMs> min_time;  // of samples in the head
  std::optional<TimestampMs> max_time;
  // Largest first, no longer than asked for.
  std::vector<NamedCount> series_by_metric;
  std::vector<NamedCount> values_by_label;
  std::vector<NamedCount> bytes_by_label;
  std::vector<NamedCount> series_by_pair;  // "job=a"
};

struct RuntimeInfo {
  TimestampNs start_time;
  TimestampNs last_config_time;
  bool config_loaded = true;
  std::string working_directory;
  std::string hostname;
  std::string storage_retention;  // "15d"
  uint64_t corruptions = 0;
  uint64_t threads = 0;
};

}  // namespace sightline::api::prometheus
