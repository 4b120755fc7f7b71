#pragma once
// A text as a template, shared by many, and the numbers that are its own: "SELECT ... WHERE id = 4711" is the template
// "SELECT ... WHERE id = #" and 4711. Numbers are decimal runs, long hexadecimal runs and UUIDs.
//   Exact    join_text() gives back every byte; text that a template cannot carry stays in it.
//   Format   docs/formats/trace_block.md, "Templates".
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::tracestore {

// Appends the template to `out`, its numbers to `numbers`.
void split_text(std::string_view text, std::string& out, std::vector<uint64_t>& numbers);

// How many numbers the template takes; SIZE_MAX when it is none.
size_t numbers_of_template(std::string_view text_template);

// `numbers` as many as numbers_of_template() says. False when one does not fit its place or the text passes `bytes_max`.
bool join_text(std::string_view text_template, std::span<const uint64_t> numbers, size_t bytes_max,
               std::string& out);

}  // namespace sightline::tracestore
