// traceqltest [--rewrite] FILE...: runs TraceQL test scripts (script.h), prints what failed, closes with
// "N passed, N failed". --rewrite writes the answers as they are into the files.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "traceql/testing/script.h"

int main(int argc, char** argv) {
  bool rewrite = false;
  uint32_t passed = 0;
  uint32_t failed = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--rewrite") {
      rewrite = true;
      continue;
    }
    std::ifstream in(argv[i], std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto outcome = in ? sightline::traceql::run_script(text)
                            : sightline::fail(sightline::Errc::kNotFound, "cannot read the file");
    if (!outcome) {
      std::printf("%s: %s\n", argv[i], outcome.error().message.c_str());
      ++failed;
      continue;
    }
    for (const std::string& failure : outcome->failures)
      std::printf("%s: %s\n", argv[i], failure.c_str());
    passed += outcome->passed;
    failed += outcome->failed;
    if (rewrite) std::ofstream(argv[i], std::ios::binary) << outcome->rewritten;
  }
  std::printf("%u passed, %u failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
