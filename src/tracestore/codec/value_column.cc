#include "tracestore/codec/value_column.h"

#include <algorithm>
#include <numeric>

#include <absl/container/flat_hash_map.h>

#include "tracestore/block/block_format.h"
#include "tracestore/codec/integer_codec.h"
#include "tracestore/codec/text_template.h"

namespace sightline::tracestore {
namespace {

using model::ValueKind;
using model::ValueView;

constexpr double kPowersOfTen[] = {1, 10, 100, 1000, 10000};
constexpr uint32_t kSlotsMax = 1u << 20;
constexpr size_t kSegmentValueBytesMax = 1u << 28;  // one value may be as long as a request
constexpr size_t kDistinctSlack = 4096;
constexpr size_t kDistinctPerByte = 64;

bool is_integer(ValueKind kind) { return kind == ValueKind::kInt || kind == ValueKind::kBool; }
bool is_bytes(ValueKind kind) {
  return kind == ValueKind::kString || kind == ValueKind::kBytes || kind == ValueKind::kArray ||
         kind == ValueKind::kKvlist;
}

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "value column: ", what);
}

unsigned decimal_digits(uint64_t number) {
  unsigned digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return digits;
}

// Whether what was read since `begin` is as it was written.
bool is_sound_since(const char* begin, ByteReader& in, const ByteGuard* guard) {
  const char* const end = in.bytes(0).data();
  return in.ok() && is_sound(guard, {begin, static_cast<size_t>(end - begin)});
}
// What read_value() reads.
inline void skip_value(ByteReader& in) {
  const auto kind = static_cast<ValueKind>(in.u8());
  if (is_bytes(kind))
    in.sized();
  else if (is_integer(kind))
    in.uvarint();
  else if (kind == ValueKind::kDouble)
    in.le<uint64_t>();
  else if (kind != ValueKind::kEmpty)
    in.bytes(SIZE_MAX);  // fails the reader
}
constexpr std::string_view kUnsound = "its checksum does not match";

}  // namespace

// Texts as a column of templates, in pages of kTemplatedPage.
struct ValueDictionary::Templated {
  ValueColumnReader column;
  std::vector<std::vector<ValueView>> pages;       // read as a whole
  absl::flat_hash_map<uint32_t, ValueView> known;  // of other pages, by index
  uint64_t known_bytes = 0;                        // of their texts
};

struct ValueColumnReader::Storage {
  ValueDictionary dictionary;                          // values; or templates
  std::vector<uint32_t> first_slot;                    // of each template, and behind the last
  std::vector<std::optional<TextTemplate>> templates;  // as they were asked for

  Result<const TextTemplate*> template_of(uint32_t code) {
    auto& known = templates[code];
    if (!known) {
      const auto value = dictionary.at(code);
      if (!value) return std::unexpected(value.error());
      if (value->kind == ValueKind::kString) known = TextTemplate::parse(value->bytes);
      if (!known || known->numbers() != first_slot[code + 1] - first_slot[code]) {
        known.reset();
        return torn("a template is torn");
      }
    }
    return &*known;
  }
};

Result<ValueDictionary> ValueDictionary::open(ByteReader& in, size_t count, const ByteGuard* guard,
                                              int depth) {
  ValueDictionary dictionary;
  dictionary.count_ = count;
  dictionary.guard_ = guard;
  const char* const begin = in.bytes(0).data();
  const uint8_t form = in.u8();
  if (!in.ok() || form > 1 || (form == 1 && depth > 0))
    return torn("form of a dictionary is unknown");
  if (form == 1) {
    if (!is_sound_since(begin, in, guard)) return torn(kUnsound);
    const size_t page_count = (count + kTemplatedPage - 1) / kTemplatedPage;
    // Distinct values take some bytes each: what is claimed must not make us allocate much more than there is.
    if (count > kDistinctSlack + kDistinctPerByte * in.remaining())
      return torn("more values than its bytes can hold");
    auto column = ValueColumnReader::open(in.bytes(in.remaining()), 1,
                                          static_cast<uint32_t>(page_count), guard, depth + 1);
    if (!column) return std::unexpected(std::move(column).error());
    if (column->has_dictionary()) return torn("a dictionary within a dictionary");
    dictionary.templated_ = std::make_shared<Templated>();
    dictionary.templated_->column = std::move(*column);
    dictionary.templated_->pages.resize(page_count);
    return dictionary;
  }
  const uint64_t segment_count = in.uvarint();
  if (!in.ok() || segment_count > in.remaining() / 2) return torn("segments are torn");
  dictionary.segments_.reserve(segment_count);
  std::vector<uint64_t> lengths;
  size_t first = 0;
  for (uint64_t i = 0; i < segment_count; ++i) {
    dictionary.segments_.push_back({first, {}});
    const uint64_t values = in.uvarint();
    if (values == 0 || values > count - first) return torn("segments do not add up");
    first += values;
    lengths.push_back(in.uvarint());
  }
  if (first != count) return torn("segments do not add up");
  if (!is_sound_since(begin, in, guard)) return torn(kUnsound);
  for (uint64_t i = 0; i < segment_count; ++i) dictionary.segments_[i].bytes = in.bytes(lengths[i]);
  if (!in.ok() || !in.at_end()) return torn("segments are torn");
  dictionary.loaded_ =
      std::make_shared<std::vector<std::unique_ptr<const Loaded>>>(dictionary.segments_.size());
  return dictionary;
}

// Sound: load_segment() read it before.
ValueView ValueDictionary::Loaded::at(size_t index) const {
  ByteReader value(std::string_view(content).substr(begins[index]));
  return read_value(value);
}

Status ValueDictionary::load_segment(size_t number) const {
  if ((*loaded_)[number]) return {};
  const Segment& segment = segments_[number];
  const size_t count =
      (number + 1 < segments_.size() ? segments_[number + 1].first : count_) - segment.first;
  if (!is_sound(guard_, segment.bytes)) return torn(kUnsound);
  ByteReader in(segment.bytes);
  auto content = decode_bytes(in, kSegmentBytes + kSegmentValueBytesMax);
  if (!content) return std::unexpected(in_context("value column", std::move(content).error()));
  if (!in.at_end() || count > content->size()) return torn("contents are torn");
  auto loaded = std::make_unique<Loaded>();
  loaded->content = std::move(*content);
  loaded->begins.resize(count);
  ByteReader values(loaded->content);
  for (uint32_t& begin : loaded->begins) {
    begin = static_cast<uint32_t>(values.offset());
    skip_value(values);
  }
  if (!values.ok() || !values.at_end()) return torn("contents are torn");
  (*loaded_)[number] = std::move(loaded);
  return {};
}

Status ValueDictionary::load_page(size_t number) const {
  auto& page = templated_->pages[number];
  if (!page.empty()) return {};
  const std::vector<uint32_t> contexts(
      std::min<size_t>(kTemplatedPage, count_ - number * kTemplatedPage), 0);
  auto status = templated_->column.read(static_cast<uint32_t>(number), contexts, page);
  if (!status) page.clear();
  return status;
}

// `indices` ascend, all on the page.
Status ValueDictionary::load_some(size_t number, std::span<const uint32_t> indices) const {
  std::vector<uint32_t> unknown;
  for (const uint32_t index : indices)
    if (!templated_->known.contains(index)) unknown.push_back(index);
  if (unknown.empty()) return {};
  const auto first = static_cast<uint32_t>(number * kTemplatedPage);
  std::vector<model::Run> wanted;
  for (const uint32_t index : unknown) wanted.push_back({index - first, 1});
  const std::vector<uint32_t> contexts(unknown.back() - first + 1, 0);
  std::vector<ValueView> values;
  if (auto status =
          templated_->column.read_some(static_cast<uint32_t>(number), contexts, wanted, values);
      !status)
    return status;
  for (size_t i = 0; i < unknown.size(); ++i) {
    templated_->known.emplace(unknown[i], values[i]);
    templated_->known_bytes += values[i].bytes.size();
  }
  return {};
}

Status ValueDictionary::prepare(std::vector<uint32_t>& indices) const {
  if (!templated_) return {};  // a segment is read as a whole
  std::ranges::sort(indices);
  const auto [behind, end] = std::ranges::unique(indices);
  indices.erase(behind, end);
  for (size_t begin = 0; begin < indices.size();) {
    const size_t page = indices[begin] / kTemplatedPage;
    size_t last = begin + 1;
    while (last < indices.size() && indices[last] / kTemplatedPage == page) ++last;
    // When it has many of them, at() reads the page as a whole.
    if (templated_->pages[page].empty() && last - begin <= kTemplatedPage / 4)
      if (auto status = load_some(page, std::span(indices).subspan(begin, last - begin)); !status)
        return status;
    begin = last;
  }
  return {};
}

Result<ValueView> ValueDictionary::at(size_t index) const {
  if (templated_) {
    if (templated_->pages[index / kTemplatedPage].empty())
      if (const auto known = templated_->known.find(static_cast<uint32_t>(index));
          known != templated_->known.end())
        return known->second;
    if (auto status = load_page(index / kTemplatedPage); !status)
      return std::unexpected(std::move(status).error());
    return templated_->pages[index / kTemplatedPage][index % kTemplatedPage];
  }
  size_t number = 0;
  if (segments_.size() > 1) {
    const auto next = std::upper_bound(segments_.begin(), segments_.end(), index,
                                       [](size_t i, const Segment& s) { return i < s.first; });
    number = static_cast<size_t>(next - segments_.begin()) - 1;
  }
  if (auto status = load_segment(number); !status)
    return std::unexpected(std::move(status).error());
  return (*loaded_)[number]->at(index - segments_[number].first);
}

Status ValueDictionary::read_all(std::vector<ValueView>& out) const {
  if (templated_) {
    std::vector<uint32_t> pages(templated_->pages.size());
    std::iota(pages.begin(), pages.end(), 0);
    std::vector<uint32_t> counts(pages.size(), kTemplatedPage);
    if (count_ % kTemplatedPage != 0) counts.back() = count_ % kTemplatedPage;
    const std::vector<uint32_t> contexts(count_, 0);
    return templated_->column.read({pages, counts, contexts}, out);
  }
  for (size_t number = 0; number < segments_.size(); ++number) {
    if (auto status = load_segment(number); !status) return status;
    ByteReader values((*loaded_)[number]->content);
    while (!values.at_end()) out.push_back(read_value(values));
  }
  return {};
}

Result<ValueColumnReader> ValueColumnReader::open(std::string_view bytes, uint32_t context_count,
                                                  uint32_t page_count, const ByteGuard* guard,
                                                  int depth) {
  ValueColumnReader reader;
  reader.guard_ = guard;
  reader.storage_ = std::make_shared<Storage>();
  ByteReader in(bytes);
  const uint8_t layout = in.u8();
  if (!in.ok() || layout > static_cast<uint8_t>(Layout::kTemplates))
    return torn("layout is unknown");
  if (!is_sound_since(bytes.data(), in, guard)) return torn(kUnsound);
  reader.layout_ = static_cast<Layout>(layout);
  Status status;
  switch (reader.layout_) {
    case Layout::kDictionary:
      status = reader.open_codes(in, context_count, page_count, depth);
      break;
    case Layout::kTemplates:
      status = reader.open_templates(in, context_count, page_count, depth);
      break;
    default: status = reader.open_numbers(in, context_count, page_count);
  }
  if (!status) return std::unexpected(std::move(status).error());
  return reader;
}

Status ValueColumnReader::open_numbers(ByteReader& in, uint32_t context_count,
                                       uint32_t page_count) {
  const char* const begin = in.bytes(0).data();
  if (layout_ == Layout::kDecimals) scale_ = in.u8();
  base_ = in.svarint();
  if (!in.ok() || scale_ >= std::size(kPowersOfTen)) return torn("numbers are torn");
  if (!is_sound_since(begin, in, guard_)) return torn(kUnsound);
  auto numbers = PagedIntegers::open(in.bytes(in.remaining()), context_count, page_count, guard_);
  if (!numbers) return std::unexpected(std::move(numbers).error());
  codes_ = std::move(*numbers);
  return {};
}

// The dictionary and the codes into it; up to the end of `in`.
Status ValueColumnReader::open_codes(ByteReader& in, uint32_t context_count, uint32_t page_count,
                                     int depth) {
  const char* begin = in.bytes(0).data();
  const uint64_t count = in.uvarint();
  const uint64_t content_bytes = in.uvarint();
  if (!is_sound_since(begin, in, guard_)) return torn("dictionary is torn");
  ByteReader content(in.bytes(content_bytes));
  if (!in.ok() || count == 0 || count > kEntriesMax) return torn("dictionary is torn");
  auto dictionary = ValueDictionary::open(content, count, guard_, depth);
  if (!dictionary) return std::unexpected(std::move(dictionary).error());
  storage_->dictionary = std::move(*dictionary);
  if (count == 1) return in.at_end() ? Status{} : torn("bytes behind the dictionary");
  begin = in.bytes(0).data();
  ByteReader list(in.sized());
  const auto usual = decode_integers(list, context_count);
  if (!usual || !list.at_end()) return torn("usual codes are torn");
  usual_.reserve(context_count);
  for (const uint64_t code : *usual) {
    if (code >= count) return torn("a usual code is out of range");
    usual_.push_back(static_cast<uint32_t>(code));
  }
  const uint64_t new_count = in.uvarint();
  if (!in.ok() || new_count > count) return torn("codes are torn");
  if (new_count > 0) {
    ByteReader counts(in.sized());
    const auto in_page = decode_integers(counts, page_count);
    if (!in_page || !counts.at_end()) return torn("new values are torn");
    new_from_.reserve(page_count);
    uint64_t next = count - new_count;
    for (const uint64_t of_page : *in_page) {
      new_from_.push_back(static_cast<uint32_t>(next));
      if (of_page > count - next) return torn("new values do not add up");
      next += of_page;
    }
  }
  if (!is_sound_since(begin, in, guard_)) return torn(kUnsound);
  auto codes = PagedIntegers::open(in.bytes(in.remaining()), context_count, page_count, guard_);
  if (!codes) return std::unexpected(std::move(codes).error());
  codes_ = std::move(*codes);
  return {};
}

Status ValueColumnReader::open_templates(ByteReader& in, uint32_t context_count,
                                         uint32_t page_count, int depth) {
  const char* begin = in.bytes(0).data();
  const uint64_t template_bytes = in.uvarint();
  if (!is_sound_since(begin, in, guard_)) return torn("templates are torn");
  ByteReader templates(in.bytes(template_bytes));
  if (!in.ok()) return torn("templates are torn");
  if (auto status = open_codes(templates, context_count, page_count, depth); !status) return status;
  const size_t count = storage_->dictionary.count();
  if (count > kTemplatesMax) return torn("too many templates");
  begin = in.bytes(0).data();
  ByteReader list(in.sized());
  const auto numbers_of = decode_integers(list, count);
  if (!numbers_of || !list.at_end()) return torn("templates are torn");
  if (!is_sound_since(begin, in, guard_)) return torn(kUnsound);
  uint64_t slots = 0;
  storage_->first_slot.reserve(count + 1);
  for (const uint64_t numbers : *numbers_of) {
    storage_->first_slot.push_back(static_cast<uint32_t>(slots));
    if (numbers > kSlotsMax - slots) return torn("a template takes too many numbers");
    slots += numbers;
  }
  storage_->first_slot.push_back(static_cast<uint32_t>(slots));
  storage_->templates.resize(count);
  auto numbers = PagedIntegers::open(in.bytes(in.remaining()), static_cast<uint32_t>(slots),
                                     page_count, guard_);
  if (!numbers) return std::unexpected(std::move(numbers).error());
  slots_ = std::move(*numbers);
  return {};
}

Status ValueColumnReader::read_numbers(const Pages& pages, std::vector<uint64_t>& out) const {
  out.resize(pages.contexts.size());
  PagedIntegers::Parts<uint64_t> parts;
  size_t at = 0;
  for (size_t i = 0; i < pages.numbers.size(); at += pages.counts[i++])
    parts.push_back({pages.numbers[i], pages.counts[i], pages.contexts.data() + at, out.data() + at,
                     pages.whole});
  return codes_.read(parts);
}

Status ValueColumnReader::read_codes(const Pages& pages, std::vector<uint32_t>& out) const {
  const size_t count = storage_->dictionary.count();
  const size_t begin = out.size();
  out.resize(begin + pages.contexts.size(), 0);
  if (count == 1 || pages.contexts.empty()) return {};
  if (std::ranges::max(pages.contexts) >= usual_.size()) return torn("context is out of range");
  PagedIntegers::Parts<uint32_t> parts;
  size_t at = 0;
  for (size_t i = 0; i < pages.numbers.size(); at += pages.counts[i++])
    parts.push_back({pages.numbers[i], pages.counts[i], pages.contexts.data() + at,
                     out.data() + begin + at, pages.whole});
  if (auto status = codes_.read(parts); !status) return status;
  uint32_t* code = out.data() + begin;
  at = 0;
  for (size_t i = 0; i < pages.numbers.size(); ++i) {
    if (!new_from_.empty() && pages.numbers[i] >= new_from_.size())
      return torn("page is out of range");
    uint64_t next = new_from_.empty() ? count : new_from_[pages.numbers[i]];
    uint64_t largest = 0;
    for (const size_t end = at + pages.counts[i]; at < end; ++at, ++code) {
      const uint64_t symbol = *code;
      const uint64_t value = symbol == 0   ? usual_[pages.contexts[at]]
                             : symbol == 1 ? next++
                                           : symbol - 2;
      largest = std::max(largest, value);
      *code = static_cast<uint32_t>(value);
    }
    if (largest >= count) return torn("code is out of range");
  }
  return {};
}

Status ValueColumnReader::read(uint32_t page, std::span<const uint32_t> contexts,
                               std::vector<ValueView>& out) const {
  const auto count = static_cast<uint32_t>(contexts.size());
  return read({{&page, 1}, {&count, 1}, contexts}, out);
}

Status ValueColumnReader::read(const Pages& pages, std::vector<ValueView>& out) const {
  const model::Run all{0, static_cast<uint32_t>(pages.contexts.size())};
  return read_wanted(pages, {&all, 1}, out);
}

Status ValueColumnReader::read_some(uint32_t page, std::span<const uint32_t> contexts,
                                    std::span<const model::Run> wanted,
                                    std::vector<ValueView>& out) const {
  const auto count = static_cast<uint32_t>(contexts.size());
  return read_wanted({{&page, 1}, {&count, 1}, contexts, false}, wanted, out);
}

Status ValueColumnReader::read_wanted(const Pages& pages, std::span<const model::Run> wanted,
                                      std::vector<ValueView>& out) const {
  size_t total = out.size();
  for (const model::Run run : wanted) total += run.count;
  out.reserve(total);
  if (layout_ == Layout::kTemplates) return read_texts(pages, wanted, out);
  if (layout_ == Layout::kDictionary) {
    std::vector<uint32_t> codes;
    if (auto status = read_codes(pages, codes); !status) return status;
    if (!pages.whole) {
      std::vector<uint32_t> needed;
      for (const model::Run run : wanted)
        needed.insert(needed.end(), codes.begin() + run.begin,
                      codes.begin() + run.begin + run.count);
      if (auto status = storage_->dictionary.prepare(needed); !status) return status;
    }
    for (const model::Run run : wanted)
      for (uint32_t i = run.begin; i < run.begin + run.count; ++i) {
        const auto value = storage_->dictionary.at(codes[i]);
        if (!value) return std::unexpected(value.error());
        out.push_back(*value);
      }
    return {};
  }
  std::vector<uint64_t> numbers;
  if (auto status = read_numbers(pages, numbers); !status) return status;
  for (const model::Run run : wanted)
    for (uint32_t i = run.begin; i < run.begin + run.count; ++i) {
      const auto value = static_cast<int64_t>(static_cast<uint64_t>(base_) + numbers[i]);
      out.push_back(layout_ == Layout::kIntegers
                        ? ValueView::of_int(value)
                        : ValueView::of_double(static_cast<double>(value) / kPowersOfTen[scale_]));
    }
  return {};
}

Status ValueColumnReader::read_texts(const Pages& pages, std::span<const model::Run> wanted,
                                     std::vector<ValueView>& out) const {
  std::vector<uint32_t> codes;
  if (auto status = read_codes(pages, codes); !status) return status;
  const auto& first_slot = storage_->first_slot;
  std::vector<uint32_t> slots, counts;
  std::vector<uint32_t> begins(codes.size());  // of each text's numbers
  size_t at = 0;
  for (const uint32_t of_page : pages.counts) {
    const size_t before = slots.size();
    for (const size_t end = at + of_page; at < end; ++at) {
      begins[at] = static_cast<uint32_t>(slots.size());
      for (uint32_t slot = first_slot[codes[at]]; slot < first_slot[codes[at] + 1]; ++slot)
        slots.push_back(slot);
    }
    if (slots.size() > kEntriesMax) return torn("too many numbers");
    counts.push_back(static_cast<uint32_t>(slots.size() - before));
  }
  std::vector<uint64_t> numbers(slots.size());
  PagedIntegers::Parts<uint64_t> parts;
  at = 0;
  for (size_t i = 0; i < counts.size(); at += counts[i++])
    parts.push_back(
        {pages.numbers[i], counts[i], slots.data() + at, numbers.data() + at, pages.whole});
  if (auto status = slots_.read(parts); !status) return status;
  if (!texts_) texts_ = std::make_shared<std::deque<std::string>>();
  std::string& text = texts_->emplace_back();
  std::vector<size_t> ends;
  for (const model::Run run : wanted)
    for (uint32_t i = run.begin; i < run.begin + run.count; ++i) {
      const auto of_code = storage_->template_of(codes[i]);
      if (!of_code) return std::unexpected(of_code.error());
      if (!(*of_code)->join(numbers.data() + begins[i], kChunkBytesMax - text.size(), text))
        return torn("a number does not fit its template");
      ends.push_back(text.size());
    }
  size_t begin = 0;
  for (const size_t end : ends) {
    out.push_back(ValueView::of_string(std::string_view(text).substr(begin, end - begin)));
    begin = end;
  }
  return {};
}

std::shared_ptr<const void> ValueColumnReader::storage() const {
  if (!texts_) return storage_;
  using Both = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  return std::make_shared<const Both>(storage_, texts_);
}

uint64_t ValueDictionary::memory_bytes() const {
  uint64_t bytes = segments_.capacity() * (sizeof(Segment) + sizeof(void*));
  if (loaded_)
    for (const auto& segment : *loaded_)
      if (segment)
        bytes += sizeof(Loaded) + segment->content.capacity() +
                 segment->begins.capacity() * sizeof(segment->begins[0]);
  if (!templated_) return bytes;
  bytes += templated_->column.memory_bytes() + templated_->pages.capacity() * sizeof(void*) * 3;
  // A text that was made alone has a string of its own.
  bytes += templated_->known.capacity() * (sizeof(uint32_t) + sizeof(ValueView) + 8) +
           templated_->known.size() * sizeof(std::string) + templated_->known_bytes;
  for (const auto& page : templated_->pages) {
    bytes += page.capacity() * sizeof(ValueView);
    for (const ValueView& value : page) bytes += value.bytes.size();
  }
  return bytes;
}

uint64_t ValueColumnReader::memory_bytes() const {
  return sizeof(*this) + sizeof(Storage) + codes_.memory_bytes() + slots_.memory_bytes() +
         (usual_.capacity() + new_from_.capacity() + storage_->first_slot.capacity()) *
             sizeof(uint32_t) +
         storage_->templates.capacity() * 2 * sizeof(storage_->templates[0]) +
         storage_->dictionary.memory_bytes();
}

Result<bool> ValueDictionary::may_hold(std::string_view text) const {
  if (!templated_) return true;
  return templated_->column.may_hold(text);
}

Result<bool> ValueColumnReader::may_hold(std::string_view text) const {
  if (layout_ == Layout::kDictionary) return storage_->dictionary.may_hold(text);
  if (layout_ != Layout::kTemplates) return false;
  std::vector<unsigned> digits;
  for (uint32_t code = 0; code < storage_->templates.size(); ++code) {
    const auto of_code = storage_->template_of(code);
    if (!of_code) return std::unexpected(of_code.error());
    digits.clear();
    for (uint32_t slot = storage_->first_slot[code]; slot < storage_->first_slot[code + 1];
         ++slot) {
      const auto bound = slots_.bound_of(slot);
      if (!bound) return std::unexpected(bound.error());
      digits.push_back(decimal_digits(*bound));
    }
    if ((*of_code)->may_hold(text, digits)) return true;
  }
  return false;
}

size_t ValueColumnReader::distinct() const { return storage_->dictionary.count(); }

Result<std::vector<ValueView>> ValueColumnReader::dictionary() const {
  std::vector<ValueView> values;
  if (auto status = storage_->dictionary.read_all(values); !status)
    return std::unexpected(std::move(status).error());
  return values;
}

std::string value_encoding_name(std::string_view bytes) {
  constexpr std::string_view names[] = {"dictionary", "integers", "decimals", "templates"};
  const auto layout = bytes.empty() ? SIZE_MAX : static_cast<uint8_t>(bytes.front());
  return layout < std::size(names) ? std::string(names[layout]) : "?";
}

void append_value(std::string& out, const ValueView& value) {
  out.push_back(static_cast<char>(value.kind));
  if (is_integer(value.kind)) append_svarint(out, value.int_value);
  if (value.kind == ValueKind::kDouble) append_le<int64_t>(out, value.int_value);
  if (is_bytes(value.kind)) append_sized(out, value.bytes);
}

ValueView read_value(ByteReader& in) {
  const uint8_t kind = in.u8();
  if (kind > static_cast<uint8_t>(ValueKind::kKvlist)) {
    in.bytes(SIZE_MAX);  // fails the reader
    return {};
  }
  ValueView value{.kind = static_cast<ValueKind>(kind)};
  if (is_integer(value.kind)) value.int_value = in.svarint();
  if (value.kind == ValueKind::kDouble) value.int_value = in.le<int64_t>();
  if (is_bytes(value.kind)) value.bytes = in.sized();
  return value;
}

}  // namespace sightline::tracestore
