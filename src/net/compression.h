#pragma once
// Compressed bodies, both ways: HTTP's Content-Encoding and snappy blocks.
//   Limits   decoding stops at `bytes_max` output bytes (kResourceExhausted), so
//            a bomb costs its limit and no more; zstd windows above 8 MiB are
//            refused (RFC 9659).
//   Errors   kInvalidArgument: the bytes are not what they claim or are cut
//            short; the text names the format and the input offset.
//   Threads  pure functions.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::net {

enum class Compression { kIdentity, kGzip, kDeflate, kZstd, kSnappy };  // kSnappy: one block

std::string_view compression_name(Compression compression);  // the Content-Encoding token
// A Content-Encoding value: "", "identity", "gzip", "x-gzip", "deflate", "zlib",
// "zstd", "snappy", without case. nullopt for any other, lists included.
std::optional<Compression> parse_compression(std::string_view token);
// What an Accept-Encoding value lets us answer with: at equal weight gzip or deflate, whichever
// is named first, before zstd (RFC 9110 section 12.5.3); identity when none is acceptable.
Compression choose_compression(std::string_view accept_encoding);

// `level`: the library's own, where it has levels; none: a quick one.
std::string compress(Compression compression, std::string_view plain,
                     std::optional<int> level = std::nullopt);

// The same for a body that comes in pieces. One owner, no locks.
class StreamCompressor {
 public:
  // Null when the library does not start, or for kIdentity and kSnappy.
  static std::unique_ptr<StreamCompressor> create(Compression compression);
  virtual ~StreamCompressor() = default;
  // Appends what `plain` compresses to, as far as it is decided yet.
  virtual void add(std::string_view plain, std::string& out) = 0;
  virtual void finish(std::string& out) = 0;
};
// gzip may be several members; deflate is the zlib format, or bare as some send it.
Result<std::string> decompress(Compression compression, std::string_view packed, size_t bytes_max);

// Snappy's block format, as remote write carries it. The declared size is
// checked before anything is allocated.
std::string snappy_compress(std::string_view plain);
Result<std::string> snappy_decompress(std::string_view packed, size_t bytes_max);
// Into `plain`, whose memory is used again; of what it holds after an error nothing is said.
Status snappy_decompress_into(std::string& plain, std::string_view packed, size_t bytes_max);

}  // namespace sightline::net
