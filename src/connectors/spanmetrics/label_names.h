#pragma once
// Attribute keys as Prometheus label names, and what happens when two become one.
//   Source  OpenTelemetry's Prometheus compatibility specification; spec of the OTLP
//           translation: "a.b" -> a_b, "1a" -> key_1a, runs and a leading underscore are kept.
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace sightline::connectors::spanmetrics {

std::string label_name_of(std::string_view attribute_key);
// A metric name: its runs of [a-zA-Z0-9:] joined by '_', then the unit, unless it is among them.
std::string metric_name_of(std::string_view name, std::string_view unit = {});

// Attributes to labels. Values whose keys become the same name are joined by ';' in
// order of the keys. A name in `reserved` gets the prefix "exported_", so that no sender writes over it.
class AttributeLabels {
 public:
  explicit AttributeLabels(std::vector<std::string_view> reserved)
      : reserved_(std::move(reserved)) {}
  void add(std::string_view key, std::string value);
  void build_into(model::LabelsBuilder& labels);

 private:
  struct Entry {
    std::string key;
    std::string value;
  };
  std::vector<std::string_view> reserved_;
  std::vector<Entry> entries_;
};

}  // namespace sightline::connectors::spanmetrics
