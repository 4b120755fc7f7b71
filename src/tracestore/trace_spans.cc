#include "tracestore/trace_spans.h"

#include <algorithm>

#include <absl/container/flat_hash_set.h>

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::tracestore {
namespace {

struct SpanIdentity {
  SpanId id;
  model::SpanKind kind;
  friend bool operator==(const SpanIdentity&, const SpanIdentity&) = default;
};
struct SpanIdentityHash {
  size_t operator()(const SpanIdentity& s) const {
    return SpanIdHash{}(s.id) ^ (static_cast<size_t>(s.kind) * 0x9e3779b97f4a7c15ULL);
  }
};

void append_attributes(std::string& out, std::span<const model::AttributeView> attributes) {
  append_uvarint(out, attributes.size());
  for (const auto& [key, value] : attributes) {
    append_sized(out, key);
    out.push_back(static_cast<char>(value.kind));
    append_le<int64_t>(out, value.int_value);
    append_sized(out, value.bytes);
  }
}

}  // namespace

void unite_spans(std::vector<SpanRef>& spans) {
  if (spans.size() < 2) return;
  // Side by side what is compared: spans lie scattered over many batches.
  struct Entry {
    SpanIdentity identity;
    TimestampNs start;
    SpanRef ref;
  };
  std::vector<Entry> entries;
  entries.reserve(spans.size());
  absl::flat_hash_set<SpanIdentity, SpanIdentityHash> seen;
  seen.reserve(spans.size());
  for (const SpanRef& ref : spans) {
    const model::SpanView& span = ref.span();
    if (seen.insert({span.span_id, span.kind}).second)
      entries.push_back({{span.span_id, span.kind}, span.start, ref});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.start < b.start; });
  spans.clear();
  for (const Entry& entry : entries) spans.push_back(entry.ref);
}

std::string resource_content(const model::SpanBatch& batch, const model::ResourceView& resource) {
  std::string out;
  append_attributes(out, batch.of(resource.attributes));
  append_uvarint(out, resource.dropped_attributes);
  append_sized(out, resource.schema_url);
  return out;
}

std::string scope_content(const model::SpanBatch& batch, const model::ScopeView& scope) {
  std::string out;
  append_sized(out, scope.name);
  append_sized(out, scope.version);
  append_attributes(out, batch.of(scope.attributes));
  append_uvarint(out, scope.dropped_attributes);
  append_sized(out, scope.schema_url);
  return out;
}

model::Run SpanGatherer::copy_attributes(const model::SpanBatch& from, model::Run run) {
  const model::Run copied{static_cast<uint32_t>(out_.attributes.size()), run.count};
  const auto attributes = from.of(run);
  out_.attributes.insert(out_.attributes.end(), attributes.begin(), attributes.end());
  return copied;
}

uint32_t SpanGatherer::resource_for(const model::SpanBatch& from, uint32_t resource) {
  const auto [source, is_new_source] = resource_of_source_.try_emplace({&from, resource}, 0);
  if (!is_new_source) return source->second;
  const model::ResourceView& view = from.resources[resource];
  const auto [content, is_new] = resource_by_content_.try_emplace(
      resource_content(from, view), static_cast<uint32_t>(out_.resources.size()));
  if (is_new) {
    out_.resources.push_back(view);
    out_.resources.back().attributes = copy_attributes(from, view.attributes);
  }
  return source->second = content->second;
}

uint32_t SpanGatherer::scope_for(const model::SpanBatch& from, uint32_t scope) {
  const auto known = scope_of_source_.find(std::pair(&from, scope));
  if (known != scope_of_source_.end()) return known->second;
  const model::ScopeView& view = from.scopes[scope];
  const uint32_t resource = resource_for(from, view.resource);
  std::string content;
  append_uvarint(content, resource);
  content += scope_content(from, view);
  const auto [entry, is_new] =
      scope_by_content_.try_emplace(std::move(content), static_cast<uint32_t>(out_.scopes.size()));
  if (is_new) {
    out_.scopes.push_back(view);
    out_.scopes.back().resource = resource;
    out_.scopes.back().attributes = copy_attributes(from, view.attributes);
  }
  return scope_of_source_[{&from, scope}] = entry->second;
}

void SpanGatherer::add(const SpanRef& ref) {
  const model::SpanBatch& from = *ref.batch;
  model::SpanView span = ref.span();
  const auto events = from.events_of(ref.span());
  const auto links = from.links_of(ref.span());
  span.scope = scope_for(from, span.scope);
  span.attributes = copy_attributes(from, span.attributes);
  span.events.begin = static_cast<uint32_t>(out_.events.size());
  for (model::EventView event : events) {
    event.attributes = copy_attributes(from, event.attributes);
    out_.events.push_back(event);
  }
  span.links.begin = static_cast<uint32_t>(out_.links.size());
  for (model::LinkView link : links) {
    link.attributes = copy_attributes(from, link.attributes);
    out_.links.push_back(link);
  }
  out_.spans.push_back(span);
}

model::SpanBatch SpanGatherer::finish(std::vector<std::shared_ptr<const void>> owners) && {
  out_.owner = std::make_shared<const std::vector<std::shared_ptr<const void>>>(std::move(owners));
  return std::move(out_);
}

size_t ValueHash::operator()(const model::ValueView& v) const {
  const auto kind = static_cast<uint64_t>(v.kind);
  switch (v.kind) {
    case model::ValueKind::kEmpty: return 1;
    case model::ValueKind::kBool:
    case model::ValueKind::kInt:
    case model::ValueKind::kDouble: {
      uint64_t x = (static_cast<uint64_t>(v.int_value) + kind) * 0x9e3779b97f4a7c15ULL;
      x ^= x >> 29;
      return x * 0xff51afd7ed558ccdULL;
    }
    default: return xxh3(v.bytes, kind);
  }
}

}  // namespace sightline::tracestore
