#include "tracestore/tenancy/federation.h"

#include <set>

#include "tracestore/trace_spans.h"

namespace sightline::tracestore {
namespace {

class FederatedQuerier final : public Querier {
 public:
  explicit FederatedQuerier(std::vector<std::unique_ptr<Querier>> parts)
      : parts_(std::move(parts)) {}

  Result<std::optional<model::SpanBatch>> find(const TraceId& id) const override {
    std::vector<std::shared_ptr<const model::SpanBatch>> found;
    for (const auto& part : parts_) {
      auto batch = part->find(id);
      if (!batch) return std::unexpected(std::move(batch).error());
      if (*batch) found.push_back(std::make_shared<const model::SpanBatch>(std::move(**batch)));
    }
    if (found.empty()) return std::nullopt;
    std::vector<SpanRef> spans;
    for (const auto& batch : found)
      for (uint32_t i = 0; i < batch->spans.size(); ++i) spans.push_back({batch.get(), i});
    unite_spans(spans);
    SpanGatherer gatherer;
    for (const SpanRef& span : spans) gatherer.add(span);
    return std::move(gatherer).finish({found.begin(), found.end()});
  }

  Status scan(const ScanRequest& request,
              const std::function<bool(RowGroup&)>& visit) const override {
    bool more = true;
    for (const auto& part : parts_) {
      const Status scanned =
          part->scan(request, [&](RowGroup& group) { return more = visit(group); });
      if (!scanned || !more) return scanned;
    }
    return {};
  }

  Result<std::vector<std::vector<std::string>>> attribute_keys(
      const KeysRequest& request) const override {
    std::vector<std::set<std::string>> keys(request.scopes.size());
    for (const auto& part : parts_) {
      const auto found = part->attribute_keys(request);
      if (!found) return found;
      for (size_t s = 0; s < keys.size(); ++s)
        keys[s].insert((*found)[s].begin(), (*found)[s].end());
    }
    std::vector<std::vector<std::string>> sorted;
    for (const auto& of_scope : keys) sorted.emplace_back(of_scope.begin(), of_scope.end());
    return sorted;
  }

  uint64_t inspected_bytes() const override {
    uint64_t bytes = 0;
    for (const auto& part : parts_) bytes += part->inspected_bytes();
    return bytes;
  }

 private:
  const std::vector<std::unique_ptr<Querier>> parts_;
};

class Federation final : public Queryable {
 public:
  explicit Federation(std::vector<std::shared_ptr<const Queryable>> stores)
      : stores_(std::move(stores)) {}

  Result<std::unique_ptr<Querier>> querier() const override {
    std::vector<std::unique_ptr<Querier>> parts;
    for (const auto& store : stores_) {
      auto part = store->querier();
      if (!part) return part;
      parts.push_back(std::move(*part));
    }
    return std::make_unique<FederatedQuerier>(std::move(parts));
  }

 private:
  const std::vector<std::shared_ptr<const Queryable>> stores_;
};

}  // namespace

std::shared_ptr<const Queryable> federate(std::vector<std::shared_ptr<const Queryable>> stores) {
  if (stores.size() == 1) return std::move(stores.front());
  return std::make_shared<Federation>(std::move(stores));
}

}  // namespace sightline::tracestore
