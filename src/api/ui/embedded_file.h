#pragma once
// The built web pages, as the linker put them into the binary.
//   Lifetime  static; every view is valid for as long as the process runs.
#include <span>
#include <string_view>

namespace sightline::api::ui {

struct EmbeddedFile {
  std::string_view path;          // "/index.html", "/assets/index-3f2a.js"
  std::string_view content_type;  // "text/html; charset=utf-8"
  std::string_view etag;          // quoted, changes with the content
  std::string_view gzip_bytes;    // the content, gzip-compressed
};

// Empty when the binary was built without pages.
std::span<const EmbeddedFile> embedded_files();

}  // namespace sightline::api::ui
