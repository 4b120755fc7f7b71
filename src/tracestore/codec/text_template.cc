#include "tracestore/codec/text_template.h"

#include <array>
#include <charconv>
#include <utility>

namespace sightline::tracestore {
namespace {

// Bytes of a template that stand for something. A text that has one of them itself gets it behind kLiteral.
enum Mark : char {
  kDecimal = 1,  // digits without leading zero
  kPadded = 2,   // u8 width: digits, leading zeros kept
  kHex = 3,      // u8 width up to 16: lower case
  kLiteral = 4,  // the next byte as it is
  kUuid = 5,     // 8-4-4-4-12 lower case: two numbers
};

constexpr size_t kDecimalDigitsMax = 18;
constexpr size_t kHexDigitsMin = 8;
constexpr size_t kHexDigitsMax = 16;
constexpr size_t kUuidBytes = 36;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
constexpr bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

enum class CharClass : uint8_t { kPlain, kHexLetter, kDigit, kMark };
constexpr std::array<CharClass, 256> kCharClasses = [] {
  std::array<CharClass, 256> classes{};
  for (size_t i = 0; i < classes.size(); ++i) {
    const char c = static_cast<char>(i);
    classes[i] = is_digit(c)                   ? CharClass::kDigit
                 : is_hex(c)                   ? CharClass::kHexLetter
                 : c >= kDecimal && c <= kUuid ? CharClass::kMark
                                               : CharClass::kPlain;
  }
  return classes;
}();
uint64_t hex_digit(char c) { return static_cast<uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10); }

uint64_t hex_number(std::string_view digits) {
  uint64_t number = 0;
  for (const char c : digits) number = number << 4 | hex_digit(c);
  return number;
}

bool is_uuid(std::string_view text) {
  if (text.size() < kUuidBytes) return false;
  for (size_t i = 0; i < kUuidBytes; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

void put_hex(uint64_t number, size_t width, std::string& out) {
  for (size_t i = width; i-- > 0;) out.push_back("0123456789abcdef"[number >> (4 * i) & 15]);
}

void split_uuid(std::string_view text, std::string& out, std::vector<uint64_t>& numbers) {
  std::array<uint64_t, 2> halves{};
  size_t digit = 0;
  for (const char c : text.substr(0, kUuidBytes))
    if (c != '-') {
      halves[digit / 16] = halves[digit / 16] << 4 | hex_digit(c);
      ++digit;
    }
  out.push_back(kUuid);
  numbers.insert(numbers.end(), halves.begin(), halves.end());
}

// How many hexadecimal digits `text` begins with, when they look like a number of their own; else 0.
size_t hex_run(std::string_view text) {
  size_t length = 0, letters = 0;
  while (length < text.size() && is_hex(text[length])) letters += is_digit(text[length++]) ? 0 : 1;
  return letters > 0 && letters < length && length >= kHexDigitsMin &&
                 (length == text.size() || !is_word(text[length]))
             ? length
             : 0;
}

void split_hex(std::string_view text, std::string& out, std::vector<uint64_t>& numbers) {
  for (size_t i = 0; i < text.size(); i += kHexDigitsMax) {
    const auto digits = text.substr(i, std::min(kHexDigitsMax, text.size() - i));
    out.push_back(kHex);
    out.push_back(static_cast<char>(digits.size()));
    numbers.push_back(hex_number(digits));
  }
}

// A run of digits, alone or as the digits of a longer one of hexadecimal ones.
void split_decimal(std::string_view digits, std::string& out, std::vector<uint64_t>& numbers) {
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() > 1 && digits.front() == '0') {
    out.push_back(kPadded);
    out.push_back(static_cast<char>(digits.size()));
  } else {
    out.push_back(kDecimal);
  }
  numbers.push_back(number);
}

}  // namespace

void split_text(std::string_view text, std::string& out, std::vector<uint64_t>& numbers) {
  size_t literal = 0;  // from here on, bytes of the template's own that are still to be put
  const auto end_literal = [&](size_t end) { out.append(text, literal, end - literal); };
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const CharClass of = kCharClasses[static_cast<uint8_t>(c)];
    if (of == CharClass::kPlain) [[likely]] {
      ++at;
      continue;
    }
    if (of == CharClass::kMark) {
      end_literal(at);
      out.push_back(kLiteral);
      literal = at++;
      continue;
    }
    if (at == 0 || !is_word(text[at - 1])) {
      if (is_uuid(text.substr(at)) &&
          (at + kUuidBytes == text.size() || !is_word(text[at + kUuidBytes]))) {
        end_literal(at);
        split_uuid(text.substr(at), out, numbers);
        literal = at += kUuidBytes;
        continue;
      }
      if (const size_t length = hex_run(text.substr(at)); length > 0) {
        end_literal(at);
        split_hex(text.substr(at, length), out, numbers);
        literal = at += length;
        continue;
      }
    }
    if (of != CharClass::kDigit) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end - at <= kDecimalDigitsMax) {
      end_literal(at);
      split_decimal(text.substr(at, end - at), out, numbers);
      literal = end;
    }
    at = end;
  }
  end_literal(text.size());
}

std::optional<TextTemplate> TextTemplate::parse(std::string_view text) {
  TextTemplate made;
  size_t literal = 0;  // where the one at hand begins
  const auto end_literal = [&](size_t end) {
    if (end > literal) made.pieces_.push_back({0, 0, text.substr(literal, end - literal)});
  };
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c < kDecimal || c > kUuid) {
      ++at;
      continue;
    }
    end_literal(at++);
    Piece piece{.mark = c, .literal = {}};
    if (c != kDecimal && c != kUuid) {
      if (at == text.size()) return std::nullopt;
      piece.width = static_cast<uint8_t>(text[at++]);
      if (c == kPadded && (piece.width < 2 || piece.width > kDecimalDigitsMax)) return std::nullopt;
      if (c == kHex && (piece.width < 1 || piece.width > kHexDigitsMax)) return std::nullopt;
    }
    literal = at;
    if (c == kLiteral) {
      --literal;  // the byte begins the text that follows
      continue;
    }
    made.numbers_ += c == kUuid ? 2 : 1;
    made.pieces_.push_back(piece);
  }
  end_literal(text.size());
  return made;
}

namespace {

// What may stand at a place of a piece of fixed width.
bool may_stand(const TextTemplate::Piece& piece, size_t place, char c) {
  switch (piece.mark) {
    case 0: return piece.literal[place] == c;
    case kPadded: return is_digit(c);
    case kUuid:
      return place == 8 || place == 13 || place == 18 || place == 23 ? c == '-' : is_hex(c);
    default: return is_hex(c);
  }
}

size_t width_of(const TextTemplate::Piece& piece) {
  if (piece.mark == 0) return piece.literal.size();
  return piece.mark == kUuid ? kUuidBytes : piece.width;
}

}  // namespace

// From the last piece to the first: which ends of `text` may begin with the piece. A number counts as any digits of up to
// its length.
bool TextTemplate::may_hold(std::string_view text, std::span<const unsigned> digits_max) const {
  std::vector<uint8_t> behind(text.size() + 1, 0);  // of the next piece, by where the end begins
  behind[text.size()] = 1;
  size_t number = numbers_;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    std::vector<uint8_t> here(text.size() + 1, 0);
    here[text.size()] = 1;
    if (piece->mark == kDecimal) {
      const unsigned digits = digits_max[--number];
      for (size_t i = 0; i < text.size(); ++i)
        for (size_t k = 0; k < digits && i + k < text.size() && is_digit(text[i + k]); ++k)
          here[i] |= behind[i + k + 1];
      if (here[0] != 0) return true;
      behind = std::move(here);
      continue;
    }
    number -= piece->mark == 0 ? 0 : piece->mark == kUuid ? 2 : 1;
    const size_t width = width_of(*piece);
    const auto fits = [&](size_t i, size_t from) {
      size_t n = 0;
      while (from + n < width && i + n < text.size() && may_stand(*piece, from + n, text[i + n]))
        ++n;
      return from + n == width ? behind[i + n] != 0 : i + n == text.size();
    };
    for (size_t from = 0; from < width; ++from)
      if (fits(0, from)) return true;
    for (size_t i = 1; i < text.size(); ++i) here[i] = fits(i, 0) ? 1 : 0;
    behind = std::move(here);
  }
  return text.empty();
}

bool TextTemplate::join(const uint64_t* numbers, size_t bytes_max, std::string& out) const {
  const size_t begin = out.size();
  for (const Piece& piece : pieces_) {
    if (out.size() - begin > bytes_max) return false;
    switch (piece.mark) {
      case 0: out.append(piece.literal); break;
      case kUuid: {
        std::string digits;
        put_hex(*numbers++, 16, digits);
        put_hex(*numbers++, 16, digits);
        for (size_t i = 0; i < digits.size(); ++i) {
          if (i == 8 || i == 12 || i == 16 || i == 20) out.push_back('-');
          out.push_back(digits[i]);
        }
        break;
      }
      case kHex: {
        const uint64_t number = *numbers++;
        if (piece.width < 16 && number >> (4 * piece.width) != 0) return false;
        put_hex(number, piece.width, out);
        break;
      }
      default: {
        std::array<char, 24> digits;
        const auto end =
            std::to_chars(digits.data(), digits.data() + digits.size(), *numbers++).ptr;
        const auto length = static_cast<size_t>(end - digits.data());
        if (piece.mark == kPadded) {
          if (length > piece.width) return false;
          out.append(piece.width - length, '0');
        }
        out.append(digits.data(), length);
      }
    }
  }
  return out.size() - begin <= bytes_max;
}

size_t numbers_of_template(std::string_view text_template) {
  const auto parsed = TextTemplate::parse(text_template);
  return parsed ? parsed->numbers() : SIZE_MAX;
}

bool join_text(std::string_view text_template, std::span<const uint64_t> numbers, size_t bytes_max,
               std::string& out) {
  const auto parsed = TextTemplate::parse(text_template);
  return parsed && parsed->numbers() == numbers.size() &&
         parsed->join(numbers.data(), bytes_max, out);
}

}  // namespace sightline::tracestore
