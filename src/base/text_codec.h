#pragma once
// Bytes as text and back: hex, base64 (RFC 4648 section 4), UTF-8 checking.
#include <optional>
#include <string>
#include <string_view>

namespace sightline {

std::string hex_encode(std::string_view bytes);  // lower case
std::optional<std::string> hex_decode(
    std::string_view hex);  // either case; nullopt on odd length or other digits
std::string base64_encode(std::string_view bytes);  // padded, standard alphabet
std::optional<std::string> base64_decode(
    std::string_view text);                 // padding optional; standard and URL alphabets
bool is_valid_utf8(std::string_view text);  // rejects surrogates and overlong forms
// Replaces every invalid sequence by U+FFFD.
std::string to_valid_utf8(std::string_view text);
// Appends `text` as the inside of a JSON string (quotes not included); invalid
// UTF-8 becomes U+FFFD, control characters are escaped.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace sightline
