// Turns ui/dist into two sources for the C++ build:
//   node ui/scripts/embed.mjs OUT_DIR [DIST_DIR]
// writes OUT_DIR/<n>.gz for every file, OUT_DIR/ui_assets.S, which includes them
// in a read-only section, and OUT_DIR/ui_assets.cc, which lists them.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const CONTENT_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();
}

const outDir = process.argv[2];
if (!outDir) {
  console.error('usage: node embed.mjs OUT_DIR [DIST_DIR]');
  process.exit(2);
}
const dist = process.argv[3] ? resolve(process.argv[3]) : resolve(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
let paths;
try {
  paths = filesBelow(dist);
} catch {
  console.error(`embed.mjs: ${dist} cannot be read; run "npm run build" in ui/ first`);
  process.exit(1);
}
mkdirSync(outDir, { recursive: true });

const files = paths.map((path, index) => {
  const bytes = readFileSync(path);
  const packed = join(resolve(outDir), `${index}.gz`);
  // Node writes no time into the gzip header: the same input gives the same bytes.
  writeFileSync(packed, gzipSync(bytes, { level: 9 }));
  return {
    path: '/' + relative(dist, path).split(sep).join('/'),
    packed,
    type: CONTENT_TYPES[extname(path)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}"`,
    symbol: `sightline_ui_asset_${index}`,
  };
});

const quote = (text) => JSON.stringify(text);
const assembly = [
  '# Made by ui/scripts/embed.mjs.',
  '    .section .rodata.sightline_ui,"a",%progbits',
  // The etag makes this text, and so the object, change with the bytes.
  ...files.flatMap(({ symbol, packed, path, etag }) => [
    `    # ${path} ${etag}`,
    `    .global ${symbol}_begin`,
    `    .hidden ${symbol}_begin`,
    `    .global ${symbol}_end`,
    `    .hidden ${symbol}_end`,
    '    .balign 16',
    `${symbol}_begin:`,
    `    .incbin ${quote(packed)}`,
    `${symbol}_end:`,
  ]),
  '    .section .note.GNU-stack,"",%progbits',
  '',
].join('\n');

const listing = `// Made by ui/scripts/embed.mjs.
#include "api/ui/embedded_file.h"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

extern "C" {
${files.map(({ symbol }) => `extern const char ${symbol}_begin[];\nextern const char ${symbol}_end[];`).join('\n')}
}

namespace sightline::api::ui {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  static const std::array<EmbeddedFile, ${files.length}> files = {{
${files
  .map(({ path, type, etag, symbol }) => `      {${quote(path)}, ${quote(type)}, ${quote(etag)},\n       between(${symbol}_begin, ${symbol}_end)},`)
  .join('\n')}
  }};
  return files;
}

}  // namespace sightline::api::ui
`;

writeFileSync(join(outDir, 'ui_assets.S'), assembly);
writeFileSync(join(outDir, 'ui_assets.cc'), listing);
