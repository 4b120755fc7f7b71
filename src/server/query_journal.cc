#include "server/query_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "api/prometheus/answer.h"
#include "api/prometheus/query_json.h"
#include "base/log.h"
#include "base/number_text.h"

namespace sightline::server {
namespace {

using api::prometheus::append_key;
using api::prometheus::append_member;
using api::prometheus::QueryEvent;

constexpr size_t kNoSlot = SIZE_MAX;

// The entries of an earlier run, without the holes between them; empty when all had ended.
std::string unfinished(std::string text) {
  std::erase(text, '\0');
  if (text.starts_with('[')) text.erase(0, 1);
  if (text.ends_with(',')) text.pop_back();
  return text;
}

std::string active_entry(std::string_view query, int64_t seconds) {
  const auto entry = [&](std::string_view text) {
    std::string out = "{";
    append_member(out, "query", text);
    api::prometheus::append_integer_member(out, "timestamp_sec", seconds);
    return out + "}";
  };
  std::string out = entry(query);
  // Escapes make a text longer than it is, so cut until it fits.
  while (out.size() > kActiveEntryBytes - 1) {
    size_t keep = query.size() -
                  std::min(query.size(), std::max<size_t>(1, (out.size() - kActiveEntryBytes) / 6));
    while (keep > 0 && (static_cast<uint8_t>(query[keep]) & 0xc0) == 0x80) --keep;
    query = query.substr(0, keep);
    out = entry(query);
  }
  return out;
}

std::string date_ms(TimestampMs time) {
  const auto ms = static_cast<uint64_t>(std::max<int64_t>(time.value, 0));
  std::string text = format_rfc3339(ms / 1000 * 1'000'000'000);
  const std::string fraction = std::to_string(1000 + ms % 1000);
  text.back() = '.';
  return text + fraction.substr(1) + "Z";
}

std::string log_line(const QueryEvent& event, const promql::QueryStats* stats, const Error* error,
                     TimestampNs now) {
  std::string out = "{";
  append_member(out, "ts", format_rfc3339(now.value));
  append_member(out, "msg", "promql query logged");
  append_key(out, "params");
  out += '{';
  append_member(out, "end", date_ms(event.end));
  append_member(out, "query", event.query);
  append_member(out, "start", date_ms(event.start));
  api::prometheus::append_integer_member(
      out, "step", std::chrono::floor<std::chrono::seconds>(event.step).count());
  out += '}';
  if (error != nullptr) append_member(out, "error", error->message);
  if (stats != nullptr) {
    append_key(out, "stats");
    api::prometheus::append_statistics(out, *stats, event.queued);
    append_key(out, "memory");
    out += '{';
    api::prometheus::append_integer_member(out, "peakBytes", stats->bytes_peak);
    out += '}';
  }
  append_key(out, "httpRequest");
  out += '{';
  append_member(out, "clientIP", event.client.substr(0, event.client.rfind(':')));
  append_member(out, "method", event.method);
  append_member(out, "path", event.path);
  return out + "}}\n";
}

}  // namespace

FileQueryJournal::FileQueryJournal(QueryJournalOptions options, const Clock& clock,
                                   Telemetry& telemetry)
    : options_(std::move(options)),
      clock_(clock),
      queries_(telemetry.counter("sightline_queries_total", "PromQL queries that ran, by HTTP.")),
      failed_(telemetry.counter("sightline_queries_failed_total",
                                "PromQL queries that ended with an error.")),
      running_(telemetry.gauge("prometheus_engine_queries",
                               "The current number of queries being executed or waiting.")) {
  telemetry
      .gauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.")
      .set(static_cast<double>(options_.concurrency_max));
  for (size_t slot = options_.concurrency_max; slot-- > 0;) free_.push_back(slot);
}

Result<std::unique_ptr<FileQueryJournal>> FileQueryJournal::open(QueryJournalOptions options,
                                                                 io::FileSystem& fs,
                                                                 const Clock& clock,
                                                                 Telemetry& telemetry) {
  std::unique_ptr<FileQueryJournal> journal(
      new FileQueryJournal(std::move(options), clock, telemetry));
  const QueryJournalOptions& own = journal->options_;
  if (fs.exists(own.active_path)) {
    const auto before = fs.read_all(own.active_path);
    if (const std::string left = before ? unfinished(*before) : std::string(); !left.empty())
      SL_LOG_WARN("these queries did not finish in the last run: [{}]", left);
  }
  journal->active_ = ::open(own.active_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const auto bytes = static_cast<off_t>(1 + own.concurrency_max * kActiveEntryBytes);
  if (journal->active_ < 0 || ::ftruncate(journal->active_, bytes) != 0 ||
      ::pwrite(journal->active_, "[", 1, 0) != 1)
    return fail(Errc::kIo, "create ", own.active_path, ": ", std::strerror(errno));
  if (own.log_path.empty()) return journal;
  auto log = fs.open_append(own.log_path);
  if (!log) return in_context("query log", std::move(log).error());
  journal->log_ = std::move(*log);
  return journal;
}

FileQueryJournal::~FileQueryJournal() {
  if (active_ >= 0) ::close(active_);
}

// A failed write costs a line of a later post-mortem and nothing else, so it is not an error of the query.
void FileQueryJournal::write_slot(size_t slot, std::string_view entry) {
  std::string bytes(kActiveEntryBytes, '\0');
  if (!entry.empty()) {
    std::memcpy(bytes.data(), entry.data(), std::min(entry.size(), kActiveEntryBytes - 1));
    bytes.back() = ',';
  }
  [[maybe_unused]] const auto written = ::pwrite(active_, bytes.data(), bytes.size(),
                                                 static_cast<off_t>(1 + slot * kActiveEntryBytes));
}

size_t FileQueryJournal::begun(const QueryEvent& event) {
  queries_.add();
  running_.add(1);
  size_t slot = kNoSlot;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    }
  }
  if (slot != kNoSlot) write_slot(slot, active_entry(event.query, clock_.now_ms().value / 1000));
  return slot;
}

void FileQueryJournal::ended(size_t ticket, const QueryEvent& event,
                             const promql::QueryStats* stats, const Error* error) {
  running_.add(-1);
  if (error != nullptr) failed_.add();
  if (ticket != kNoSlot) write_slot(ticket, {});
  const std::string line =
      options_.log_path.empty() ? std::string() : log_line(event, stats, error, clock_.now());
  const std::lock_guard lock(mutex_);
  if (ticket != kNoSlot) free_.push_back(ticket);
  if (!log_) return;
  if (auto status = log_->append(line); !status) {
    SL_LOG_WARN("query log: {}; no more is written", status.error().message);
    log_.reset();
  }
}

}  // namespace sightline::server
