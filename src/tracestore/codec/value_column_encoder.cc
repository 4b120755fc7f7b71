// ValueColumnBuilder::encode(): which layout a column gets, and its bytes.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <absl/container/flat_hash_map.h>

#include "tracestore/block/block_format.h"
#include "tracestore/codec/count_pairs.h"
#include "tracestore/codec/integer_codec.h"
#include "tracestore/codec/same_bytes.h"
#include "tracestore/codec/text_template.h"
#include "tracestore/codec/value_column.h"

namespace sightline::tracestore {
namespace {

using model::ValueKind;
using model::ValueView;

bool all_of_kind(const std::vector<ValueView>& values, ValueKind kind) {
  return std::all_of(values.begin(), values.end(),
                     [&](const ValueView& v) { return v.kind == kind; });
}

constexpr size_t kTemplatesValuesMin =
    32;  // fewer distinct values are not worth looking for templates
constexpr double kPowersOfTen[] = {1, 10, 100, 1000, 10000};

bool is_decimal(const ValueView& value, unsigned scale) {
  const double scaled = std::round(value.double_value * kPowersOfTen[scale]);
  if (!(std::abs(scaled) < 1e15)) return false;
  const ValueView back =
      ValueView::of_double(static_cast<double>(static_cast<int64_t>(scaled)) / kPowersOfTen[scale]);
  return back.int_value == value.int_value;
}

// The smallest scale at which every value is a whole number of 10^-scale, exactly; none: nullopt.
std::optional<unsigned> decimal_scale(const std::vector<ValueView>& values) {
  unsigned scale = 0;
  for (const ValueView& value : values)
    while (!is_decimal(value, scale))
      if (++scale == std::size(kPowersOfTen)) return std::nullopt;
  // A large one may have been exact at a smaller scale alone.
  const bool all = std::all_of(values.begin(), values.end(),
                               [&](const ValueView& v) { return is_decimal(v, scale); });
  return all ? std::optional(scale) : std::nullopt;
}

// Distinct texts as distinct templates and numbers.
struct SplitTexts {
  std::vector<std::string> templates;
  std::vector<uint32_t> template_of;     // of each text
  std::vector<uint64_t> numbers;         // of all texts, joined
  std::vector<uint32_t> number_offsets;  // of each text, and behind the last
};

// nullopt when templates would not be much fewer than texts.
std::optional<SplitTexts> split_all(const std::vector<ValueView>& values) {
  if (values.size() < kTemplatesValuesMin || !all_of_kind(values, ValueKind::kString))
    return std::nullopt;
  SplitTexts split;
  absl::flat_hash_map<std::string, uint32_t> numbers_of;
  std::string one;
  for (const ValueView& value : values) {
    one.clear();
    split.number_offsets.push_back(static_cast<uint32_t>(split.numbers.size()));
    split_text(value.bytes, one, split.numbers);
    // Texts of one place come together.
    if (!split.template_of.empty() && split.templates[split.template_of.back()] == one) {
      split.template_of.push_back(split.template_of.back());
    } else {
      const auto [known, is_new] =
          numbers_of.try_emplace(one, static_cast<uint32_t>(split.templates.size()));
      if (is_new) split.templates.push_back(one);
      split.template_of.push_back(known->second);
    }
    const bool too_many =
        split.templates.size() > kTemplatesMax ||
        (split.template_of.size() >= kTemplatesValuesMin &&
         split.templates.size() * 2 > split.template_of.size() + kTemplatesValuesMin);
    if (too_many || split.numbers.size() > kEntriesMax) return std::nullopt;
  }
  split.number_offsets.push_back(static_cast<uint32_t>(split.numbers.size()));
  if (split.templates.size() * 3 > values.size()) return std::nullopt;
  return split;
}

}  // namespace

// Codes, their contexts and pages: of a column, or of the texts of a dictionary.
struct CodedValues {
  std::span<const uint32_t> codes;
  std::span<const uint32_t> contexts;
  std::span<const uint32_t> page_ends;
  uint32_t context_count = 1;
  size_t distinct = 0;
};

class ValueColumnEncoder {
 public:
  ValueColumnEncoder(const std::vector<ValueView>& values, const CodedValues& coded)
      : values_(values), coded_(coded) {}

  std::string encode() {
    std::string out;
    if (coded_.codes.empty()) return out;
    const size_t count = coded_.codes.size();
    const bool mostly_new = values_.size() > 64 && values_.size() * 5 > count * 2;
    if (mostly_new && all_of_kind(values_, ValueKind::kInt))
      return encode_numbers(ValueColumnReader::Layout::kIntegers, 0);
    if (mostly_new && all_of_kind(values_, ValueKind::kDouble))
      if (const auto scale = decimal_scale(values_))
        return encode_numbers(ValueColumnReader::Layout::kDecimals, *scale);
    auto split = split_all(values_);
    if (mostly_new && split) return encode_templates(*split);
    put_layout(out, ValueColumnReader::Layout::kDictionary);
    encode_dictionary(split, out);
    return out;
  }

  // The one layout for texts of a dictionary.
  std::string encode_templates(const SplitTexts& split) {
    std::string out;
    put_layout(out, ValueColumnReader::Layout::kTemplates);
    std::vector<ValueView> templates;
    for (const std::string& t : split.templates) templates.push_back(ValueView::of_string(t));
    std::vector<uint32_t> codes;
    for (const uint32_t code : coded_.codes) codes.push_back(split.template_of[code]);
    const CodedValues coded{codes, coded_.contexts, coded_.page_ends, coded_.context_count,
                            templates.size()};
    ValueColumnEncoder of_templates(templates, coded);
    std::string coded_templates;
    of_templates.encode_dictionary(std::nullopt, coded_templates);
    append_sized(out, coded_templates);
    encode_slots(split, of_templates.order_, out);
    return out;
  }

  void encode_dictionary(const std::optional<SplitTexts>& split, std::string& out) {
    rank();
    append_uvarint(out, values_.size());
    std::vector<ValueView> ordered;
    for (const uint32_t code : order_) ordered.push_back(values_[code]);
    std::string dictionary;
    if (split)
      append_templated(*split, dictionary);
    else
      append_plain(ordered, dictionary);
    append_sized(out, dictionary);
    if (values_.size() > 1) append_codes(out);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  static void put_layout(std::string& out, ValueColumnReader::Layout layout) {
    out.push_back(static_cast<char>(layout));
  }

  std::string encode_numbers(ValueColumnReader::Layout layout, unsigned scale) {
    std::string out;
    put_layout(out, layout);
    if (layout == ValueColumnReader::Layout::kDecimals) out.push_back(static_cast<char>(scale));
    const auto number_of = [&](const ValueView& v) {
      return layout == ValueColumnReader::Layout::kIntegers
                 ? v.int_value
                 : static_cast<int64_t>(std::round(v.double_value * kPowersOfTen[scale]));
    };
    int64_t base = INT64_MAX;
    for (const ValueView& value : values_) base = std::min(base, number_of(value));
    append_svarint(out, base);
    std::vector<uint64_t> numbers;
    for (const uint32_t code : coded_.codes)
      numbers.push_back(static_cast<uint64_t>(number_of(values_[code])) -
                        static_cast<uint64_t>(base));
    encode_paged({numbers, coded_.contexts, coded_.context_count, coded_.page_ends}, out);
    return out;
  }

  // Which code is usual in each context, and the order of the dictionary: by how often, those that occur once last.
  void rank() {
    order_.clear();
    if (values_.size() == 1) {  // nobody asks for more
      order_.push_back(0);
      return;
    }
    std::vector<uint32_t> times(values_.size());
    for (const uint32_t code : coded_.codes) ++times[code];
    usual_.assign(coded_.context_count, kNone);
    find_usual();
    is_new_.assign(values_.size(), 0);
    for (uint32_t code = 0; code < values_.size(); ++code) is_new_[code] = times[code] == 1 ? 1 : 0;
    for (const uint32_t code : usual_)
      if (code != kNone) is_new_[code] = 0;
    for (uint32_t code = 0; code < values_.size(); ++code)
      if (is_new_[code] == 0) order_.push_back(code);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](uint32_t a, uint32_t b) { return times[a] > times[b]; });
    order_.reserve(values_.size());
    for (const uint32_t code : coded_.codes)
      if (is_new_[code] != 0) order_.push_back(code);
    rank_.assign(values_.size(), 0);
    for (uint32_t i = 0; i < order_.size(); ++i) rank_[order_[i]] = i;
  }

  void find_usual() {
    // A vote first: a context with one value for all is the rule and needs no counting.
    std::vector<uint8_t> mixed(coded_.context_count, 0);
    uint8_t any = 0;
    for (size_t i = 0; i < coded_.codes.size(); ++i) {
      uint32_t& only = usual_[context(i)];
      if (only == kNone) only = coded_.codes[i];
      const uint8_t differs = only != coded_.codes[i] ? 1 : 0;
      mixed[context(i)] |= differs;
      any |= differs;
    }
    all_usual_ = any == 0;
    if (all_usual_) return;
    std::vector<NumberPair> pairs;
    pairs.reserve(coded_.codes.size());
    for (size_t i = 0; i < coded_.codes.size(); ++i)
      if (mixed[context(i)] != 0) pairs.push_back({context(i), coded_.codes[i]});
    std::vector<uint32_t> best(coded_.context_count, 0);
    count_pairs(pairs, coded_.context_count, static_cast<uint32_t>(values_.size()),
                [&](uint32_t c, uint32_t code, uint32_t times) {
                  if (times <= best[c]) return;
                  best[c] = times;
                  usual_[c] = code;
                });
  }

  uint32_t context(size_t i) const { return coded_.contexts.empty() ? 0 : coded_.contexts[i]; }

  // The usual codes; where the new ones of each page begin; then 0 for the usual, 1 for the next new, 2 + code.
  void append_codes(std::string& out) const {
    std::vector<uint64_t> usual;
    for (const uint32_t code : usual_) usual.push_back(code == kNone ? 0 : rank_[code]);
    std::string list;
    encode_integers(usual, list);
    append_sized(out, list);
    if (all_usual_) {
      append_uvarint(out, 0);  // none is new
      const uint64_t all = 0;
      encode_paged({.values = {&all, 1}}, out);
      return;
    }
    std::vector<uint64_t> symbols, new_in_page;
    symbols.reserve(coded_.codes.size());
    size_t at = 0;
    uint64_t new_count = 0;
    for (const uint32_t end : coded_.page_ends) {
      new_in_page.push_back(0);
      for (; at < end; ++at) {
        const uint32_t code = coded_.codes[at];
        if (is_new_[code] != 0) {
          symbols.push_back(1);
          ++new_in_page.back();
          ++new_count;
        } else {
          symbols.push_back(code == usual_[context(at)] ? 0 : 2 + uint64_t{rank_[code]});
        }
      }
    }
    append_uvarint(out, new_count);
    if (new_count > 0) {
      std::string counts;
      encode_integers(new_in_page, counts);
      append_sized(out, counts);
    }
    encode_paged({symbols, coded_.contexts, coded_.context_count, coded_.page_ends}, out);
  }

  // The values in segments: how many values and bytes each has, then all of them.
  static void append_plain(const std::vector<ValueView>& values, std::string& out) {
    out.push_back(0);
    std::string sizes, segments, segment;
    uint64_t count = 0;
    uint64_t in_segment = 0;
    const auto end_segment = [&] {
      const size_t before = segments.size();
      encode_bytes(segment, segments);
      append_uvarint(sizes, in_segment);
      append_uvarint(sizes, segments.size() - before);
      segment.clear();
      in_segment = 0;
      ++count;
    };
    for (const ValueView& value : values) {
      append_value(segment, value);
      ++in_segment;
      if (segment.size() >= kSegmentBytes) end_segment();
    }
    if (in_segment > 0) end_segment();
    append_uvarint(out, count);
    out += sizes;
    out += segments;
  }

  // The texts in the order of the dictionary as a column of their own, in pages of kTemplatedPage.
  void append_templated(const SplitTexts& split, std::string& out) const {
    out.push_back(1);
    std::vector<uint32_t> page_ends;
    const auto count = static_cast<uint32_t>(order_.size());
    for (uint32_t end = kTemplatedPage; end < count; end += kTemplatedPage)
      page_ends.push_back(end);
    page_ends.push_back(count);
    const CodedValues coded{order_, {}, page_ends, 1, order_.size()};
    out += ValueColumnEncoder(values_, coded).encode_templates(split);
  }

  // `order` of the templates in their dictionary, as the reader will know them.
  void encode_slots(const SplitTexts& split, const std::vector<uint32_t>& order,
                    std::string& out) const {
    std::vector<uint32_t> first_slot(split.templates.size());
    std::vector<uint64_t> numbers_of;
    uint32_t slots = 0;
    for (const uint32_t t : order) {
      first_slot[t] = slots;
      numbers_of.push_back(numbers_of_template(split.templates[t]));
      slots += static_cast<uint32_t>(numbers_of.back());
    }
    std::string list;
    encode_integers(numbers_of, list);
    append_sized(out, list);
    std::vector<uint64_t> numbers;
    std::vector<uint32_t> contexts, page_ends;
    size_t at = 0;
    for (const uint32_t end : coded_.page_ends) {
      for (; at < end; ++at) {
        const uint32_t text = coded_.codes[at];
        uint32_t slot = first_slot[split.template_of[text]];
        for (uint32_t n = split.number_offsets[text]; n < split.number_offsets[text + 1]; ++n) {
          numbers.push_back(split.numbers[n]);
          contexts.push_back(slot++);
        }
      }
      page_ends.push_back(static_cast<uint32_t>(numbers.size()));
    }
    if (numbers.empty()) return;
    encode_paged({numbers, contexts, slots, page_ends}, out);
  }

  const std::vector<ValueView>& values_;
  const CodedValues coded_;
  std::vector<uint32_t> usual_;
  bool all_usual_ = false;  // in every context all values are
  std::vector<uint8_t> is_new_;
  std::vector<uint32_t> order_;
  std::vector<uint32_t> rank_;
};

uint32_t ValueColumnBuilder::code_of(const ValueView& value, uint32_t context) {
  if (context >= usual_.size()) usual_.resize(context + 1, UINT32_MAX);
  uint32_t& usual = usual_[context];
  if (usual != UINT32_MAX && same_value(values_[usual], value)) return usual;
  const auto next = static_cast<uint32_t>(values_.size());
  usual = code_of_.code_of(ValueHash{}(value), next,
                           [&](uint32_t code) { return same_value(values_[code], value); });
  if (usual < next) return usual;
  values_.push_back(value);
  values_.back().bytes = arena_.keep(value.bytes);
  return usual;
}

std::vector<ValueView> ValueColumnBuilder::used_values() const {
  std::vector<uint8_t> used(values_.size(), 0);
  for (const uint32_t code : codes_) used[code] = 1;
  std::vector<ValueView> values;
  for (size_t code = 0; code < values_.size(); ++code)
    if (used[code] != 0) values.push_back(values_[code]);
  return values;
}

std::string ValueColumnBuilder::encode(uint32_t context_count) const {
  return ValueColumnEncoder(values_, {codes_, contexts_, page_ends_, context_count, values_.size()})
      .encode();
}

std::string ValueColumnBuilder::encode(std::span<const uint32_t> local,
                                       uint32_t context_count) const {
  std::vector<uint32_t> contexts(contexts_.size());
  for (size_t i = 0; i < contexts.size(); ++i) contexts[i] = local[contexts_[i]];
  return ValueColumnEncoder(values_, {codes_, contexts, page_ends_, context_count, values_.size()})
      .encode();
}

}  // namespace sightline::tracestore
