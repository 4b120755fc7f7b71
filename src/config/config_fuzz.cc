// The first byte chooses the kind of file; the rest is its text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/sightline_config.h"

using namespace sightline::config;

namespace {

template <typename Config>
void use(const sightline::Result<Config>& config) {
  if (config ? dump(*config).empty() : config.error().message.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  FixedEnvironment environment;
  environment.variables = {{"SELF", "${env:SELF}"}, {"LIST", "[a, b]"}, {"PORT", "4317"}};
  environment.files = {{"f", "${file:f}"},
                       {"p/dashboards/a.yaml", std::string(text)},
                       {"p/dashboards/a.json", std::string(text)},
                       {"p/datasources/a.yaml", std::string(text)}};
  switch (data[0]) {
    case 'o': use(parse_otelcol(text, "o.yaml", environment)); break;
    case 't': use(parse_tempo(text, "t.yaml", environment)); break;
    case 'p': use(parse_prometheus(text, "p.yaml", environment)); break;
    case 's': use(parse_sightline(text, "s.yaml", environment)); break;
    case 'g': use(load_provisioning("p", environment)); break;
    case 'd': (void)parse_dashboard(std::string(text), "d.json"); break;
    default: (void)parse_yaml(text, "y.yaml"); break;
  }
  return 0;
}
