#pragma once
// Which spans the older `include` and `exclude` of the collector's processors mean, made ready.
//   Threads   immutable once made.
//   Source    opentelemetry-collector-contrib, internal/filter, filterconfig.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/otelcol/otelcol_processors.h"
#include "model/span_batch.h"

namespace re2 {
class RE2;
}

namespace sightline::pipeline {

class SpanMatch {
 public:
  explicit SpanMatch(const config::SpanMatchConfig& config);
  ~SpanMatch();
  SpanMatch(SpanMatch&&) noexcept;
  bool matches(const model::SpanBatch& batch, const model::SpanView& span) const;

 private:
  struct Text {
    std::string exact;
    std::unique_ptr<re2::RE2> pattern;  // wins when there is one
  };
  struct Attribute {
    std::string key;
    std::optional<config::ScalarValue> value;
    Text text;
  };
  Text make_text(const std::string& text) const;
  static bool one_of(const std::vector<Text>& texts, std::string_view text);
  static bool holds(const model::SpanBatch& batch, model::Run run,
                    const std::vector<Attribute>& all);

  const config::SpanMatchConfig config_;
  std::vector<Text> services_, names_, kinds_;
  std::vector<Attribute> attributes_, resources_;
};

// What `include` and `exclude` together let through.
class SpanSelection {
 public:
  SpanSelection(const std::optional<config::SpanMatchConfig>& include,
                const std::optional<config::SpanMatchConfig>& exclude);
  bool selects(const model::SpanBatch& batch, const model::SpanView& span) const {
    return (!include_ || include_->matches(batch, span)) &&
           (!exclude_ || !exclude_->matches(batch, span));
  }
  bool selects_all() const { return !include_ && !exclude_; }

 private:
  std::optional<SpanMatch> include_, exclude_;
};

}  // namespace sightline::pipeline
