#include "traceql/testing/script.h"

#include "base/number_text.h"
#include "traceql/engine.h"
#include "traceql/testing/reference_evaluator.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::traceql {
namespace {

using Attributes = std::vector<std::pair<std::string, OwnedValue>>;

struct Block {
  ScriptLine head;  // indent 0
  std::vector<ScriptLine> body;
};

std::vector<ScriptLine> lines_of(std::string_view text) {
  std::vector<ScriptLine> lines;
  for (uint32_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    line.remove_prefix(indent);
    while (line.ends_with(' ')) line.remove_suffix(1);
    lines.push_back({number, static_cast<uint32_t>(indent), line});
  }
  return lines;
}

template <typename Id>
std::string name_of(const Id& id) {
  return script_name({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

std::string attributes_text(const Attributes& attributes) {
  std::string out = "{";
  for (const auto& [key, value] : attributes) {
    if (out.size() > 1) out += ", ";
    out.append(key).append("=").append(display_text(value.view()));
  }
  return out + "}";
}

std::string span_text(const FoundSpan& span, bool show) {
  std::string out = name_of(span.id);
  if (!show) return out;
  Attributes all = span.attributes;
  if (span.name) all.insert(all.begin(), {"name", OwnedValue::of(Value::of_text(*span.name))});
  return all.empty() ? out : out + attributes_text(all);
}

std::vector<std::string> search_lines(const SearchResult& result, bool show) {
  std::vector<std::string> lines;
  for (const FoundTrace& trace : result.traces) {
    std::string line = name_of(trace.id) + ":";
    for (size_t i = 0; i < trace.spansets.size(); ++i) {
      if (i > 0) line += " |";
      for (const FoundSpan& span : trace.spansets[i].spans) line += " " + span_text(span, show);
      if (show && !trace.spansets[i].attributes.empty())
        line += " " + attributes_text(trace.spansets[i].attributes);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> metrics_lines(const MetricsResult& result) {
  std::vector<std::string> lines;
  for (const MetricsSeries& series : result.series) {
    std::string line = attributes_text(series.labels);
    for (const double v : series.values)
      line.append(" ").append(v != v ? "_" : format_float_plain(v));
    lines.push_back(std::move(line));
  }
  return lines;
}

// Takes a Go duration off the front of `text`.
Result<std::chrono::nanoseconds> take_duration(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const auto duration = parse_go_duration(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return duration;
}

Result<std::vector<std::string>> metrics_block(const Engine& engine, std::string_view text,
                                               bool range) {
  MetricsOptions options;
  for (int i = 0; i < (range ? 3 : 2); ++i) {
    const auto duration = take_duration(text);
    if (!duration) return std::unexpected(duration.error());
    const auto ns = static_cast<uint64_t>(duration->count());
    if (i == 0) options.start = {ns};
    if (i == 1) options.end = {ns};
    if (i == 2) options.step = *duration;
  }
  const auto result =
      range ? engine.metrics_range(text, options) : engine.metrics_instant(text, options);
  if (!result) return std::unexpected(result.error());
  return metrics_lines(*result);
}

Result<std::vector<std::string>> run_block(const Engine& engine, std::string_view verb,
                                           std::string_view text) {
  if (verb == "range" || verb == "instant") return metrics_block(engine, text, verb == "range");
  if (verb == "values") {
    const auto attribute = parse_attribute(text);
    if (!attribute) return std::unexpected(attribute.error());
    const auto values = engine.tag_values(*attribute, {});
    if (!values) return std::unexpected(values.error());
    std::vector<std::string> lines;
    for (const OwnedValue& value : values->values) {
      std::string shown = display_text(value.view());
      lines.push_back(shown.empty() ? "\"\"" : std::move(shown));
    }
    return lines;
  }
  SearchOptions options;
  options.limit = 1'000;
  options.spans_per_spanset = 1'000;
  const auto result = engine.search(text, options);
  if (!result) return std::unexpected(result.error());
  return search_lines(*result, verb == "show");
}

// The lines of an eval as the plain evaluator has them; nothing when the query is refused or counts.
std::optional<std::vector<std::string>> reference_lines(std::string_view text,
                                                        const model::SpanBatch& batch) {
  const auto query = parse(text);
  if (!query || query->metrics) return std::nullopt;
  const auto traces = testing::reference_search(*query, batch);
  if (!traces) return std::nullopt;
  std::map<TraceId, TimestampNs> starts;
  for (const auto& span : batch.spans) {
    const auto [at, added] = starts.try_emplace(span.trace_id, span.start);
    at->second = std::min(at->second, span.start);
  }
  std::vector<std::pair<std::pair<TimestampNs, TraceId>, std::string>> found;
  for (const auto& [id, spansets] : *traces) {
    std::string line = name_of(id) + ":";
    for (size_t i = 0; i < spansets.size(); ++i) {
      if (i > 0) line += " |";
      for (const SpanId& span : spansets[i].spans) line += " " + name_of(span);
    }
    found.push_back({{starts[id], id}, std::move(line)});
  }
  std::ranges::sort(found, std::greater<>(), [](const auto& f) { return f.first; });
  std::vector<std::string> lines;
  for (auto& [key, line] : found) lines.push_back(std::move(line));
  return lines;
}

class ScriptRun {
 public:
  Status block(const Block& block) {
    const size_t space = std::min(block.head.text.find(' '), block.head.text.size());
    const std::string_view verb = block.head.text.substr(0, space);
    const std::string_view text =
        block.head.text.substr(std::min(space + 1, block.head.text.size()));
    if (verb == "load") {
      auto batch = load_spans(block.body);
      if (!batch) return std::unexpected(std::move(batch).error());
      together_ = std::make_unique<testing::MemoryStore>(*batch);
      apart_ = std::make_unique<testing::MemoryStore>(*batch, 1);
      batch_ = std::move(*batch);
      return {};
    }
    static constexpr std::string_view kVerbs[] = {"eval",  "show",    "fail",
                                                  "range", "instant", "values"};
    if (std::ranges::find(kVerbs, verb) == std::end(kVerbs))
      return fail(Errc::kInvalidArgument, "line ", block.head.number, ": unknown command ", verb);
    if (!together_)
      return fail(Errc::kInvalidArgument, "line ", block.head.number, ": nothing is loaded");
    const auto actual = outcome(*together_, verb, text);
    judge(block, actual, "");
    if (const auto apart = outcome(*apart_, verb, text); apart != actual)
      judge(block, apart, " (a row group for each trace)");
    if (verb == "eval")
      if (const auto plain = reference_lines(text, *batch_); plain && *plain != actual)
        judge(block, *plain, " (the plain evaluator)");
    output_ = actual;
    return {};
  }

  ScriptOutcome result;
  std::vector<std::string> output_;  // of the last block

 private:
  std::vector<std::string> outcome(const tracestore::Queryable& store, std::string_view verb,
                                   std::string_view text) {
    const Engine engine(store, clock_);
    auto lines = run_block(engine, verb, text);
    if (!lines) return {verb == "fail" ? lines.error().message : "error: " + lines.error().message};
    if (verb == "fail") return {"no error"};
    return std::move(*lines);
  }

  void judge(const Block& block, const std::vector<std::string>& actual, std::string_view how) {
    std::vector<std::string> expected;
    for (const ScriptLine& line : block.body) expected.emplace_back(line.text);
    if (expected == actual) {
      ++result.passed;
      return;
    }
    ++result.failed;
    std::string report = "line " + std::to_string(block.head.number) + ": " +
                         std::string(block.head.text) + std::string(how) + "\n  expected";
    for (const auto& line : expected) report += "\n    " + line;
    report += "\n  actual";
    for (const auto& line : actual) report += "\n    " + line;
    result.failures.push_back(std::move(report));
  }

  ManualClock clock_{TimestampNs{1'000'000'000'000}};
  std::shared_ptr<const model::SpanBatch> batch_;
  std::unique_ptr<testing::MemoryStore> together_;
  std::unique_ptr<testing::MemoryStore> apart_;
};

}  // namespace

Result<ScriptOutcome> run_script(std::string_view text) {
  ScriptRun run;
  const auto lines = lines_of(text);
  std::string rewritten;
  for (size_t i = 0; i < lines.size();) {
    rewritten.append(lines[i].indent, ' ').append(lines[i].text).append("\n");
    if (lines[i].text.empty() || lines[i].text.starts_with('#')) {
      ++i;
      continue;
    }
    if (lines[i].indent != 0)
      return fail(Errc::kInvalidArgument, "line ", lines[i].number, ": belongs to nothing");
    Block block{.head = lines[i]};
    for (++i; i < lines.size() && lines[i].indent > 0 && !lines[i].text.empty(); ++i)
      if (!lines[i].text.starts_with('#')) block.body.push_back(lines[i]);
    if (auto done = run.block(block); !done) return std::unexpected(std::move(done).error());
    if (block.head.text.starts_with("load"))
      for (const ScriptLine& line : block.body)
        rewritten.append(line.indent, ' ').append(line.text).append("\n");
    else
      for (const std::string& line : run.output_) rewritten.append("  ").append(line).append("\n");
  }
  run.result.rewritten = std::move(rewritten);
  return std::move(run.result);
}

}  // namespace sightline::traceql
