// promqltest [--if-present] FILE|DIRECTORY...
// Runs promqltest scripts. Prints each failure as file:line with what was expected and what came, and
// closes with "N passed, N failed". Exit 0: all passed; 1: not; 2: usage, or a file that is no script;
// 77: with --if-present, when nothing is there.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "promql/testing/script_runner.h"

namespace {

namespace fs = std::filesystem;
using namespace sightline;

constexpr int kSkipped = 77;

std::vector<fs::path> scripts_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".test") out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

struct Totals {
  size_t passed = 0;
  size_t failed = 0;
  bool unreadable = false;
};

void run_file(const fs::path& path, Clock& clock, Totals& totals) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) {
    std::printf("%s: cannot be read\n", path.c_str());
    totals.unreadable = true;
    return;
  }
  WorkPool pool({.thread_count = 2});
  const auto report = promql::run_script(text, clock, &pool);
  if (!report) {
    std::printf("%s: %s\n", path.c_str(), report.error().message.c_str());
    totals.unreadable = true;
    return;
  }
  for (const promql::ScriptFailure& f : report->failures)
    std::printf("%s:%zu: %s\n    %s\n", path.c_str(), f.line, f.expression.c_str(),
                f.message.c_str());
  std::printf("%s: %zu passed, %zu failed\n", path.filename().c_str(), report->passed,
              report->failures.size());
  totals.passed += report->passed;
  totals.failed += report->failures.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> files;
  bool if_present = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--if-present") {
      if_present = true;
      continue;
    }
    if (if_present && !fs::exists(argv[i])) {
      std::printf("SKIPPED: no scripts at %s: the language is not checked against them\n", argv[i]);
      continue;
    }
    const auto found = scripts_of(argv[i]);
    files.insert(files.end(), found.begin(), found.end());
  }
  if (files.empty()) {
    if (if_present) return kSkipped;
    std::fprintf(stderr, "usage: promqltest [--if-present] FILE|DIRECTORY...\n");
    return 2;
  }
  SystemClock clock;
  Totals totals;
  for (const fs::path& file : files) run_file(file, clock, totals);
  std::printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
  if (totals.unreadable) return 2;
  return totals.failed == 0 ? 0 : 1;
}
