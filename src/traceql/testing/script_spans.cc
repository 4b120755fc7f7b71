#include "traceql/testing/script_spans.h"

#include <deque>
#include <utility>

#include "base/bytes.h"
#include "base/number_text.h"

namespace sightline::traceql {
namespace {

template <typename Id>
Id id_of(std::string_view name) {
  Id id;
  const size_t size = std::min(name.size(), id.bytes.size());
  std::copy_n(name.begin(), size, id.bytes.end() - static_cast<ptrdiff_t>(size));
  return id;
}

// Words of a line; quotes and brackets hold spaces together.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  int brackets = 0;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (c == '[' && !quoted) ++brackets;
    if (c == ']' && !quoted) --brackets;
    if (c == ' ' && !quoted && brackets == 0) {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
      continue;
    }
    word.push_back(c);
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

class Loader {
 public:
  Result<std::shared_ptr<const model::SpanBatch>> load(const std::vector<ScriptLine>& lines) {
    for (const ScriptLine& line : lines)
      if (auto done = read(line); !done)
        return in_context("line " + std::to_string(line.number), std::move(done).error());
    // Events, links and attributes of a span are consecutive: they were gathered span by span.
    for (Pending& pending : spans_) finish(pending);
    batch_->owner = texts_;
    return batch_;
  }

 private:
  using Attributes = std::vector<model::AttributeView>;
  struct PendingEvent {
    model::EventView view;
    Attributes attributes;
  };
  struct PendingLink {
    model::LinkView view;
    Attributes attributes;
  };
  struct Pending {
    model::SpanView span;
    uint32_t indent = 0;
    Attributes attributes, resource, scope;
    std::string_view scope_name, scope_version;
    std::vector<PendingEvent> events;
    std::vector<PendingLink> links;
  };

  std::string_view keep(std::string_view text) { return texts_->emplace_back(text); }

  Status read(const ScriptLine& line) {
    const auto words = words_of(line.text);
    if (words.size() >= 2 && words[0] == "trace") {
      trace_ = script_trace_id(words[1]);
      open_.clear();
      return {};
    }
    if (words[0] == "event") return event(words);
    if (words[0] == "link") return link(words);
    return span(line, words);
  }

  Status span(const ScriptLine& line, const std::vector<std::string>& words) {
    if (words.size() < 2) return fail(Errc::kInvalidArgument, "a span needs an id and a name");
    while (!open_.empty() && spans_[open_.back()].indent >= line.indent) open_.pop_back();
    Pending pending{.indent = line.indent};
    pending.span.trace_id = trace_;
    pending.span.span_id = script_span_id(words[0]);
    pending.span.name = keep(unquoted(words[1]));
    if (!open_.empty()) {
      pending.span.parent_span_id = spans_[open_.back()].span.span_id;
      pending.span.start = spans_[open_.back()].span.start;
    }
    pending.span.end = {UINT64_MAX};
    for (size_t i = 2; i < words.size(); ++i)
      if (auto done = span_word(words[i], pending); !done) return done;
    if (pending.span.end.value == UINT64_MAX)
      pending.span.end.value = pending.span.start.value + 10'000'000;
    open_.push_back(spans_.size());
    spans_.push_back(std::move(pending));
    return {};
  }

  Status span_word(const std::string& word, Pending& p) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos)
      return fail(Errc::kInvalidArgument, "expected key=value, got ", word);
    const std::string_view key = std::string_view(word).substr(0, equals);
    const std::string_view text = std::string_view(word).substr(equals + 1);
    if (key == "start" || key == "duration") {
      const auto ns = parse_go_duration(text);
      if (!ns) return std::unexpected(ns.error());
      if (key == "start") p.span.start.value = static_cast<uint64_t>(ns->count());
      if (key == "duration")
        p.span.end.value = p.span.start.value + static_cast<uint64_t>(ns->count());
      return {};
    }
    if (key == "parent") {
      p.span.parent_span_id = text == "none" ? SpanId{} : script_span_id(text);
      return {};
    }
    if (key == "kind" || key == "status") return enumeration(key, text, p.span);
    if (key == "message")
      p.span.status_message = keep(unquoted(text));
    else if (key == "service")
      p.resource.push_back({"service.name", model::ValueView::of_string(keep(unquoted(text)))});
    else if (key == "scope")
      p.scope_name = keep(unquoted(text));
    else if (key == "version")
      p.scope_version = keep(unquoted(text));
    else if (key.starts_with("resource."))
      return attribute(key.substr(9), text, p.resource);
    else if (key.starts_with("scope."))
      return attribute(key.substr(6), text, p.scope);
    else if (key.starts_with("."))
      return attribute(key.substr(1), text, p.attributes);
    else
      return fail(Errc::kInvalidArgument, "unknown key ", key);
    return {};
  }

  Status enumeration(std::string_view key, std::string_view text, model::SpanView& span) {
    static constexpr std::string_view kKinds[] = {"unspecified", "internal", "server",
                                                  "client",      "producer", "consumer"};
    static constexpr std::string_view kStatuses[] = {"unset", "ok", "error"};
    for (uint8_t i = 0; i < 6; ++i) {
      if (key == "kind" && text == kKinds[i])
        return span.kind = static_cast<model::SpanKind>(i), Status{};
      if (key == "status" && i < 3 && text == kStatuses[i])
        return span.status = static_cast<model::StatusCode>(i), Status{};
    }
    return fail(Errc::kInvalidArgument, "unknown ", key, " ", text);
  }

  Status attribute(std::string_view key, std::string_view text, Attributes& into) {
    auto value = value_of(text);
    if (!value) return std::unexpected(value.error());
    into.push_back({keep(unquoted(key)), *value});
    return {};
  }

  Result<model::ValueView> value_of(std::string_view text) {
    if (text.starts_with('"')) return model::ValueView::of_string(keep(unquoted(text)));
    if (text == "true" || text == "false") return model::ValueView::of_bool(text == "true");
    if (const auto i = parse_int(text)) return model::ValueView::of_int(*i);
    if (const auto d = parse_float(text)) return model::ValueView::of_double(*d);
    if (!text.starts_with('[') || !text.ends_with(']'))
      return fail(Errc::kInvalidArgument, "bad value ", text);
    std::string array;
    std::string inner(text.substr(1, text.size() - 2));
    for (char& c : inner)
      if (c == ',') c = ' ';
    for (const std::string& word : words_of(inner)) {
      const auto element = value_of(word);
      if (!element) return element;
      append_array_element(array, *element);
    }
    return model::ValueView{.kind = model::ValueKind::kArray, .bytes = keep(array)};
  }

  Status event(const std::vector<std::string>& words) {
    if (spans_.empty() || words.size() < 2)
      return fail(Errc::kInvalidArgument, "event needs a span above and a name");
    PendingEvent e{.view = {.time = spans_.back().span.start, .name = keep(unquoted(words[1]))}};
    for (size_t i = 2; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      if (equals == std::string::npos)
        return fail(Errc::kInvalidArgument, "expected key=value, got ", words[i]);
      const std::string_view key = std::string_view(words[i]).substr(0, equals);
      const std::string_view text = std::string_view(words[i]).substr(equals + 1);
      if (key == "at") {
        const auto ns = parse_go_duration(text);
        if (!ns) return std::unexpected(ns.error());
        e.view.time.value += static_cast<uint64_t>(ns->count());
      } else if (auto done =
                     attribute(key.substr(key.starts_with(".") ? 1 : 0), text, e.attributes);
                 !done) {
        return done;
      }
    }
    spans_.back().events.push_back(std::move(e));
    return {};
  }

  Status link(const std::vector<std::string>& words) {
    if (spans_.empty() || words.size() < 3)
      return fail(Errc::kInvalidArgument, "link needs a span above, a trace and a span");
    PendingLink l{
        .view = {.trace_id = script_trace_id(words[1]), .span_id = script_span_id(words[2])}};
    for (size_t i = 3; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      if (equals == std::string::npos || words[i][0] != '.')
        return fail(Errc::kInvalidArgument, "expected .key=value, got ", words[i]);
      const std::string_view word(words[i]);
      if (auto done = attribute(word.substr(1, equals - 1), word.substr(equals + 1), l.attributes);
          !done)
        return done;
    }
    spans_.back().links.push_back(std::move(l));
    return {};
  }

  model::Run add(const Attributes& attributes) {
    const model::Run run{static_cast<uint32_t>(batch_->attributes.size()),
                         static_cast<uint32_t>(attributes.size())};
    batch_->attributes.insert(batch_->attributes.end(), attributes.begin(), attributes.end());
    return run;
  }

  void finish(Pending& p) {
    batch_->resources.push_back({.attributes = add(p.resource)});
    batch_->scopes.push_back({.resource = static_cast<uint32_t>(batch_->resources.size() - 1),
                              .name = p.scope_name,
                              .version = p.scope_version,
                              .attributes = add(p.scope)});
    p.span.scope = static_cast<uint32_t>(batch_->scopes.size() - 1);
    p.span.attributes = add(p.attributes);
    p.span.events = {static_cast<uint32_t>(batch_->events.size()),
                     static_cast<uint32_t>(p.events.size())};
    for (PendingEvent& e : p.events) {
      e.view.attributes = add(e.attributes);
      batch_->events.push_back(e.view);
    }
    p.span.links = {static_cast<uint32_t>(batch_->links.size()),
                    static_cast<uint32_t>(p.links.size())};
    for (PendingLink& l : p.links) {
      l.view.attributes = add(l.attributes);
      batch_->links.push_back(l.view);
    }
    batch_->spans.push_back(p.span);
  }

  std::shared_ptr<model::SpanBatch> batch_ = std::make_shared<model::SpanBatch>();
  std::shared_ptr<std::deque<std::string>> texts_ = std::make_shared<std::deque<std::string>>();
  TraceId trace_;
  std::vector<Pending> spans_;
  std::vector<size_t> open_;  // spans on the way to the current line, by indent
};

}  // namespace

Result<std::shared_ptr<const model::SpanBatch>> load_spans(const std::vector<ScriptLine>& lines) {
  return Loader().load(lines);
}
TraceId script_trace_id(std::string_view name) { return id_of<TraceId>(name); }
SpanId script_span_id(std::string_view name) { return id_of<SpanId>(name); }
std::string script_name(std::string_view bytes) {
  bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
  return std::string(bytes);
}

void append_array_element(std::string& out, const model::ValueView& v) {
  std::string any;
  switch (v.kind) {
    case model::ValueKind::kString:
      any.push_back(0x0a);
      append_sized(any, v.bytes);
      break;
    case model::ValueKind::kBool:
      any.push_back(0x10);
      append_uvarint(any, static_cast<uint64_t>(v.int_value));
      break;
    case model::ValueKind::kInt:
      any.push_back(0x18);
      append_uvarint(any, static_cast<uint64_t>(v.int_value));
      break;
    default: any.push_back(0x21); append_le<uint64_t>(any, std::bit_cast<uint64_t>(v.double_value));
  }
  out.push_back(0x0a);
  append_sized(out, any);
}

}  // namespace sightline::traceql
