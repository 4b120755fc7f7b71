#include "io/s3_xml.h"

#include <charconv>
#include <optional>

namespace sightline::io {
namespace {

// The text between <name> or <name ...> and </name>, at the first place from `at` on, which moves behind it.
std::optional<std::string_view> element(std::string_view xml, std::string_view name, size_t& at) {
  while ((at = xml.find('<', at)) != std::string_view::npos) {
    ++at;
    if (!xml.substr(at).starts_with(name)) continue;
    const size_t after = at + name.size();
    if (after >= xml.size() || (xml[after] != '>' && xml[after] != ' ' && xml[after] != '/'))
      continue;
    const size_t open_end = xml.find('>', after);
    if (open_end == std::string_view::npos) return std::nullopt;
    if (xml[open_end - 1] == '/') {
      at = open_end + 1;
      return std::string_view();
    }
    const size_t close = xml.find("</" + std::string(name) + ">", open_end);
    if (close == std::string_view::npos) return std::nullopt;
    at = close + name.size() + 3;
    return xml.substr(open_end + 1, close - open_end - 1);
  }
  at = xml.size();
  return std::nullopt;
}

std::optional<std::string_view> element(std::string_view xml, std::string_view name) {
  size_t at = 0;
  return element(xml, name, at);
}

// Keys are ASCII; another character becomes one that no key of ours has.
void append_character(std::string& out, uint64_t code) {
  out += code < 0x80 ? static_cast<char>(code) : '?';
}

bool is_number(std::string_view text, int base, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

constexpr size_t kReferenceBytesMax = 12;  // "&#x10ffff;", with some leading zeros

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t length =
        text[i] == '&' ? text.substr(i, kReferenceBytesMax).find(';') : std::string_view::npos;
    if (length == std::string_view::npos) {
      out += text[i];
      continue;
    }
    const std::string_view name = text.substr(i + 1, length - 1);
    uint64_t code = 0;
    if (name == "amp")
      out += '&';
    else if (name == "lt")
      out += '<';
    else if (name == "gt")
      out += '>';
    else if (name == "quot")
      out += '"';
    else if (name == "apos")
      out += '\'';
    else if (name.starts_with("#x") && is_number(name.substr(2), 16, code))
      append_character(out, code);
    else if (name.starts_with('#') && is_number(name.substr(1), 10, code))
      append_character(out, code);
    else {
      out += text[i];
      continue;
    }
    i += length;
  }
  return out;
}

}  // namespace

Result<ObjectListPage> parse_object_list(std::string_view xml) {
  const auto list = element(xml, "ListBucketResult");
  if (!list) return fail(Errc::kCorrupt, "the answer is not a list of objects");
  ObjectListPage page;
  size_t at = 0;
  while (const auto contents = element(*list, "Contents", at)) {
    const auto key = element(*contents, "Key");
    const auto size = element(*contents, "Size");
    ObjectInfo info;
    if (!key || !size || !is_number(*size, 10, info.bytes))
      return fail(Errc::kCorrupt, "the list of objects is torn");
    info.key = unescaped(*key);
    page.objects.push_back(std::move(info));
  }
  if (const auto more = element(*list, "IsTruncated"); more && *more == "true") {
    const auto token = element(*list, "NextContinuationToken");
    if (!token || token->empty())
      return fail(Errc::kCorrupt, "the list of objects ends without its continuation token");
    page.continuation = unescaped(*token);
  }
  return page;
}

S3Error parse_s3_error(std::string_view xml) {
  S3Error error;
  const auto body = element(xml, "Error");
  if (!body) return error;
  if (const auto code = element(*body, "Code")) error.code = unescaped(*code);
  if (const auto message = element(*body, "Message")) error.message = unescaped(*message);
  return error;
}

}  // namespace sightline::io
