#include "tracestore/tenancy/tenant_stores.h"

#include <algorithm>

#include "base/log.h"
#include "tracestore/live/live_batch_cache.h"
#include "tracestore/tenancy/federation.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::tracestore {
namespace {

constexpr std::string_view kTenantsDirectory = "/tenants";

// Holds a tenant's requests to its limits on their way into its store.
class LimitedWriter final : public TraceWriter {
 public:
  LimitedWriter(std::shared_ptr<TraceStore> store, std::shared_ptr<IngestRate> rate,
                TenantLimits limits, std::string tenant, const TraceStoreOptions& options,
                Counter& rate_limited)
      : store_(std::move(store)),
        rate_(std::move(rate)),
        limits_(std::move(limits)),
        tenant_(std::move(tenant)),
        options_(options),
        rate_limited_(rate_limited) {}

  Status append(std::shared_ptr<const model::SpanBatch> batch) override {
    if (limits_.ingest_rate) {
      const size_t bytes =
          batch->encoded.empty() ? options_.encode(*batch).size() : batch->encoded.size();
      if (auto status = rate_->take(bytes, *limits_.ingest_rate, tenant_); !status) {
        rate_limited_.add(batch->spans.size());
        return status;
      }
    }
    store_->set_limits(limits_.live_traces_max, limits_.bytes_per_trace_max);
    return store_->append(std::move(batch));
  }

 private:
  const std::shared_ptr<TraceStore> store_;
  const std::shared_ptr<IngestRate> rate_;
  const TenantLimits limits_;
  const std::string tenant_;
  const TraceStoreOptions& options_;
  Counter& rate_limited_;
};

}  // namespace

struct TenantStores::Tenant {
  Tenant(std::string n, const Clock& clock)
      : name(std::move(n)), rate(std::make_shared<IngestRate>(clock)) {}
  const std::string name;
  const std::shared_ptr<IngestRate> rate;
  std::mutex mutex;
  std::shared_ptr<TraceStore> store;  // guarded by mutex; null: closed
  // Monotonic. Atomic, so that the least recently used is found without waiting for one that opens.
  std::atomic<int64_t> used_at{0};
  std::atomic<int64_t> visited_at{INT64_MIN};  // by maintain(); never yet: due at once
  // Nobody but this holds the store, and nobody else can get it while `mutex` is held.
  bool is_free() const { return store != nullptr && store.use_count() == 1; }
};

TenantStores::TenantStores(io::FileSystem& fs, Clock& clock, Telemetry& telemetry,
                           TenantStoresOptions options)
    : fs_(fs), clock_(clock), telemetry_(telemetry), options_(std::move(options)) {}

TenantStores::~TenantStores() = default;

Result<std::unique_ptr<TenantStores>> TenantStores::open(io::FileSystem& fs, Clock& clock,
                                                         Telemetry& telemetry,
                                                         TenantStoresOptions options) {
  if (!options.store.row_groups)
    options.store.row_groups = std::make_shared<RowGroupCache>(RowGroupCache::Limits{});
  if (!options.store.live_batches)
    options.store.live_batches = std::make_shared<LiveBatchCache>(LiveBatchCache::Limits{});
  std::unique_ptr<TenantStores> stores(new TenantStores(fs, clock, telemetry, std::move(options)));
  if (auto found = stores->find_tenants(); !found)
    return in_context("tenants", std::move(found).error());
  return stores;
}

Status TenantStores::find_tenants() {
  const std::string roots[] = {options_.store.wal_directory, options_.store.blocks_directory};
  for (const std::string& root : roots) {
    if (auto made = fs_.create_directories(root + std::string(kTenantsDirectory)); !made)
      return made;
    const auto single = fs_.list(root);
    if (!single) return std::unexpected(single.error());
    if (single->size() > 1 && !tenants_.contains(kSingleTenant))
      tenants_.emplace(kSingleTenant, std::make_shared<Tenant>(std::string(kSingleTenant), clock_));
    const auto names = fs_.list(root + std::string(kTenantsDirectory));
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names)
      if (parse_tenant_id(name) && !tenants_.contains(name))
        tenants_.emplace(name, std::make_shared<Tenant>(name, clock_));
  }
  return {};
}

TraceStoreOptions TenantStores::options_of(const std::string& name) const {
  TraceStoreOptions options = options_.store;
  options.tenant = name;
  if (name != kSingleTenant) {
    const std::string below = std::string(kTenantsDirectory) + "/" + name;
    options.wal_directory += below;
    options.blocks_directory += below;
    if (options.objects)
      options.objects = io::make_prefixed_object_store(options.objects, tenant_object_prefix(name));
  }
  if (options_.block_retention)
    options.block_retention = options_.block_retention(name).value_or(options.block_retention);
  return options;
}

std::vector<TenantStores::TenantPtr> TenantStores::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<TenantPtr> tenants;
  for (const auto& [name, tenant] : tenants_) tenants.push_back(tenant);
  return tenants;
}

TenantStores::TenantPtr TenantStores::known(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : found->second;
}

Result<TenantStores::TenantPtr> TenantStores::known_or_new(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(name);
  if (found != tenants_.end()) return found->second;
  if (tenants_.size() >= options_.tenants_max)
    return fail(Errc::kResourceExhausted, "there are ", options_.tenants_max,
                " tenants already, too many for tenant ", name);
  return tenants_.emplace(name, std::make_shared<Tenant>(name, clock_)).first->second;
}

Result<TenantStores::TenantPtr> TenantStores::known_or_archived(const std::string& name) {
  TenantPtr tenant = known(name);
  const TraceStoreOptions options = options_of(name);
  if (tenant != nullptr || !options.objects) return tenant;
  const auto manifest = options.objects->head(std::string(kManifestKey));
  if (manifest) return known_or_new(name);
  if (manifest.error().code == Errc::kNotFound) return nullptr;
  return in_context("tenant " + name, manifest.error());
}

// The tenant's store, open for as long as the result is held.
Result<std::shared_ptr<TraceStore>> TenantStores::use(Tenant& tenant) {
  const std::lock_guard lock(tenant.mutex);
  tenant.used_at = clock_.monotonic().count();
  if (tenant.store) return tenant.store;
  if (auto room = make_room(); !room) return std::unexpected(std::move(room).error());
  auto store = TraceStore::open(fs_, clock_, telemetry_, options_of(tenant.name));
  if (!store) {
    --open_count_;
    return in_context("tenant " + tenant.name, std::move(store).error());
  }
  tenant.store = std::move(*store);
  if (auto pinned = give_pins(*tenant.store); !pinned) return std::unexpected(pinned.error());
  return tenant.store;
}

// Counts one more open store, after closing the least recently used free ones while there are too many.
Status TenantStores::make_room() {
  if (++open_count_ <= options_.open_max) return {};
  std::vector<TenantPtr> tenants = all();
  std::ranges::sort(tenants, {}, [](const TenantPtr& t) { return t->used_at.load(); });
  for (const TenantPtr& tenant : tenants) {
    // Who opens or closes it at this moment is not waited for: it may wait for us.
    const std::unique_lock lock(tenant->mutex, std::try_to_lock);
    if (!lock.owns_lock() || !tenant->is_free()) continue;
    tenant->store.reset();
    if (--open_count_ <= options_.open_max) return {};
  }
  --open_count_;
  return fail(Errc::kResourceExhausted, options_.open_max,
              " tenants are in use at this moment, too many for one more");
}

Result<std::shared_ptr<TraceWriter>> TenantStores::writer(std::string_view org_id) {
  auto name = parse_tenant_id(org_id);
  if (!name) return std::unexpected(std::move(name).error());
  const auto tenant = known_or_new(*name);
  if (!tenant) return std::unexpected(tenant.error());
  auto store = use(**tenant);
  if (!store) return std::unexpected(std::move(store).error());
  Counter& rate_limited =
      telemetry_.counter("tempo_discarded_spans_total", "Spans refused or dropped, by reason.",
                         {{"reason", "rate_limited"}, {"tenant", *name}});
  return std::make_shared<LimitedWriter>(std::move(*store), (*tenant)->rate,
                                         options_.limits ? options_.limits(*name) : TenantLimits{},
                                         *name, options_.store, rate_limited);
}

Result<TenantTraces> TenantStores::reader(std::string_view org_id) {
  auto names = parse_tenant_ids(org_id);
  if (!names) return std::unexpected(std::move(names).error());
  std::vector<std::shared_ptr<const Queryable>> stores;
  for (const std::string& name : *names) {
    const auto tenant = known_or_archived(name);
    if (!tenant) return std::unexpected(tenant.error());
    if (*tenant == nullptr) continue;
    auto store = use(**tenant);
    if (!store) return std::unexpected(std::move(store).error());
    stores.push_back(std::move(*store));
  }
  return TenantTraces{std::move(*names), federate(std::move(stores))};
}

void TenantStores::maintain() {
  const auto now = clock_.monotonic();
  TenantPtr due;
  for (const TenantPtr& tenant : all()) {
    std::shared_ptr<TraceStore> store;
    {
      const std::lock_guard lock(tenant->mutex);
      store = tenant->store;
    }
    if (!store) {
      const int64_t visited = tenant->visited_at;
      if (!due && (visited == INT64_MIN || now.count() - visited >= options_.visit_every.count()))
        due = tenant;
      continue;
    }
    tenant->visited_at = now.count();
    (void)store->maintain();  // says itself what failed
    const TraceStoreStats stats = store->stats();
    const bool quiet =
        stats.live_spans == 0 &&
        (!store->has_archive() || stats.block_count == stats.archived_blocks);  // all have moved
    store.reset();
    if (!quiet || now.count() - tenant->used_at < options_.idle_after.count()) continue;
    const std::lock_guard lock(tenant->mutex);
    if (!tenant->is_free()) continue;
    tenant->store.reset();
    --open_count_;
  }
  if (!due) return;
  due->visited_at = now.count();
  const int64_t used_at = due->used_at;
  if (auto store = use(*due); !store)
    SL_LOG_WARN("trace store: {}", store.error().message);
  else
    (void)(*store)->maintain();
  due->used_at = used_at;  // a visit is no use
}

std::vector<std::shared_ptr<TraceStore>> TenantStores::open_stores() const {
  std::vector<std::shared_ptr<TraceStore>> stores;
  for (const TenantPtr& tenant : all()) {
    const std::lock_guard lock(tenant->mutex);
    if (tenant->store) stores.push_back(tenant->store);
  }
  return stores;
}

void TenantStores::archive() {
  for (const auto& store : open_stores()) (void)store->archive();
}

Status TenantStores::archive_everything() {
  Status first;
  for (const auto& store : open_stores()) {
    Status one = store->flush();
    if (one && store->has_archive()) one = store->archive_everything();
    if (!one && first) first = std::move(one);
  }
  return first;
}

void TenantStores::pin(const TraceId& id) {
  const TraceFingerprint fingerprint = fingerprint_of(id);
  {
    const std::lock_guard lock(mutex_);
    pinned_.insert(fingerprint);
    if (meanwhile_) meanwhile_->insert(fingerprint);
  }
  for (const auto& store : open_stores()) store->pin(fingerprint);
}

Status TenantStores::replace_pins(const PinSet::Source& source) {
  {
    const std::lock_guard lock(mutex_);
    meanwhile_ = std::make_unique<TraceIdSet>();
  }
  TraceIdSet wanted;
  const Status status = source([&](const TraceId& id) { wanted.insert(fingerprint_of(id)); });
  {
    const std::lock_guard lock(mutex_);
    const std::unique_ptr<TraceIdSet> meanwhile = std::move(meanwhile_);
    if (!status) return status;
    meanwhile->for_each([&](TraceFingerprint id) { wanted.insert(id); });
    pinned_ = std::move(wanted);
    pins_are_all_ = true;
  }
  for (const auto& store : open_stores())
    if (auto given = give_pins(*store); !given) return given;
  return {};
}

// An id enters pinned_ before the stores: while this runs, it is either read here or pinned after.
Status TenantStores::give_pins(TraceStore& store) {
  const auto all = [&](const std::function<void(TraceFingerprint)>& wanted) {
    const std::lock_guard lock(mutex_);
    pinned_.for_each(wanted);
    return Status();
  };
  bool are_all;
  {
    const std::lock_guard lock(mutex_);
    are_all = pins_are_all_;
  }
  return are_all ? store.replace_pins_by_fingerprint(all)
                 : all([&](TraceFingerprint id) { store.pin(id); });
}

std::vector<std::string> TenantStores::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, tenant] : tenants_) names.push_back(name);
  return names;
}

TraceStoreStats TenantStores::stats() const {
  TraceStoreStats sum;
  for (const auto& store : open_stores()) {
    const TraceStoreStats one = store->stats();
    sum.live_traces += one.live_traces;
    sum.live_spans += one.live_spans;
    sum.block_count += one.block_count;
    sum.block_traces += one.block_traces;
    sum.block_spans += one.block_spans;
    sum.block_bytes += one.block_bytes;
    sum.wal_bytes += one.wal_bytes;
    sum.archived_blocks += one.archived_blocks;
    sum.archived_bytes += one.archived_bytes;
    sum.pinned_traces += one.pinned_traces;
    sum.pin_bytes += one.pin_bytes;
    if (one.oldest) sum.oldest = std::min(sum.oldest.value_or(*one.oldest), *one.oldest);
    if (one.newest) sum.newest = std::max(sum.newest.value_or(*one.newest), *one.newest);
  }
  const std::lock_guard lock(mutex_);
  sum.pin_bytes += pinned_.memory_bytes();
  return sum;
}

}  // namespace sightline::tracestore
