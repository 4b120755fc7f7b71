// The codecs below a row group, alone: paged integers, text templates, value columns.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "base/random.h"
#include "tracestore/codec/code_table.h"
#include "tracestore/codec/count_pairs.h"
#include "tracestore/codec/paged_integers.h"
#include "tracestore/codec/same_bytes.h"
#include "tracestore/codec/sort_by_number.h"
#include "tracestore/codec/text_template.h"
#include "tracestore/codec/value_column.h"

namespace sightline::tracestore {
namespace {

std::vector<uint32_t> random_pages(Random& random, size_t count) {
  std::vector<uint32_t> ends;
  for (uint32_t at = 0; at < count;)
    ends.push_back(at = static_cast<uint32_t>(std::min<size_t>(count, at + random.below(200))));
  if (ends.empty()) ends.push_back(0);
  return ends;
}

TEST(SameBytes, EveryByteCounts) {
  for (size_t size = 0; size < 70; ++size) {
    const std::string text(size, 'x');
    EXPECT_TRUE(same_bytes(text, std::string(size, 'x')));
    EXPECT_FALSE(same_bytes(text, std::string(size + 1, 'x')));
    for (size_t at = 0; at < size; ++at) {
      std::string other = text;
      other[at] = 'y';
      EXPECT_FALSE(same_bytes(text, other)) << size << " " << at;
    }
  }
}

TEST(CodeTable, EqualHashesAreToldApart) {
  CodeTable table;
  std::vector<uint64_t> values;
  Random random(3);
  for (int i = 0; i < 5'000; ++i) {
    const uint64_t value = random.below(2'000);
    const auto next = static_cast<uint32_t>(values.size());
    const uint64_t hash = value % 50 << 40 | value % 3;  // few, in the bits that count
    const uint32_t code =
        table.code_of(hash, next, [&](uint32_t known) { return values[known] == value; });
    if (code == next) {
      EXPECT_EQ(std::count(values.begin(), values.end(), value), 0);
      values.push_back(value);
    }
    EXPECT_EQ(values[code], value);
  }
}

TEST(SortByNumber, IsStableForSmallAndLargeNumbers) {
  Random random(4);
  for (const uint64_t bound : {1u, 7u, 1'000u, 4'000'000'000u}) {
    std::vector<std::pair<uint32_t, uint32_t>> items;
    for (uint32_t i = 0; i < 500; ++i)
      items.emplace_back(static_cast<uint32_t>(random.below(bound)), i);
    auto expected = items;
    std::sort(expected.begin(), expected.end());
    sort_by_number(items, [](const auto& item) { return item.first; });
    EXPECT_EQ(items, expected) << bound;
  }
}

TEST(CountPairs, EachPairOnceInOrder) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto firsts = static_cast<uint32_t>(1 + random.below(20));
    const auto seconds = static_cast<uint32_t>(1 + random.below(round % 2 == 0 ? 3 : 2000));
    std::vector<NumberPair> pairs(random.below(300));
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> expected;
    for (NumberPair& pair : pairs) {
      pair = {static_cast<uint32_t>(random.below(firsts)),
              static_cast<uint32_t>(random.below(seconds))};
      ++expected[{pair.first, pair.second}];
    }
    auto next = expected.begin();
    count_pairs(pairs, firsts, seconds, [&](uint32_t first, uint32_t second, uint32_t times) {
      ASSERT_NE(next, expected.end());
      EXPECT_EQ(std::pair(first, second), next->first);
      EXPECT_EQ(times, next->second);
      ++next;
    });
    EXPECT_EQ(next, expected.end());
  }
}

TEST(PagedIntegers, EveryPageGivesBackItsValues) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto context_count = static_cast<uint32_t>(1 + random.below(40));
    std::vector<uint64_t> values(1 + random.below(3000));
    std::vector<uint32_t> contexts;
    for (uint64_t& value : values) {
      contexts.push_back(static_cast<uint32_t>(random.below(context_count)));
      const uint64_t width = (contexts.back() * 7 + seed) % 65;  // contexts differ in magnitude
      value =
          width == 0 || (seed % 4 == 0 && random.below(9) > 0) ? 0 : random.next() >> (64 - width);
    }
    const auto ends = random_pages(random, values.size());
    std::string bytes;
    encode_paged({values, contexts, context_count, ends}, bytes);
    const auto column =
        PagedIntegers::open(bytes, context_count, static_cast<uint32_t>(ends.size()));
    ASSERT_TRUE(column) << column.error().message;
    uint32_t begin = 0;
    for (uint32_t page = 0; page < ends.size(); ++page) {
      std::vector<uint64_t> back;
      const auto of_page = std::span(contexts).subspan(begin, ends[page] - begin);
      ASSERT_TRUE(column->read(page, of_page.size(), of_page, back));
      ASSERT_TRUE(std::equal(back.begin(), back.end(), values.begin() + begin,
                             values.begin() + ends[page]));
      begin = ends[page];
    }
    for (size_t cut = 1; cut < bytes.size(); cut += 1 + bytes.size() / 40)
      EXPECT_FALSE(PagedIntegers::open(std::string_view(bytes).substr(0, cut), context_count,
                                       static_cast<uint32_t>(ends.size())));
  }
}

std::string random_text(Random& random) {
  static constexpr std::string_view kPieces[] = {"SELECT * FROM t WHERE id = ",
                                                 "4711",
                                                 "007",
                                                 "0",
                                                 "deadbeef01",
                                                 "a3",
                                                 "-",
                                                 " ",
                                                 "\x01",
                                                 "\x05",
                                                 "\x02\x7f",
                                                 "123456789012345678901234567890",
                                                 "00000000-1111-2222-3333-44444444abcd",
                                                 "18446744073709551615",
                                                 "ABC",
                                                 "e2",
                                                 "f00dfeedf00dfeedf00dfeed9",
                                                 "é",
                                                 "999999999999999999"};
  std::string text;
  for (uint64_t n = random.below(8); n > 0; --n) text += kPieces[random.below(std::size(kPieces))];
  if (random.below(4) == 0) text += static_cast<char>(random.below(256));
  return text;
}

TEST(TextTemplate, JoinsToWhatWasSplit) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = random_text(random);
    std::string made, back;
    std::vector<uint64_t> numbers;
    split_text(text, made, numbers);
    ASSERT_EQ(numbers_of_template(made), numbers.size()) << text;
    ASSERT_TRUE(join_text(made, numbers, 1 << 20, back)) << text;
    ASSERT_EQ(back, text);
  }
}

TEST(TextTemplate, MayHoldWhateverItsTextsHold) {
  Random random(6);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = random_text(random);
    std::string made;
    std::vector<uint64_t> numbers;
    split_text(text, made, numbers);
    std::vector<unsigned> digits;
    for (const uint64_t number : numbers)
      digits.push_back(static_cast<unsigned>(std::to_string(number).size()));
    const size_t begin = random.below(text.size() + 1);
    const std::string part = text.substr(begin, random.below(text.size() + 1 - begin));
    ASSERT_TRUE(TextTemplate::parse(made)->may_hold(part, digits)) << text << "|" << part;
  }
}

TEST(TextTemplate, HoldsNothingThatNoNumberMakes) {
  const auto may_hold = [](std::string_view text, std::string_view part, unsigned digits_max) {
    std::string made;
    std::vector<uint64_t> numbers;
    split_text(text, made, numbers);
    return TextTemplate::parse(made)->may_hold(part,
                                               std::vector<unsigned>(numbers.size(), digits_max));
  };
  const std::string_view select = "SELECT * FROM t WHERE id = 4711 AND x";
  EXPECT_TRUE(may_hold(select, "id = 99999 AND", 5));
  EXPECT_FALSE(may_hold(select, "id = 99999 AND", 4));
  EXPECT_TRUE(may_hold(select, "99 AND x", 4));
  EXPECT_FALSE(may_hold(select, "id = AND", 4));
  EXPECT_FALSE(may_hold(select, "id = 9x", 4));
  EXPECT_FALSE(may_hold(select, "nobody", 4));
  EXPECT_FALSE(may_hold(select, "AND xy", 4));
  EXPECT_TRUE(may_hold("order 007", "r 123", 1));
  EXPECT_FALSE(may_hold("order 007", "r 1234", 9));
  EXPECT_TRUE(may_hold("of deadbeef01 here", "0123456789 h", 1));
  EXPECT_FALSE(may_hold("of deadbeef01 here", "0123456789x h", 1));
  const std::string_view uuid = "id=00000000-1111-2222-3333-44444444abcd";
  EXPECT_TRUE(may_hold(uuid, "=deadbeef-f00d-", 1));
  EXPECT_FALSE(may_hold(uuid, "=deadbeef0f00d", 1));
}

TEST(TextTemplate, RefusesNumbersThatDoNotFit) {
  std::string made, back;
  std::vector<uint64_t> numbers;
  split_text("order 007 of deadbeef01", made, numbers);
  ASSERT_EQ(numbers.size(), 2u);
  numbers[0] = 1000;
  EXPECT_FALSE(join_text(made, numbers, 1 << 20, back));
  EXPECT_FALSE(join_text(made, std::span(numbers).first(1), 1 << 20, back));
  EXPECT_FALSE(join_text("text \x02", {}, 1 << 20, back));
  EXPECT_EQ(numbers_of_template("text \x03"), SIZE_MAX);
}

// The kinds of columns there are: of few values, of numbers, of money, of ids in texts, of anything.
model::ValueView random_value(Random& random, uint64_t kind, uint32_t context,
                              std::deque<std::string>& texts) {
  const auto text = [&](std::string t) {
    return model::ValueView::of_string(texts.emplace_back(std::move(t)));
  };
  switch (kind) {
    case 0: return text("host-" + std::to_string(context));
    case 1: return model::ValueView::of_int(static_cast<int64_t>(random.next() >> (10 + context)));
    case 2:
      return model::ValueView::of_double(random.below(50) == 0
                                             ? 7e14 + static_cast<double>(random.below(1000))
                                             : std::round(random.unit() * 1e6) / 100);
    case 3:
      return text("GET session:" + std::to_string(random.below(1'000'000)) + " page " +
                  std::to_string(context));
    case 4: return text(random.uuid());
    case 5: return text(random_text(random));
    case 6: return model::ValueView::of_double(random.unit());
    default: break;
  }
  model::ValueView value{.kind = static_cast<model::ValueKind>(random.below(8))};
  if (value.kind == model::ValueKind::kBool)
    value.int_value = static_cast<int64_t>(random.below(2));
  if (value.kind == model::ValueKind::kInt || value.kind == model::ValueKind::kDouble)
    value.int_value = static_cast<int64_t>(random.next());
  if (value.kind == model::ValueKind::kString || value.kind >= model::ValueKind::kBytes)
    value.bytes = texts.emplace_back(random_text(random));
  return value;
}

TEST(ValueColumn, EveryPageGivesBackItsValues) {
  for (uint64_t seed = 0; seed < 240; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::deque<std::string> texts;
    const auto context_count = static_cast<uint32_t>(1 + random.below(20));
    std::vector<model::ValueView> values;
    std::vector<uint32_t> contexts;
    ValueColumnBuilder builder;
    const auto ends = random_pages(random, 1 + random.below(2500));
    for (const uint32_t end : ends) {
      while (values.size() < end) {
        contexts.push_back(static_cast<uint32_t>(random.below(context_count)));
        values.push_back(random_value(random, seed % 8, contexts.back(), texts));
        builder.add(values.back(), contexts.back());
      }
      builder.end_page();
    }
    const std::string bytes = builder.encode(context_count);
    const auto reader =
        ValueColumnReader::open(bytes, context_count, static_cast<uint32_t>(ends.size()));
    if (values.empty()) continue;
    ASSERT_TRUE(reader) << reader.error().message;
    for (const model::ValueView& value : values) {
      if (value.kind != model::ValueKind::kString) continue;
      const size_t begin = random.below(value.bytes.size() + 1);
      const auto may_hold = reader->may_hold(value.bytes.substr(begin, random.below(30)));
      ASSERT_TRUE(may_hold && *may_hold) << value.bytes;
      if (random.below(50) == 0) break;
    }
    // Backwards: a page needs none before it.
    for (auto page = static_cast<uint32_t>(ends.size()); page-- > 0;) {
      const uint32_t begin = page == 0 ? 0 : ends[page - 1];
      std::vector<model::ValueView> back;
      const auto status =
          reader->read(page, std::span(contexts).subspan(begin, ends[page] - begin), back);
      ASSERT_TRUE(status) << status.error().message;
      ASSERT_TRUE(std::equal(back.begin(), back.end(), values.begin() + begin,
                             values.begin() + ends[page]));
    }
  }
}

TEST(ValueColumn, TemplatesTellWhatNoValueHolds) {
  Random random(9);
  std::deque<std::string> texts;
  ValueColumnBuilder builder;
  for (int i = 0; i < 5'000; ++i)
    builder.add(model::ValueView::of_string(texts.emplace_back(
                    "SELECT * FROM orders WHERE id = " + std::to_string(random.below(1'000'000)))),
                0);
  builder.end_page();
  const std::string bytes = builder.encode(1);
  const auto reader = ValueColumnReader::open(bytes, 1, 1);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(*reader->may_hold("WHERE id = 47"));
  EXPECT_FALSE(*reader->may_hold("WHERE id = 99999999"));
  EXPECT_FALSE(*reader->may_hold("customers"));
}

TEST(ValueColumn, DamagedBytesGiveAnErrorOrValuesNeverMore) {
  Random random(5);
  std::deque<std::string> texts;
  for (uint64_t kind = 0; kind < 8; ++kind) {
    ValueColumnBuilder builder;
    std::vector<uint32_t> contexts(300);
    for (uint32_t& context : contexts) {
      context = static_cast<uint32_t>(random.below(4));
      builder.add(random_value(random, kind, context, texts), context);
    }
    builder.end_page();
    std::string bytes = builder.encode(4);
    for (size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
      if (const auto reader = ValueColumnReader::open(bytes, 4, 1)) {
        std::vector<model::ValueView> back;
        (void)reader->may_hold("id");
        const bool read = reader->read(0, contexts, back).has_value();
        EXPECT_TRUE(!read || back.size() == contexts.size());
      }
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    }
  }
}

}  // namespace
}  // namespace sightline::tracestore
