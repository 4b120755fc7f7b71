#include "base/telemetry.h"

#include "base/number_text.h"

namespace sightline {
namespace {

void append_labels(std::string& out, const MetricLabels& labels) {
  if (labels.empty()) return;
  out += '{';
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) out += ',';
    out += labels[i].first;
    out += "=\"";
    for (const char c : labels[i].second) {
      if (c == '\n')
        out += "\\n";
      else if (c == '"' || c == '\\')
        (out += '\\') += c;
      else
        out += c;
    }
    out += '"';
  }
  out += '}';
}

}  // namespace

Counter& Telemetry::counter(std::string_view name, std::string_view help, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  Family& family = families_[std::string(name)];
  if (family.help.empty()) family.help = help;
  auto& slot = family.counters[std::move(labels)];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Gauge& Telemetry::gauge(std::string_view name, std::string_view help, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  Family& family = families_[std::string(name)];
  if (family.help.empty()) family.help = help;
  auto& slot = family.gauges[std::move(labels)];
  if (!slot) slot = std::make_unique<Gauge>();
  return *slot;
}

std::string Telemetry::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " " + family.help + "\n";
    out += "# TYPE " + name + (family.counters.empty() ? " gauge\n" : " counter\n");
    const auto line = [&, &metric = name](const MetricLabels& labels, double value) {
      out += metric;
      append_labels(out, labels);
      out += ' ' + format_float_go(value) + '\n';
    };
    for (const auto& [labels, counter] : family.counters)
      line(labels, static_cast<double>(counter->value()));
    for (const auto& [labels, gauge] : family.gauges) line(labels, gauge->value());
  }
  return out;
}

uint64_t Telemetry::counter_total(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) return 0;
  uint64_t total = 0;
  for (const auto& [labels, counter] : family->second.counters) total += counter->value();
  return total;
}

}  // namespace sightline
