#pragma once
// Relabelling: rules that keep, drop and rewrite label sets, of targets before
// they are scraped and of samples before they are stored.
//   Source    Prometheus configuration, <relabel_config>.
//   Threads   a RelabelRules is immutable; apply() from any thread.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/prometheus/prometheus_config.h"
#include "model/labels.h"

namespace re2 {
class RE2;
}

namespace sightline::scrape {

class RelabelRules {
 public:
  // kInvalidArgument names the rule's place when its regex does not compile.
  static Result<RelabelRules> compile(const std::vector<config::RelabelConfig>& configs);
  bool empty() const { return rules_.empty(); }
  // False: the target or sample is dropped, and `labels` is of no use any more.
  bool apply(model::LabelsBuilder& labels) const;

 private:
  struct Rule {
    config::RelabelConfig config;
    std::shared_ptr<const re2::RE2> regex;
  };
  static bool apply_rule(const Rule& rule, model::LabelsBuilder& labels);
  std::vector<Rule> rules_;
};

}  // namespace sightline::scrape
