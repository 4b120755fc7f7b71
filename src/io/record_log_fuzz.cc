// Any bytes as a WAL segment: never a crash, and what opens goes on working.
#include "io/record_log.h"
#include "io/testing_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sightline;
  const auto fs = io::make_posix_file_system();
  const io::TestingDirectory dir;
  {
    auto file = fs->create(dir.path() + "/00000001.wal");
    if (!file || !(*file)->append(std::string_view(reinterpret_cast<const char*>(data), size)))
      return 0;
  }
  size_t before = 0;
  auto log =
      io::RecordLog::open(*fs, dir.path(), {}, [&](uint64_t, uint8_t, std::string_view) -> Status {
        ++before;
        return {};
      });
  if (!log || !(*log)->append(1, "x")) __builtin_trap();
  log->reset();
  size_t after = 0;
  (void)io::RecordLog::open(*fs, dir.path(), {},
                            [&](uint64_t, uint8_t, std::string_view) -> Status {
                              ++after;
                              return {};
                            });
  if (after != before + 1) __builtin_trap();
  return 0;
}
