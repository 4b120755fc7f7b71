// Any bytes as a group: every member is read, and nothing crashes.
#include "tsdb/codec/sample_group.h"

using namespace sightline::tsdb;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)measure_group(bytes);
  for (uint32_t member = 0; member < 4; ++member) {
    SampleColumns out;
    (void)read_group_member(bytes, member, nullptr, out);
    (void)read_group_member(bytes, member, nullptr, out, {}, ValueNeed::kPresence);
  }
  return 0;
}
