// Whatever a DNS server answers is read or refused.
#include "scrape/dns.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  for (const std::string_view type : {"SRV", "MX", "NS"})
    (void)sightline::scrape::parse_dns_answer(message, type);
  return 0;
}
