// Any bytes as the data of a chunk of each encoding, and as a whole index with its checksums made to fit.
#include "base/bytes.h"
#include "base/checksum.h"
#include "io/testing_directory.h"
#include "tsdb/prometheus/prometheus_block.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"

using namespace sightline;
using namespace sightline::tsdb;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const io::TestingDirectory directory;
  static const auto fs = io::make_posix_file_system();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  SampleColumns columns;
  (void)decode_xor_chunk(input, columns);
  columns.clear();
  (void)decode_xor2_chunk(input, columns);
  for (const uint8_t encoding : {kHistogramEncoding, kFloatHistogramEncoding,
                                 kHistogramStartEncoding, kFloatHistogramStartEncoding})
    (void)decode_histogram_chunk(encoding, input, columns);
  // The first half are symbols, the second one series entry.
  std::string index;
  append_be32(index, 0xbaaad700);
  index.push_back(static_cast<char>(1 + size % 2));
  const std::string_view symbols = input.substr(0, size / 2);
  append_be32(index, static_cast<uint32_t>(symbols.size()));
  index += symbols;
  append_be32(index, crc32c(symbols));
  while (index.size() % 16 != 0) index.push_back('\0');
  const uint64_t series = index.size();
  const std::string_view entry = input.substr(size / 2);
  append_sized(index, entry);
  append_be32(index, crc32c(entry));
  std::string toc;
  for (const uint64_t offset :
       {uint64_t{5}, series, uint64_t{0}, uint64_t{0}, uint64_t{0}, uint64_t{0}})
    append_be64(toc, offset);
  index += toc;
  append_be32(index, crc32c(toc));
  if (auto file = fs->create(directory.path() + "/index")) (void)(*file)->append(index);
  auto block = PrometheusBlock::open(*fs, directory.path());
  if (!block) return 0;
  model::Labels labels;
  for (uint32_t i = 0; i < 10; ++i) {
    auto more = (*block)->next(labels);
    if (!more || !*more) break;
    (void)(*block)->read_floats(i, columns);
    (void)(*block)->read_histograms(i, columns);
  }
  return 0;
}
