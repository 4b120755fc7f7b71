#include "server/tenant_limits.h"

#include "base/log.h"
#include "base/number_text.h"

namespace sightline::server {
namespace {

constexpr uint64_t kBurstBytesDefault = 20'000'000;  // the peer's, like the next
constexpr uint64_t kTraceBytesDefault = 5'000'000;

void append_limits(std::string& out, const config::TempoLimits& limits) {
  const auto line = [&](std::string_view key, const auto& value) {
    out.append("  ").append(key).append(": ").append(value).append("\n");
  };
  const auto duration = [&](std::string_view key, const auto& value) {
    if (value) line(key, format_go_duration(*value));
  };
  line("max_bytes_per_trace",
       std::to_string(limits.max_bytes_per_trace.value_or(kTraceBytesDefault)));
  if (limits.max_traces_per_user != 0)
    line("max_traces_per_user", std::to_string(limits.max_traces_per_user));
  if (limits.rate_limit_bytes) {
    line("rate_limit_bytes", std::to_string(*limits.rate_limit_bytes));
    line("burst_size_bytes", std::to_string(limits.burst_size_bytes.value_or(kBurstBytesDefault)));
  }
  duration("max_search_duration", limits.max_search_duration);
  duration("max_metrics_duration", limits.max_metrics_duration);
  duration("block_retention", limits.block_retention);
}

// JSON is YAML.
Result<config::TempoLimits> limits_of(const std::string& tenant, const std::string& json,
                                      const config::TempoLimits& base) {
  const auto parsed = config::parse_tenant_overrides(
      "{\"overrides\": {\"" + tenant + "\": " + json + "}}", "overrides", base);
  if (!parsed) return std::unexpected(parsed.error());
  return parsed->at(tenant);
}

}  // namespace

Result<std::unique_ptr<TenantLimitsTable>> TenantLimitsTable::open(
    const config::TempoConfig& config, io::FileSystem& fs, const Clock& clock) {
  std::unique_ptr<TenantLimitsTable> table(new TenantLimitsTable(config, fs, clock));
  table->read_at_ = clock.monotonic();
  if (auto status = table->read(); !status) return std::unexpected(std::move(status).error());
  return table;
}

Status TenantLimitsTable::read() {
  const std::string& file = *config_.per_tenant_override_config;
  if (file.empty()) return {};
  auto text = fs_.read_all(file);
  if (!text) return in_context("per-tenant overrides", std::move(text).error());
  if (*text == seen_) return {};
  auto overrides = config::parse_tenant_overrides(*text, file, config_.limits);
  if (!overrides) return std::unexpected(std::move(overrides).error());
  seen_ = std::move(*text);
  const std::lock_guard lock(mutex_);
  overrides_ = std::make_shared<const config::TenantOverrides>(std::move(*overrides));
  rebuild();
  return {};
}

const config::TempoLimits& TenantLimitsTable::from_files(const std::string& tenant) const {
  for (const std::string& name : {tenant, std::string("*")})
    if (const auto at = overrides_->find(name); at != overrides_->end()) return at->second;
  return config_.limits;
}

void TenantLimitsTable::rebuild() {
  auto in_force = std::make_shared<config::TenantOverrides>(*overrides_);
  for (const auto& [tenant, json] : own_)
    if (const auto limits = limits_of(tenant, json, from_files(tenant)))
      (*in_force)[tenant] = *limits;
  in_force_ = std::move(in_force);
}

Status TenantLimitsTable::check_own(const std::string& tenant, const std::string& json) const {
  const auto limits = limits_of(tenant, json, config_.limits);
  if (!limits) return std::unexpected(limits.error());
  return {};
}

Status TenantLimitsTable::set_own(const std::string& tenant, const std::string& json) {
  if (auto fine = check_own(tenant, json); !fine) return fine;
  const std::lock_guard lock(mutex_);
  own_[tenant] = json;
  rebuild();
  return {};
}

void TenantLimitsTable::remove_own(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  own_.erase(tenant);
  rebuild();
}

void TenantLimitsTable::refresh() {
  const auto now = clock_.monotonic();
  if (now - read_at_ < config_.per_tenant_override_period) return;
  read_at_ = now;
  const auto status = read();
  const std::string fault = status ? "" : status.error().message;
  if (!fault.empty() && fault != said_)
    SL_LOG_WARN("{}; the limits of tenants stay as they were", fault);
  said_ = fault;
}

config::TempoLimits TenantLimitsTable::of(const std::string& tenant) const {
  std::shared_ptr<const config::TenantOverrides> overrides;
  {
    const std::lock_guard lock(mutex_);
    overrides = in_force_;
  }
  for (const std::string& name : {tenant, std::string("*")})
    if (const auto own = overrides->find(name); own != overrides->end()) return own->second;
  return config_.limits;
}

tracestore::TenantLimits TenantLimitsTable::store_limits(const std::string& tenant) const {
  const config::TempoLimits limits = of(tenant);
  tracestore::TenantLimits out{
      .live_traces_max = limits.max_traces_per_user,
      .bytes_per_trace_max = limits.max_bytes_per_trace.value_or(kTraceBytesDefault)};
  if (out.live_traces_max == 0)
    out.live_traces_max = tracestore::TraceStoreLimits{}.live_traces_max;
  if (limits.rate_limit_bytes)
    out.ingest_rate = {.bytes_per_second = *limits.rate_limit_bytes,
                       .burst_bytes = limits.burst_size_bytes.value_or(kBurstBytesDefault)};
  return out;
}

std::string TenantLimitsTable::text() const {
  std::shared_ptr<const config::TenantOverrides> overrides;
  {
    const std::lock_guard lock(mutex_);
    overrides = in_force_;
  }
  if (overrides->empty()) return "no tenant has overrides of its own\n";
  std::string out;
  for (const auto& [tenant, limits] : *overrides) {
    out.append(tenant).append(":\n");
    append_limits(out, limits);
  }
  return out;
}

std::string TenantLimitsTable::text(const std::string& tenant) const {
  std::string out = tenant + ":\n";
  append_limits(out, of(tenant));
  return out;
}

std::string TenantLimitsTable::json(const std::string& tenant) const {
  const config::TempoLimits limits = of(tenant);
  std::string ingestion, read;
  const auto add = [](std::string& group, std::string_view key, const std::string& value) {
    group.append(group.empty() ? "\"" : ",\"").append(key).append("\":").append(value);
  };
  const auto duration = [](std::chrono::nanoseconds d) {
    return "\"" + format_go_duration(d) + "\"";
  };
  if (limits.rate_limit_bytes) {
    add(ingestion, "rate_limit_bytes", std::to_string(*limits.rate_limit_bytes));
    add(ingestion, "burst_size_bytes",
        std::to_string(limits.burst_size_bytes.value_or(kBurstBytesDefault)));
  }
  add(ingestion, "max_traces_per_user", std::to_string(limits.max_traces_per_user));
  if (limits.max_search_duration)
    add(read, "max_search_duration", duration(*limits.max_search_duration));
  if (limits.max_metrics_duration)
    add(read, "max_metrics_duration", duration(*limits.max_metrics_duration));
  std::string out = "{\"ingestion\":{" + ingestion + "},\"read\":{" + read + "}";
  out += ",\"global\":{\"max_bytes_per_trace\":" +
         std::to_string(limits.max_bytes_per_trace.value_or(kTraceBytesDefault)) + "}";
  if (limits.block_retention)
    out += ",\"compaction\":{\"block_retention\":" + duration(*limits.block_retention) + "}";
  return out + "}";
}

}  // namespace sightline::server
