#pragma once
// One file that messages are written to, one behind the other.
//   Flush     what was written reaches the file when flush_interval has passed, at once where files rotate, and at the end.
//   Rotation  beyond max_megabytes the file is renamed to name-<UTC time>.ext and a new one begun; max_backups
//             and max_days bound the old ones.
//   Threads   one owner at a time.
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "config/otelcol/otelcol_components.h"

namespace sightline::pipeline {

class ExportFile {
 public:
  // `config` and `clock` outlive it. `appends`: whatever the configuration says.
  static Result<std::unique_ptr<ExportFile>> open(const config::FileExporterConfig& config,
                                                  std::string path, bool appends,
                                                  const Clock& clock);
  ~ExportFile();
  // kUnavailable: the disk is full, say.
  Status write(std::string_view text);
  Status flush_if_due();

 private:
  ExportFile(const config::FileExporterConfig& config, std::string path, bool appends,
             const Clock& clock);
  Status open_file();
  Status rotate();
  void remove_old() const;

  const config::FileExporterConfig& config_;
  const std::string path_;
  const bool appends_;
  const Clock& clock_;
  std::FILE* file_ = nullptr;
  uint64_t written_ = 0;  // bytes in the current file
  bool is_dirty_ = false;
  std::chrono::nanoseconds flushed_{0};  // monotonic
};

}  // namespace sightline::pipeline
