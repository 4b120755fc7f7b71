#pragma once
// For tests: traces and TraceQL queries made up from a seed. Few names and few values, so that what is
// asked for is often there.
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/span_batch.h"
#include "traceql/testing/script_spans.h"

namespace sightline::traceql::testing {

inline constexpr uint64_t kRandomStartNs =
    1'000'000'000'000;  // all spans start within 10 s from here

class RandomTraces {
 public:
  explicit RandomTraces(Random& random) : random_(random) {}

  std::shared_ptr<const model::SpanBatch> make(size_t trace_count) {
    batch_ = std::make_shared<model::SpanBatch>();
    texts_ = std::make_shared<std::deque<std::string>>();
    batch_->owner = texts_;
    for (size_t t = 0; t < trace_count; ++t) trace();
    return batch_;
  }

 private:
  std::string_view keep(std::string text) { return texts_->emplace_back(std::move(text)); }
  std::string_view any_of(std::initializer_list<std::string_view> texts) {
    return texts.begin()[random_.below(texts.size())];
  }

  model::ValueView scalar() {
    switch (random_.below(8)) {
      case 0:
      case 1: return model::ValueView::of_string(any_of({"u", "v", "5", "uv"}));
      case 2:
      case 3:
      case 4: return model::ValueView::of_int(static_cast<int64_t>(random_.below(7)) - 1);
      case 5: return model::ValueView::of_double(static_cast<double>(random_.below(5)) / 2);
      default: return model::ValueView::of_bool(random_.below(2) == 0);
    }
  }
  model::ValueView value() {
    if (random_.below(8) != 0) return scalar();
    std::string array;
    for (uint64_t n = random_.below(3); n > 0; --n) append_array_element(array, scalar());
    return {.kind = model::ValueKind::kArray, .bytes = keep(std::move(array))};
  }
  model::Run attributes(std::initializer_list<std::string_view> keys, uint64_t one_in) {
    model::Run run{static_cast<uint32_t>(batch_->attributes.size()), 0};
    for (const std::string_view key : keys) {
      if (random_.below(one_in) != 0) continue;
      batch_->attributes.push_back({key, value()});
      ++run.count;
    }
    return run;
  }

  void trace() {
    TraceId id;
    for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random_.next());
    const uint64_t base = kRandomStartNs + random_.below(8'000'000'000);
    std::vector<SpanId> ids;
    const uint64_t count = 1 + random_.below(9);
    for (uint64_t i = 0; i < count; ++i) {
      model::ResourceView resource;
      resource.attributes = attributes({"x", "z"}, 3);
      if (random_.below(5) != 0) {
        batch_->attributes.push_back(
            {"service.name", model::ValueView::of_string(any_of({"web", "db", "api"}))});
        ++resource.attributes.count;
      }
      batch_->resources.push_back(resource);
      model::ScopeView scope{.resource = static_cast<uint32_t>(batch_->resources.size() - 1),
                             .name = any_of({"", "lib", "otel"}),
                             .version = any_of({"", "1.0"})};
      scope.attributes = attributes({"x"}, 4);
      batch_->scopes.push_back(scope);
      span(id, base + i * 1'000'000 + random_.below(900'000), ids);
    }
  }

  void span(const TraceId& trace, uint64_t start, std::vector<SpanId>& ids) {
    model::SpanView s{.trace_id = trace};
    for (uint8_t& byte : s.span_id.bytes) byte = static_cast<uint8_t>(1 + random_.below(255));
    if (!ids.empty() && random_.below(8) != 0)
      s.parent_span_id = ids[random_.below(ids.size())];
    else if (random_.below(4) == 0)
      s.parent_span_id.bytes[0] = 0xEE;  // never received
    ids.push_back(s.span_id);
    s.scope = static_cast<uint32_t>(batch_->scopes.size() - 1);
    s.kind = static_cast<model::SpanKind>(random_.below(6));
    s.status = static_cast<model::StatusCode>(random_.below(3));
    s.name = any_of({"a", "b", "GET /", "GET /x"});
    s.status_message = s.status == model::StatusCode::kError ? any_of({"", "boom"}) : "";
    s.start = {start};
    s.end = {random_.below(12) == 0 ? start - 5 : start + random_.below(20) * 1'000'000};
    s.attributes = attributes({"x", "y", "z"}, 2);
    std::vector<model::EventView> events;
    for (uint64_t n = random_.below(3); n > 0; --n) {
      model::EventView e{.time = {start + random_.below(10) * 1'000'000},
                         .name = any_of({"e1", "e2"})};
      e.attributes = attributes({"x", "y"}, 2);
      events.push_back(e);
    }
    s.events = {static_cast<uint32_t>(batch_->events.size()), static_cast<uint32_t>(events.size())};
    batch_->events.insert(batch_->events.end(), events.begin(), events.end());
    std::vector<model::LinkView> links;
    for (uint64_t n = random_.below(4) == 0 ? 1 + random_.below(2) : 0; n > 0; --n) {
      model::LinkView l{.trace_id = trace, .span_id = ids[random_.below(ids.size())]};
      l.attributes = attributes({"x", "y"}, 2);
      links.push_back(l);
    }
    s.links = {static_cast<uint32_t>(batch_->links.size()), static_cast<uint32_t>(links.size())};
    batch_->links.insert(batch_->links.end(), links.begin(), links.end());
    batch_->spans.push_back(s);
  }

  Random& random_;
  std::shared_ptr<model::SpanBatch> batch_;
  std::shared_ptr<std::deque<std::string>> texts_;
};

// The text of a query. Most pass the parser's checks; those that do not are the caller's to skip.
class RandomQueries {
 public:
  explicit RandomQueries(Random& random) : random_(random) {}

  std::string search() {
    std::string out = random_.below(20) == 0 ? "count() > 1" : spanset(2);
    for (uint64_t n = random_.below(3); n > 0; --n) out += " | " + stage();
    return out;
  }
  std::string metrics() {
    switch (random_.below(8)) {
      case 0: return spanset(1) + " | compare({ " + field(1) + " }" + one({"", ", 1", ", 2"}) + ")";
      case 1:
        return "(" + function(one({"", "name", "kind"})) + ")" + one({" + ", " - ", " * ", " / "}) +
               "(" + function(one({"", "name", "kind"})) + ")" + one({"", " | topk(1)", " > 0.5"});
      case 2:
        return "(" + function(one({"", "name"})) + ")" + one({" + ", " - ", " * ", " / "}) +
               one({"2", "0.5", "0"});
      case 3:  // ties are settled by the texts of labels
        return function(one({"name", "kind", "status, name", "resource.service.name"})) +
               one({" | topk(1)", " | topk(2)", " | bottomk(1)", " | bottomk(2) | topk(1)"});
      case 4: return function(labels()) + one({" > 0", " >= 0.5", " = 1", " != 0.5", " < 2"});
      default: return function(labels());
    }
  }

 private:
  std::string one(std::initializer_list<std::string_view> texts) {
    return std::string(texts.begin()[random_.below(texts.size())]);
  }

  std::string labels() {
    std::string by;
    for (uint64_t n = random_.below(3); n > 0; --n)
      by += (by.empty() ? "" : ", ") + one({".x", "span.y", "resource.service.name", "name", "kind",
                                            "status", "event:name", "rootName"});
    return by;
  }
  std::string function(const std::string& by) {
    std::string out = spanset(1);
    if (random_.below(4) == 0) out += " | " + spanset(1);
    const std::string measured =
        one({".x", "span.y", "duration", "event.x", "resource.x", "span:childCount"});
    switch (random_.below(5)) {
      case 0: out += " | rate()"; break;
      case 1: out += " | count_over_time()"; break;
      case 2:
        out += " | quantile_over_time(" + measured + one({", 0.5)", ", 0, 0.9, 1)", ", .99)"});
        break;
      case 3: out += " | histogram_over_time(" + measured + ")"; break;
      default:
        out += " | " + one({"min_over_time", "max_over_time", "avg_over_time", "sum_over_time"}) +
               "(" + measured + ")";
    }
    return by.empty() ? out : out + " by(" + by + ")";
  }

  std::string attribute() {
    return one({".x", ".y", ".z", "span.x", "span.y", "span.z", "resource.x", "resource.z",
                ".service.name", "instrumentation.x", ".nope"});
  }
  std::string nested() { return one({"event.x", "event.y", "link.x", "link.y"}); }
  std::string literal() {
    return one({"\"u\"", "\"v\"", "\"5\"", "\"uv\"", "0", "1", "2", "5", "-1", "0.5", "1.0", "1.5",
                "true", "false", "5ns", "error", "server"});
  }
  std::string comparison() {
    return one({" = ", " = ", " = ", " != ", " != ", " < ", " <= ", " > ", " >= "});
  }
  std::string equality() { return one({" = ", " != "}); }
  std::string text_test() { return random_.below(3) == 0 ? one({" =~ ", " !~ "}) : comparison(); }
  std::string regex() {
    return one({"\"u.*\"", "\"v|5\"", "\"GET.*\"", "\"a\"", "\".*\"", "\"b?oom\"", "\"e[12]\""});
  }
  std::string text_value(std::string op) {
    return op + (op.contains('~') ? regex()
                                  : one({"\"a\"", "\"GET /\"", "\"boom\"", "\"web\"", "\"lib\"",
                                         "\"e1\"", "\"\"", "\"u\""}));
  }

  std::string condition() {
    switch (random_.below(18)) {
      case 0:
      case 1:
      case 2: return attribute() + comparison() + literal();
      case 3: return nested() + comparison() + literal();
      case 4:
        return one({"name", "statusMessage", "rootName", "rootServiceName", "instrumentation:name",
                    "resource.service.name", "instrumentation:version"}) +
               text_value(text_test());
      case 5: return "event:name" + text_value(text_test());
      case 6:
        return one({"duration", "event:timeSinceStart", "traceDuration"}) + comparison() +
               one({"0ns", "5ms", "10ms", "0.01s", "3000000", "1e7"});
      case 7: return "kind" + equality() + one({"server", "client", "unspecified", "internal"});
      case 8: return "status" + equality() + one({"ok", "error", "unset"});
      case 9:
        return one({"nestedSetLeft", "nestedSetRight", "nestedSetParent", "span:childCount"}) +
               comparison() + one({"-1", "0", "1", "2", "5"});
      case 10: return (random_.below(2) == 0 ? attribute() : nested()) + equality() + "nil";
      case 11: return literal() + comparison() + attribute();
      case 12: return attribute() + comparison() + attribute();
      case 13:
        return attribute() + one({" + ", " - ", " * ", " / ", " % "}) +
               one({"1", "2", "0.5", ".y", "3"}) + comparison() + one({"0", "1", "2.5", "4"});
      case 14:
        return one({"duration / 2", "duration - 3ms", "duration * 2", "traceDuration - duration"}) +
               comparison() + one({"0ns", "2ms", "9ms"});
      case 15:
        return (random_.below(2) == 0 ? attribute() : nested()) + one({" =~ ", " !~ "}) + regex();
      case 16: return one({".x", "span.y", "!.x", "!span.z", "true", "false", "-.x = 1"});
      default: return one({"-", ""}) + attribute() + " ^ 2 = " + one({"1", "4"});
    }
  }
  std::string field(int depth) {
    if (depth == 0 || random_.below(3) == 0) return condition();
    switch (random_.below(6)) {
      case 0: return "!(" + field(depth - 1) + ")";
      case 1: return "(" + field(depth - 1) + ") || (" + field(depth - 1) + ")";
      case 2: return field(depth - 1) + " || " + field(depth - 1);
      case 3:
        return nested() + comparison() + literal() + " && " + nested() + comparison() + literal();
      default: return field(depth - 1) + " && " + field(depth - 1);
    }
  }
  std::string spanset(int depth) {
    if (depth == 0 || random_.below(2) == 0)
      return random_.below(6) == 0 ? "{ }" : "{ " + field(2) + " }";
    const std::string op = " " +
                           one({"&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<",
                                "!~", "&>", "&>>", "&<", "&<<", "&~"}) +
                           " ";
    return random_.below(2) == 0 ? spanset(depth - 1) + op + spanset(depth - 1)
                                 : "(" + spanset(depth - 1) + op + spanset(depth - 1) + ")";
  }
  std::string stage() {
    switch (random_.below(6)) {
      case 0: return "count()" + comparison() + one({"1", "2", "4"});
      case 1:
        return one({"min", "max", "avg", "sum"}) + "(" +
               one({".x", "span.y", "duration", "event.x", "span:childCount"}) + ")" +
               comparison() + one({"0", "1", "2.5", "3000000"});
      case 2:
        return "by(" +
               one({".x", "span.y", "name", "kind", "status", "resource.service.name", "event:name",
                    ".x = 1"}) +
               ")";
      case 3: return "coalesce()";
      case 4: return spanset(1);
      default: return "max(.x)" + comparison() + "min(span.y)";
    }
  }

  Random& random_;
};

}  // namespace sightline::traceql::testing
