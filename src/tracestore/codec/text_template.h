#pragma once
// A text as a template, shared by many, and the numbers that are its own: "SELECT ... WHERE id = 4711" is the template
// "SELECT ... WHERE id = #" and 4711. Numbers are decimal runs, long hexadecimal runs and UUIDs.
//   Exact    join_text() gives back every byte; text that a template cannot carry stays in it.
//   Format   docs/formats/trace_block.md, "Templates".
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::tracestore {

// Appends the template to `out`, its numbers to `numbers`.
void split_text(std::string_view text, std::string& out, std::vector<uint64_t>& numbers);

// A template taken apart, to be filled many times. Views of its text.
class TextTemplate {
 public:
  static std::optional<TextTemplate> parse(std::string_view text);
  size_t numbers() const { return numbers_; }
  // Appends the text. `numbers` as many as it takes; false when one does not fit its place or the text passes `bytes_max`.
  bool join(const uint64_t* numbers, size_t bytes_max, std::string& out) const;
  // False when no text made of it holds `text`, however its numbers are; those of decimal digits have no more than
  // `digits_max` says of each number.
  bool may_hold(std::string_view text, std::span<const unsigned> digits_max) const;
  // Bytes of the text that are the template's own, in pieces between numbers.
  struct Piece {
    char mark = 0;  // 0: `literal`
    uint8_t width = 0;
    std::string_view literal;
  };
  std::span<const Piece> pieces() const { return pieces_; }

 private:
  std::vector<Piece> pieces_;
  size_t numbers_ = 0;
};

// How many numbers the template takes; SIZE_MAX when it is none.
size_t numbers_of_template(std::string_view text_template);

// `numbers` as many as numbers_of_template() says. False when one does not fit its place or the text passes `bytes_max`.
bool join_text(std::string_view text_template, std::span<const uint64_t> numbers, size_t bytes_max,
               std::string& out);

}  // namespace sightline::tracestore
