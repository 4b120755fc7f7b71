#pragma once
// The steps of the attributes and resource processors, applied to one list of attributes.
//   Order     steps run in order, each on what the one before left. A list keeps the order of its keys; new ones come last.
//   Threads   immutable once made.
//   Source    opentelemetry-collector-contrib, attributesprocessor and resourceprocessor READMEs.
#include <memory>
#include <vector>

#include "config/otelcol/otelcol_processors.h"
#include "model/span_batch.h"
#include "pipeline/metrics/kept_texts.h"

namespace re2 {
class RE2;
}

namespace sightline::pipeline {

class AttributeActions {
 public:
  explicit AttributeActions(const std::vector<config::AttributeAction>& actions);
  ~AttributeActions();
  // Changes `attributes` in place; new text is kept in `texts`. Whether anything changed.
  bool apply(std::vector<model::AttributeView>& attributes, KeptTexts& texts) const;

 private:
  struct Step {
    config::AttributeAction action;
    std::unique_ptr<re2::RE2> pattern;
    std::vector<std::string> groups;  // extract: a key for each group
  };
  static bool put(const Step& step, std::vector<model::AttributeView>& attributes,
                  KeptTexts& texts);
  static bool remove(const Step& step, std::vector<model::AttributeView>& attributes);
  static bool hash(const Step& step, std::vector<model::AttributeView>& attributes,
                   KeptTexts& texts);
  static bool extract(const Step& step, std::vector<model::AttributeView>& attributes,
                      KeptTexts& texts);
  static bool convert(const Step& step, std::vector<model::AttributeView>& attributes,
                      KeptTexts& texts);

  std::vector<Step> steps_;
};

}  // namespace sightline::pipeline
