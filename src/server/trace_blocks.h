#pragma once
// sightline blocks traces: what lies in a directory of trace blocks or in object storage, for people. Reads only; a
// running server may have it open.
#include <cstdio>
#include <string>

namespace sightline::server {

struct TraceBlocksCommand {
  std::string directory;     // of blocks: <data>/traces/blocks; or one block
  std::string tempo_config;  // --tempo-config: those in the object storage that it names
  std::string tenant;        // --tenant: those of this one there
  bool columns = false;      // --columns: of each block its columns, with encodings and bytes
  bool verify = false;       // --verify: check everything in it
};

// The exit status: 1 when a block does not open or does not verify.
int show_trace_blocks(const TraceBlocksCommand& command, std::FILE* out, std::FILE* faults);

}  // namespace sightline::server
