// Log records on any bytes.
#include "tsdb/head/wal_record.h"

using namespace sightline;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tsdb::WalVisitor visitor;
  visitor.on_commit = [](uint64_t) { return Status(); };
  visitor.on_series = [](const tsdb::WalSeries&) { return Status(); };
  visitor.on_samples = [](std::span<tsdb::WalSample>) { return Status(); };
  visitor.on_exemplar = [](const tsdb::WalExemplar&) { return Status(); };
  visitor.on_metadata = [](const tsdb::WalMetadata&) { return Status(); };
  visitor.on_deletion = [](const tsdb::WalDeletion&) { return Status(); };
  (void)tsdb::read_wal_record(std::string_view(reinterpret_cast<const char*>(data), size), visitor);
  return 0;
}
