#pragma once
// Which queries run, for whoever looks after a crash, and which have run, for whoever asks why it was slow.
//   Active   a file of one slot for each query that may run at once, as the peer keeps it: a JSON list with
//            holes of zero bytes. A query's text is in it while it runs; what is left after a crash is logged at
//            the next start. A longer text is cut to kActiveEntryBytes.
//   Log      one JSON object a line: params, stats or error, httpRequest, ts. Off without a path.
//   Threads  any. Lifetime: what is handed in outlives it.
#include <mutex>
#include <string>
#include <vector>

#include "api/prometheus/query_journal.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "io/file_system.h"

namespace sightline::server {

inline constexpr size_t kActiveEntryBytes = 1000;

struct QueryJournalOptions {
  std::string active_path;
  size_t concurrency_max = 20;
  std::string log_path;  // empty: no log
};

class FileQueryJournal final : public api::prometheus::QueryJournal {
 public:
  // Logs what the last run left unfinished.
  static Result<std::unique_ptr<FileQueryJournal>> open(QueryJournalOptions options,
                                                        io::FileSystem& fs, const Clock& clock,
                                                        Telemetry& telemetry);
  ~FileQueryJournal() override;
  FileQueryJournal(const FileQueryJournal&) = delete;
  FileQueryJournal& operator=(const FileQueryJournal&) = delete;

  size_t begun(const api::prometheus::QueryEvent& event) override;
  void ended(size_t ticket, const api::prometheus::QueryEvent& event,
             const promql::QueryStats* stats, const Error* error) override;

 private:
  FileQueryJournal(QueryJournalOptions options, const Clock& clock, Telemetry& telemetry);
  void write_slot(size_t slot, std::string_view entry);

  const QueryJournalOptions options_;
  const Clock& clock_;
  Counter& queries_;
  Counter& failed_;
  Gauge& running_;
  int active_ = -1;  // descriptor; slots are written in place, each by its query alone
  std::mutex mutex_;
  std::vector<size_t> free_;               // slots; guarded by mutex_
  std::unique_ptr<io::WritableFile> log_;  // guarded by mutex_; null: none
};

}  // namespace sightline::server
