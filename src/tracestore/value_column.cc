#include "tracestore/value_column.h"

#include <algorithm>

#include "tracestore/block_format.h"
#include "tracestore/integer_codec.h"
#include "tracestore/text_template.h"

namespace sightline::tracestore {
namespace {

using model::ValueKind;
using model::ValueView;

constexpr double kPowersOfTen[] = {1, 10, 100, 1000, 10000};
constexpr uint32_t kSlotsMax = 1u << 20;
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

}  // namespace

// What segments decompressed to, when somebody asked. An address never changes, so views of it stay valid.
struct ValueDictionary::Loaded {
  std::vector<std::unique_ptr<const std::string>> segments;
  std::vector<uint64_t> begins;  // of each value in the joined contents of its segment
  std::vector<uint64_t> segment_bytes;
};

// Texts as a column of templates, in pages of kTemplatedPage.
struct ValueDictionary::Templated {
  std::string bytes;
  ValueColumnReader column;
  std::vector<std::vector<ValueView>> pages;
};

Result<ValueDictionary> ValueDictionary::open(ByteReader& in, size_t count, int depth) {
  ValueDictionary dictionary;
  dictionary.count_ = count;
  const uint8_t form = in.u8();
  if (!in.ok() || form > 1 || (form == 1 && depth > 0))
    return torn("form of a dictionary is unknown");
  // Distinct values take some bytes each: what is claimed must not make us allocate much more than there is.
  if (count > kDistinctSlack + kDistinctPerByte * in.remaining())
    return torn("more values than its bytes can hold");
  if (form == 1) {
    const size_t page_count = (count + kTemplatedPage - 1) / kTemplatedPage;
    auto column = ValueColumnReader::open(in.bytes(in.remaining()), 1,
                                          static_cast<uint32_t>(page_count), depth + 1);
    if (!column) return std::unexpected(std::move(column).error());
    if (column->has_dictionary()) return torn("a dictionary within a dictionary");
    dictionary.templated_ = std::make_shared<Templated>();
    dictionary.templated_->column = std::move(*column);
    dictionary.templated_->pages.resize(page_count);
    return dictionary;
  }
  const auto kinds = decode_integers(in, count);
  if (!kinds) return torn("kinds are torn");
  size_t integer_count = 0, double_count = 0, bytes_count = 0;
  for (const uint64_t kind : *kinds) {
    if (kind > static_cast<uint64_t>(ValueKind::kKvlist)) return torn("unknown kind");
    integer_count += is_integer(static_cast<ValueKind>(kind)) ? 1 : 0;
    double_count += kind == static_cast<uint64_t>(ValueKind::kDouble) ? 1 : 0;
    bytes_count += is_bytes(static_cast<ValueKind>(kind)) ? 1 : 0;
  }
  const auto integers = decode_integers(in, integer_count);
  const auto doubles = integers ? decode_integers(in, double_count) : integers;
  const auto lengths = doubles ? decode_integers(in, bytes_count) : doubles;
  if (!lengths) return torn("numbers are torn");
  auto loaded = std::make_shared<Loaded>();
  dictionary.values_.resize(count);
  size_t integer = 0, real = 0, length = 0;
  uint64_t segment_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    ValueView& value = dictionary.values_[i];
    value.kind = static_cast<ValueKind>((*kinds)[i]);
    if (is_integer(value.kind)) value.int_value = unzigzag((*integers)[integer++]);
    if (value.kind == ValueKind::kDouble)
      value.int_value = static_cast<int64_t>((*doubles)[real++]);
    if (bytes_count == 0) continue;
    dictionary.segment_of_.push_back(static_cast<uint32_t>(loaded->segment_bytes.size()));
    loaded->begins.push_back(segment_bytes);
    if (!is_bytes(value.kind)) continue;
    const uint64_t size = (*lengths)[length++];
    if (size > kChunkBytesMax) return torn("a value is too long");
    value.bytes = std::string_view(nullptr, 0);
    segment_bytes += size;
    if (segment_bytes < kSegmentBytes) continue;
    loaded->segment_bytes.push_back(segment_bytes);
    segment_bytes = 0;
  }
  if (segment_bytes > 0) loaded->segment_bytes.push_back(segment_bytes);
  // Segments are found by skipping: each says how long it is.
  for (size_t i = 0; i < loaded->segment_bytes.size(); ++i) {
    const auto segment = skip_bytes(in);
    if (segment.empty()) return torn("contents are torn");
    dictionary.segments_.push_back(segment);
  }
  if (!in.at_end()) return torn("bytes behind the contents");
  loaded->segments.resize(dictionary.segments_.size());
  dictionary.lengths_.reserve(count);
  length = 0;
  for (const ValueView& value : dictionary.values_)
    dictionary.lengths_.push_back(is_bytes(value.kind) ? static_cast<uint32_t>((*lengths)[length++])
                                                       : 0);
  dictionary.loaded_ = std::move(loaded);
  return dictionary;
}

Result<ValueView> ValueDictionary::at(size_t index) const {
  if (templated_) {
    auto& page = templated_->pages[index / kTemplatedPage];
    if (page.empty()) {
      const size_t begin = index / kTemplatedPage * kTemplatedPage;
      const std::vector<uint32_t> contexts(std::min<size_t>(kTemplatedPage, count_ - begin), 0);
      if (auto status = templated_->column.read(static_cast<uint32_t>(index / kTemplatedPage),
                                                contexts, page);
          !status) {
        page.clear();
        return std::unexpected(std::move(status).error());
      }
    }
    return page[index % kTemplatedPage];
  }
  ValueView value = values_[index];
  if (!is_bytes(value.kind) || lengths_[index] == 0) {
    if (is_bytes(value.kind)) value.bytes = std::string_view();
    return value;
  }
  const uint32_t segment = segment_of_[index];
  auto& content = loaded_->segments[segment];
  if (!content) {
    ByteReader in(segments_[segment]);
    auto bytes = decode_bytes(in, loaded_->segment_bytes[segment]);
    if (!bytes) return in_context("value column", std::move(bytes).error());
    if (bytes->size() != loaded_->segment_bytes[segment])
      return torn("contents have another length");
    content = std::make_unique<const std::string>(std::move(*bytes));
  }
  value.bytes = std::string_view(*content).substr(loaded_->begins[index], lengths_[index]);
  return value;
}

Result<ValueColumnReader> ValueColumnReader::open(std::string_view bytes, uint32_t context_count,
                                                  uint32_t page_count, int depth) {
  ValueColumnReader reader;
  ByteReader in(bytes);
  const uint8_t layout = in.u8();
  if (!in.ok() || layout > static_cast<uint8_t>(Layout::kTemplates))
    return torn("layout is unknown");
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
  if (layout_ == Layout::kDecimals) scale_ = in.u8();
  base_ = in.svarint();
  if (!in.ok() || scale_ >= std::size(kPowersOfTen)) return torn("numbers are torn");
  auto numbers = PagedIntegers::open(in.bytes(in.remaining()), context_count, page_count);
  if (!numbers) return std::unexpected(std::move(numbers).error());
  codes_ = std::move(*numbers);
  return {};
}

// The dictionary and the codes into it; up to the end of `in`.
Status ValueColumnReader::open_codes(ByteReader& in, uint32_t context_count, uint32_t page_count,
                                     int depth) {
  const uint64_t count = in.uvarint();
  ByteReader content(in.sized());
  if (!in.ok() || count == 0 || count > kEntriesMax) return torn("dictionary is torn");
  auto dictionary = ValueDictionary::open(content, count, depth);
  if (!dictionary) return std::unexpected(std::move(dictionary).error());
  storage_->dictionary = std::move(*dictionary);
  usual_.assign(context_count, 0);
  new_from_.assign(size_t{page_count} + 1, 0);
  if (count > 1) {
    ByteReader list(in.sized());
    const auto usual = decode_integers(list, context_count);
    if (!usual || !list.at_end()) return torn("usual codes are torn");
    for (size_t i = 0; i < usual->size(); ++i) {
      if ((*usual)[i] >= count) return torn("a usual code is out of range");
      usual_[i] = static_cast<uint32_t>((*usual)[i]);
    }
    const uint64_t new_count = in.uvarint();
    if (!in.ok() || new_count > count) return torn("codes are torn");
    std::fill(new_from_.begin(), new_from_.end(), static_cast<uint32_t>(count));
    if (new_count > 0) {
      ByteReader counts(in.sized());
      const auto in_page = decode_integers(counts, page_count);
      if (!in_page || !counts.at_end()) return torn("new values are torn");
      uint64_t next = count - new_count;
      for (uint32_t page = 0; page < page_count; ++page) {
        new_from_[page] = static_cast<uint32_t>(next);
        if ((*in_page)[page] > count - next) return torn("new values do not add up");
        next += (*in_page)[page];
      }
    }
    auto codes = PagedIntegers::open(in.bytes(in.remaining()), context_count, page_count);
    if (!codes) return std::unexpected(std::move(codes).error());
    codes_ = std::move(*codes);
  } else {
    auto constant = PagedIntegers::open({}, context_count, page_count);
    if (!constant) return std::unexpected(std::move(constant).error());
    codes_ = std::move(*constant);
  }
  return in.ok() && in.at_end() ? Status{} : torn("bytes behind the codes");
}

Status ValueColumnReader::open_templates(ByteReader& in, uint32_t context_count,
                                         uint32_t page_count, int depth) {
  ByteReader templates(in.sized());
  if (!in.ok()) return torn("templates are torn");
  if (auto status = open_codes(templates, context_count, page_count, depth); !status) return status;
  const ValueDictionary& dictionary = storage_->dictionary;
  uint64_t slots = 0;
  for (size_t i = 0; i < dictionary.count(); ++i) {
    const auto value = dictionary.at(i);
    if (!value) return std::unexpected(value.error());
    const size_t numbers =
        value->kind == ValueKind::kString ? numbers_of_template(value->bytes) : SIZE_MAX;
    storage_->first_slot.push_back(static_cast<uint32_t>(slots));
    if (numbers > kSlotsMax - slots) return torn("a template is torn");
    slots += numbers;
  }
  storage_->first_slot.push_back(static_cast<uint32_t>(slots));
  auto numbers =
      PagedIntegers::open(in.bytes(in.remaining()), static_cast<uint32_t>(slots), page_count);
  if (!numbers) return std::unexpected(std::move(numbers).error());
  slots_ = std::move(*numbers);
  return {};
}

Status ValueColumnReader::read_codes(uint32_t page, std::span<const uint32_t> contexts,
                                     std::vector<uint32_t>& out) const {
  if (contexts.empty()) return {};
  std::vector<uint64_t> symbols;
  if (auto status = codes_.read(page, contexts.size(), contexts, symbols); !status) return status;
  const size_t count = storage_->dictionary.count();
  if (page + 1 >= new_from_.size()) return torn("page is out of range");
  uint64_t next = new_from_[page];
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (contexts[i] >= usual_.size()) return torn("context is out of range");
    const uint64_t symbol = symbols[i];
    const uint64_t code = symbol == 0 ? usual_[contexts[i]] : symbol == 1 ? next++ : symbol - 2;
    if (code >= count) return torn("code is out of range");
    out.push_back(static_cast<uint32_t>(code));
  }
  return {};
}

Status ValueColumnReader::read(uint32_t page, std::span<const uint32_t> contexts,
                               std::vector<ValueView>& out) const {
  if (layout_ == Layout::kTemplates) return read_texts(page, contexts, out);
  if (layout_ == Layout::kDictionary) {
    std::vector<uint32_t> codes;
    if (auto status = read_codes(page, contexts, codes); !status) return status;
    for (const uint32_t code : codes) {
      const auto value = storage_->dictionary.at(code);
      if (!value) return std::unexpected(value.error());
      out.push_back(*value);
    }
    return {};
  }
  std::vector<uint64_t> numbers;
  if (auto status = codes_.read(page, contexts.size(), contexts, numbers); !status) return status;
  for (const uint64_t number : numbers) {
    const auto value = static_cast<int64_t>(static_cast<uint64_t>(base_) + number);
    out.push_back(layout_ == Layout::kIntegers
                      ? ValueView::of_int(value)
                      : ValueView::of_double(static_cast<double>(value) / kPowersOfTen[scale_]));
  }
  return {};
}

Status ValueColumnReader::read_texts(uint32_t page, std::span<const uint32_t> contexts,
                                     std::vector<ValueView>& out) const {
  std::vector<uint32_t> codes;
  if (auto status = read_codes(page, contexts, codes); !status) return status;
  std::vector<uint32_t> slots;
  for (const uint32_t code : codes)
    for (uint32_t slot = storage_->first_slot[code]; slot < storage_->first_slot[code + 1]; ++slot)
      slots.push_back(slot);
  if (slots.size() > kEntriesMax) return torn("too many numbers");
  std::vector<uint64_t> numbers;
  if (auto status = slots_.read(page, slots.size(), slots, numbers); !status) return status;
  std::string& text = storage_->texts.emplace_back();
  std::vector<size_t> ends;
  size_t next = 0;
  for (const uint32_t code : codes) {
    const auto value = storage_->dictionary.at(code);
    if (!value) return std::unexpected(value.error());
    const size_t wanted = storage_->first_slot[code + 1] - storage_->first_slot[code];
    if (!join_text(value->bytes, std::span(numbers).subspan(next, wanted),
                   kChunkBytesMax - text.size(), text))
      return torn("a number does not fit its template");
    next += wanted;
    ends.push_back(text.size());
  }
  size_t begin = 0;
  for (const size_t end : ends) {
    out.push_back(ValueView::of_string(std::string_view(text).substr(begin, end - begin)));
    begin = end;
  }
  return {};
}

Result<std::vector<ValueView>> ValueColumnReader::dictionary() const {
  std::vector<ValueView> values;
  for (size_t i = 0; i < storage_->dictionary.count(); ++i) {
    auto value = storage_->dictionary.at(i);
    if (!value) return std::unexpected(std::move(value).error());
    values.push_back(*value);
  }
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
