// Runs testdata/*.test: a configuration text in, its errors or its dump and
// notices out. SIGHTLINE_REWRITE=1 fills in what came out.
//
//   KIND FILE [NAME=VALUE...]   otelcol | tempo | prometheus | sightline | datasources | provisioning;
//   text                        NAME=VALUE is an environment variable, file:PATH=TEXT another file
//   ----                        provisioning: several files, each after a line "=> PATH"
//   output
//   ====
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "config/sightline_config.h"

namespace sightline::config {
namespace {

struct Case {
  std::string comment;  // lines before the command
  std::string command;
  std::string input;
  std::string output;
  int line = 0;
};

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<Case> read_cases(const std::string& text) {
  std::vector<Case> cases;
  enum class At { kHead, kInput, kOutput } at = At::kHead;
  Case now;
  std::istringstream in(text);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (at == At::kHead) {
      if (line.empty() || line.starts_with('#')) {
        now.comment += line + "\n";
      } else {
        now.command = line;
        now.line = number;
        at = At::kInput;
      }
    } else if (at == At::kInput) {
      if (line == "----") {
        at = At::kOutput;
      } else {
        now.input += line + "\n";
      }
    } else if (line == "====") {
      cases.push_back(std::move(now));
      now = {};
      at = At::kHead;
    } else {
      now.output += line + "\n";
    }
  }
  return cases;
}

template <typename Config>
std::string told(const Result<Config>& config) {
  if (!config) return "error: " + config.error().message + "\n";
  std::string out = dump(*config);
  std::vector<Notice> notices;
  if constexpr (requires { config->notices(); }) {
    notices = config->notices();
  } else {
    notices = config->notices;
  }
  for (const Notice& notice : notices) out += "notice: " + notice.text() + "\n";
  return out;
}

void add_files(const std::string& input, FixedEnvironment& environment) {
  std::istringstream in(input);
  std::string line, path;
  while (std::getline(in, line)) {
    if (line.starts_with("=> ")) {
      path = line.substr(3);
      environment.files[path];
    } else {
      environment.files[path] += line + "\n";
    }
  }
}

std::string run(const Case& test) {
  std::istringstream words(test.command);
  std::string kind, file, word;
  words >> kind >> file;
  FixedEnvironment environment;
  while (words >> word) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    if (name.starts_with("file:")) {
      environment.files[name.substr(5)] = value;
    } else {
      environment.variables[name] = value;
    }
  }
  if (kind == "otelcol") return told(parse_otelcol(test.input, file, environment));
  if (kind == "tempo") return told(parse_tempo(test.input, file, environment));
  if (kind == "prometheus") return told(parse_prometheus(test.input, file, environment));
  if (kind == "sightline") return told(parse_sightline(test.input, file, environment));
  if (kind == "datasources") {
    Provisioning one{file, {}, {}, {}};
    auto sources = parse_data_sources(test.input, file, environment, one.notices);
    if (!sources) return "error: " + sources.error().message + "\n";
    one.data_sources = std::move(*sources);
    return told(Result<Provisioning>(std::move(one)));
  }
  if (kind == "provisioning") {
    add_files(test.input, environment);
    return told(load_provisioning(file, environment));
  }
  return "unknown kind " + kind + "\n";
}

TEST(ConfigScripts, AnswerAsWritten) {
  const bool rewrite = std::getenv("SIGHTLINE_REWRITE") != nullptr;
  size_t count = 0;
  std::filesystem::path directory = SIGHTLINE_TESTDATA;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".test") continue;
    std::string written;
    for (const Case& test : read_cases(read_all(entry.path()))) {
      const std::string got = run(test);
      if (!rewrite) {
        EXPECT_EQ(got, test.output) << entry.path().filename().string() << ":" << test.line;
      }
      written += test.comment + test.command + "\n" + test.input + "----\n" + got + "====\n";
      ++count;
    }
    if (rewrite) std::ofstream(entry.path(), std::ios::binary) << written;
  }
  EXPECT_GT(count, 30u);
}

}  // namespace
}  // namespace sightline::config
