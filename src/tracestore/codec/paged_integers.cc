#include "tracestore/codec/paged_integers.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace sightline::tracestore {
namespace {

enum class Encoding : uint8_t { kConstant = 0, kCoded = 1 };

constexpr uint32_t kTablesMax = 16;
constexpr uint32_t kTablesWritten = 6;      // more hardly pack better, and take time to read
constexpr size_t kValuesOfTableMin = 2000;  // likewise
constexpr uint64_t kSmall =
    16;  // below: a symbol of its own; from there four symbols to each power of two
constexpr size_t kSymbols = 256;
constexpr size_t kLanes = 4;  // pages read side by side

// Of `value`: its symbol, and how many low bits the symbol does not say.
uint8_t symbol_of(uint64_t value) {
  if (value < kSmall) return static_cast<uint8_t>(value);
  const auto width = static_cast<unsigned>(std::bit_width(value));  // 5 to 64
  return static_cast<uint8_t>(kSmall + (width - 5) * 4 + (value >> (width - 3) & 3));
}
constexpr unsigned low_bits_of(uint8_t symbol) {
  return symbol < kSmall ? 0 : (symbol - kSmall) / 4u + 2;
}
constexpr uint64_t base_of(uint8_t symbol) {
  if (symbol < kSmall) return symbol;
  return (uint64_t{4} + (symbol - kSmall) % 4u) << low_bits_of(symbol);
}

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}
  // `count` up to 62.
  void put(uint64_t bits, unsigned count) {
    if (count == 0) return;
    bits &= (uint64_t{1} << count) - 1;
    word_ |= bits << used_;
    used_ += count;
    if (used_ < 64) return;
    append_le<uint64_t>(out_, word_);
    used_ -= 64;
    word_ = used_ == 0 ? 0 : bits >> (count - used_);
  }
  void finish() { out_.append(reinterpret_cast<const char*>(&word_), (used_ + 7) / 8); }

 private:
  std::string& out_;
  uint64_t word_ = 0;
  unsigned used_ = 0;
};

using Counts = std::array<uint32_t, kSymbols>;

// Puts contexts whose numbers are of similar magnitude together; empty when one table is as good.
std::vector<uint8_t> group_contexts(const PagedInput& input, std::span<const uint8_t> symbols,
                                    uint32_t& table_count) {
  table_count = 1;
  const uint32_t tables_max =
      std::min<uint32_t>({kTablesWritten, input.context_count,
                          static_cast<uint32_t>(symbols.size() / kValuesOfTableMin)});
  if (tables_max < 2) return {};
  struct Of {
    uint64_t sum = 0;
    uint64_t count = 0;
  };
  std::vector<Of> of(input.context_count);
  for (size_t i = 0; i < symbols.size(); ++i) {
    Of& context = of[input.contexts[i]];
    context.sum += symbols[i];
    ++context.count;
  }
  std::vector<uint32_t> order(input.context_count);
  std::iota(order.begin(), order.end(), 0);
  const auto mean = [&](uint32_t c) {
    return of[c].count == 0 ? 0.0
                            : static_cast<double>(of[c].sum) / static_cast<double>(of[c].count);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return mean(a) < mean(b); });
  std::vector<uint8_t> table_of(input.context_count, 0);
  uint64_t seen = 0;
  for (const uint32_t context : order) {
    // By the middle of its share, so that one large context does not open an empty table.
    const uint64_t middle = seen + of[context].count / 2;
    table_of[context] = static_cast<uint8_t>(
        std::min<uint64_t>(tables_max - 1, middle * tables_max / symbols.size()));
    seen += of[context].count;
  }
  // Without gaps in the numbering.
  std::array<int, kTablesMax> renamed{};
  renamed.fill(-1);
  int next = 0;
  for (const uint32_t context : order)
    if (of[context].count > 0 && renamed[table_of[context]] < 0)
      renamed[table_of[context]] = next++;
  for (uint32_t c = 0; c < input.context_count; ++c)
    table_of[c] = static_cast<uint8_t>(std::max(0, renamed[table_of[c]]));
  table_count = static_cast<uint32_t>(next);
  return table_of;
}

// The tables of some symbols, and how many bytes tables and symbols take.
struct Tables {
  std::vector<Frequencies> frequencies;
  std::vector<uint8_t> of_context;  // empty: one for all
  double bytes = 0;
  bool low_bits = false;  // some symbol has
  const Frequencies& of(uint32_t context) const { return frequencies[of_context[context]]; }
};

Tables make_tables(std::span<const Counts> counts, std::vector<uint8_t> of_context) {
  Tables tables;
  std::string written;
  for (const Counts& c : counts) {
    tables.frequencies.push_back(Frequencies::of(c));
    tables.frequencies.back().append_to(written);
    tables.bytes += tables.frequencies.back().cost(c) / 8;
  }
  tables.bytes += static_cast<double>(written.size() + of_context.size() / 2);
  tables.of_context = std::move(of_context);
  return tables;
}

// Several tables when they pack better than one.
Tables choose_tables(const PagedInput& input, std::span<const uint8_t> symbols,
                     const Counts& counts) {
  Tables single = make_tables({&counts, 1}, {});
  // Which table each context has takes half a byte.
  if (input.contexts.empty() || single.bytes <= input.context_count / 2) return single;
  uint32_t table_count = 1;
  auto grouped = group_contexts(input, symbols, table_count);
  if (table_count < 2) return single;
  std::vector<Counts> of_tables(table_count);
  for (Counts& c : of_tables) c.fill(0);
  for (size_t i = 0; i < symbols.size(); ++i) ++of_tables[grouped[input.contexts[i]]][symbols[i]];
  Tables several = make_tables(of_tables, std::move(grouped));
  return several.bytes < single.bytes ? several : single;
}

// Writes pages, several side by side: each step of a coder waits for the one before.
class PageWriter {
 public:
  PageWriter(const PagedInput& input, std::span<const uint8_t> symbols, const Tables& tables)
      : input_(input), symbols_(symbols), tables_(tables) {}

  // How many bytes each has, then all of them.
  void append_to(std::string& out) {
    lengths_.assign(input_.page_ends.size(), 0);
    size_t begin = 0;
    for (size_t page = 0; page < input_.page_ends.size(); ++page) {
      const size_t end = input_.page_ends[page];
      const auto values = input_.values.subspan(begin, end - begin);
      // All zeros are a page without bytes.
      if (std::any_of(values.begin(), values.end(), [](uint64_t v) { return v != 0; }))
        lanes_[waiting_++] = {page, begin, end};
      if (waiting_ == kLanes) write<kLanes>();
      begin = end;
    }
    for (size_t lane = 0; lane < waiting_; ++lane) {
      lanes_[0] = lanes_[lane];
      write<1>();
    }
    for (const size_t length : lengths_) append_uvarint(out, length);
    out += pages_;
  }

 private:
  struct Lane {
    size_t page = 0;
    size_t begin = 0;
    size_t end = 0;
  };

  template <size_t kCount>
  void write() {
    std::array<RansEncoder, kCount> coders;
    size_t together = SIZE_MAX;
    for (size_t lane = 0; lane < kCount; ++lane) {
      const size_t count = lanes_[lane].end - lanes_[lane].begin;
      together = std::min(together, count);
      if (room_[lane].size() <= count) room_[lane].resize(count + 1);
      coders[lane] = RansEncoder(room_[lane]);
    }
    if (tables_.of_context.empty()) {
      const Frequencies& table = tables_.frequencies[0];
      put_all(coders, together, [&](size_t i) -> const auto& { return table[symbols_[i]]; });
    } else {
      put_all(coders, together,
              [&](size_t i) -> const auto& { return tables_.of(input_.contexts[i])[symbols_[i]]; });
    }
    for (size_t lane = 0; lane < kCount; ++lane) finish(lanes_[lane], coders[lane]);
    if (kCount == kLanes) waiting_ = 0;
  }

  template <size_t kCount, typename SymbolAt>
  void put_all(std::array<RansEncoder, kCount>& coders, size_t together, SymbolAt symbol_at) const {
    // Copies of their own: what the loop holds in registers nothing else may point to.
    std::array<RansEncoder, kCount> at_work = coders;
    std::array<size_t, kCount> at;
    for (size_t lane = 0; lane < kCount; ++lane) at[lane] = lanes_[lane].end;
    for (size_t i = 0; i < together; ++i) {
#pragma GCC unroll 4
      for (size_t lane = 0; lane < kCount; ++lane) at_work[lane].put(symbol_at(--at[lane]));
    }
    for (size_t lane = 0; lane < kCount; ++lane) {
      RansEncoder coder = at_work[lane];
      for (size_t i = at[lane]; i-- > lanes_[lane].begin;) coder.put(symbol_at(i));
      coders[lane] = coder;
    }
  }

  void finish(const Lane& lane, const RansEncoder& coder) {
    const size_t before = pages_.size();
    append_uvarint(pages_, coder.bytes());
    coder.append_to(pages_);
    if (tables_.low_bits) {
      BitWriter bits(pages_);
      for (size_t i = lane.begin; i < lane.end; ++i)
        bits.put(input_.values[i], low_bits_of(symbols_[i]));
      bits.finish();
    }
    lengths_[lane.page] = pages_.size() - before;
  }

  const PagedInput& input_;
  const std::span<const uint8_t> symbols_;
  const Tables& tables_;
  std::array<Lane, kLanes> lanes_;  // pages to be written next
  size_t waiting_ = 0;              // of them
  std::array<std::vector<uint16_t>, kLanes> room_;
  std::vector<size_t> lengths_;  // by page
  std::string pages_;
};

std::unexpected<Error> torn() { return fail(Errc::kCorrupt, "paged integers are torn"); }
std::unexpected<Error> unsound() {
  return fail(Errc::kCorrupt, "checksum of paged integers does not match");
}

}  // namespace

void encode_paged(const PagedInput& input, std::string& out) {
  if (input.values.empty()) return;
  const uint64_t first = input.values.front();
  uint64_t different = 0;
  std::vector<uint8_t> symbols(input.values.size());
  std::array<Counts, 2> counts{};  // in turn: of two equal symbols the second need not wait
  for (size_t i = 0; i < symbols.size(); ++i) {
    different |= input.values[i] ^ first;
    ++counts[i % 2][symbols[i] = symbol_of(input.values[i])];
  }
  if (different == 0) {
    out.push_back(static_cast<char>(Encoding::kConstant));
    append_uvarint(out, first);
    return;
  }
  for (size_t symbol = 0; symbol < kSymbols; ++symbol) counts[0][symbol] += counts[1][symbol];
  Tables tables = choose_tables(input, symbols, counts[0]);
  tables.low_bits = std::any_of(counts[0].begin() + kSmall, counts[0].end(),
                                [](uint32_t count) { return count != 0; });
  out.push_back(static_cast<char>(Encoding::kCoded));
  out.push_back(static_cast<char>(tables.frequencies.size()));
  const auto& of_context = tables.of_context;
  for (size_t i = 0; i < of_context.size(); i += 2)
    out.push_back(static_cast<char>(of_context[i] |
                                    (i + 1 < of_context.size() ? of_context[i + 1] << 4 : 0)));
  std::string written;
  for (const Frequencies& table : tables.frequencies) {
    written.clear();
    table.append_to(written);
    append_sized(out, written);
  }
  PageWriter(input, symbols, tables).append_to(out);
}

std::string_view paged_encoding_name(std::string_view bytes) {
  if (bytes.empty() || static_cast<Encoding>(bytes[0]) == Encoding::kConstant) return "constant";
  return bytes.size() > 1 && bytes[1] > 1 ? "coded by context" : "coded";
}

constinit const std::array<PageCursor::Magnitude, 256> PageCursor::kMagnitudes = [] {
  std::array<Magnitude, 256> magnitudes{};
  for (unsigned symbol = 0; symbol < 256; ++symbol) {
    const unsigned low = low_bits_of(static_cast<uint8_t>(symbol));
    magnitudes[symbol] = {base_of(static_cast<uint8_t>(symbol)), (uint64_t{1} << low) - 1, low};
  }
  return magnitudes;
}();

uint64_t PageCursor::bits_at_end(std::string_view bits, size_t begin, unsigned count) {
  uint64_t result = 0;
  for (unsigned i = 0; i < count; ++i)
    if (const size_t bit = begin + i; bit / 8 < bits.size())
      result |= static_cast<uint64_t>(bits[bit / 8] >> bit % 8 & 1) << i;
  return result;
}

namespace {

// Both halves of each byte, the low one first.
constexpr auto kHalves = [] {
  std::array<std::array<uint8_t, 2>, 256> halves{};
  for (size_t byte = 0; byte < halves.size(); ++byte)
    halves[byte] = {static_cast<uint8_t>(byte & 15), static_cast<uint8_t>(byte >> 4)};
  return halves;
}();

std::vector<uint8_t> unpack_halves(std::string_view bytes, size_t count) {
  std::vector<uint8_t> halves(bytes.size() * 2);
  for (size_t i = 0; i < bytes.size(); ++i)
    std::memcpy(halves.data() + 2 * i, kHalves[static_cast<uint8_t>(bytes[i])].data(), 2);
  halves.resize(count);
  return halves;
}

}  // namespace

Result<PagedIntegers> PagedIntegers::open(std::string_view bytes, uint32_t context_count,
                                          uint32_t page_count, const ByteGuard* guard) {
  PagedIntegers column;
  column.guard_ = guard;
  column.context_count_ = context_count;
  if (bytes.empty()) return column;
  ByteReader in(bytes);
  const uint8_t encoding = in.u8();
  if (encoding == static_cast<uint8_t>(Encoding::kConstant)) {
    column.value_ = in.uvarint();
    if (!in.ok() || !in.at_end()) return torn();
    if (!is_sound(guard, bytes)) return unsound();
    return column;
  }
  if (encoding != static_cast<uint8_t>(Encoding::kCoded))
    return fail(Errc::kCorrupt, "integer encoding ", static_cast<int>(encoding), " is unknown");
  column.constant_ = false;
  const uint8_t table_count = in.u8();
  if (table_count == 0 || table_count > kTablesMax) return torn();
  if (table_count > 1) {
    const std::string_view packed = in.bytes((size_t{context_count} + 1) / 2);
    if (!in.ok()) return torn();
    column.table_of_ = unpack_halves(packed, context_count);
    if (std::ranges::any_of(column.table_of_, [&](uint8_t t) { return t >= table_count; }))
      return torn();
  }
  column.tables_.reserve(table_count);
  for (uint8_t i = 0; i < table_count; ++i) column.tables_.push_back(in.sized());
  if (page_count > in.remaining()) return torn();
  column.page_begins_.reserve(size_t{page_count} + 1);
  uint64_t begin = 0;
  for (uint32_t i = 0; i < page_count; ++i) {
    column.page_begins_.push_back(static_cast<uint32_t>(begin));
    begin += std::min<uint64_t>(in.uvarint(), UINT32_MAX);
    if (begin > bytes.size()) return torn();
  }
  column.page_begins_.push_back(static_cast<uint32_t>(begin));
  column.bytes_ = in.bytes(begin);
  if (!in.ok() || !in.at_end()) return torn();
  if (!is_sound(guard, bytes.substr(0, bytes.size() - begin))) return unsound();
  return column;
}

Result<PageCursor> PagedIntegers::cursor(uint32_t page) const {
  if (constant_) return PageCursor(value_);
  if (size_t{page} + 1 >= page_begins_.size()) return torn();
  const uint32_t begin = page_begins_[page];
  const uint32_t end = page_begins_[page + 1];
  if (begin == end) return PageCursor();
  const std::string_view bytes = bytes_.substr(begin, end - begin);
  if (!is_sound(guard_, bytes)) return unsound();
  ByteReader in(bytes);
  const std::string_view coded = in.sized();
  if (!in.ok()) return torn();
  return PageCursor(coded, in.bytes(in.remaining()));
}

const RansSlots* PagedIntegers::slots_of_table(size_t table) const {
  const uint32_t bit = 1u << table;
  if ((tables_read_ & bit) == 0) {
    if (!slots_) slots_ = std::make_unique_for_overwrite<RansSlots[]>(tables_.size());
    if (!read_frequencies(tables_[table], slots_[table])) return nullptr;
    tables_read_ |= bit;
  }
  return &slots_[table];
}

uint64_t PagedIntegers::memory_bytes() const {
  return (slots_ ? tables_.size() * sizeof(RansSlots) : 0) +
         page_begins_.capacity() * sizeof(page_begins_[0]) + table_of_.capacity() +
         tables_.size() * sizeof(tables_[0]);
}

Result<uint64_t> PagedIntegers::bound_of(uint32_t context) const {
  if (constant_) return value_;
  const auto slots = slots_of(context);
  if (!slots) return std::unexpected(slots.error());
  const auto symbol = static_cast<uint8_t>((*slots)->entries[(*slots)->count - 1].symbol());
  const unsigned low_bits = low_bits_of(symbol);
  return low_bits > 61 ? UINT64_MAX : base_of(symbol) + ((uint64_t{1} << low_bits) - 1);
}

Result<const RansSlots*> PagedIntegers::slots_of(uint32_t context) const {
  if (context >= context_count_) return torn();
  const RansSlots* slots = slots_of_table(table_of_.empty() ? 0 : table_of_[context]);
  if (slots == nullptr) return torn();
  return slots;
}

Status PagedIntegers::read_all_slots() const {
  for (size_t table = 0; table < tables_.size(); ++table)
    if (slots_of_table(table) == nullptr) return torn();
  return {};
}

namespace {

template <typename Number>
bool fits(uint64_t value) {
  return static_cast<Number>(value) == value;
}

}  // namespace

template <typename Number, size_t kCount>
Status PagedIntegers::read_lanes(std::span<const Part<Number>> parts) const {
  std::array<PageCursor, kCount> cursors;
  std::array<size_t, kCount> at{};
  size_t together = SIZE_MAX;
  for (size_t lane = 0; lane < kCount; ++lane) {
    auto cursor = this->cursor(parts[lane].page);
    if (!cursor) return std::unexpected(std::move(cursor).error());
    cursors[lane] = *cursor;
    if (cursor->is_constant()) {
      if (!fits<Number>(cursor->value())) return torn();
      std::fill_n(parts[lane].out, parts[lane].count, static_cast<Number>(cursor->value()));
      at[lane] = parts[lane].count;
      together = 0;
      continue;
    }
    together = std::min(together, parts[lane].count);
  }
  const uint8_t* const table_of = table_of_.empty() ? nullptr : table_of_.data();
  std::array<const RansSlots*, kTablesMax> slots{};
  for (size_t table = 0; slots_ && table < tables_.size(); ++table) slots[table] = &slots_[table];
  const auto read_all = [&](auto slots_of) {
    std::array<uint64_t, kCount> seen{};  // all bits of all numbers of a lane
    if (together > 0) {
      // Copies of their own: what the loop holds in registers nothing else may point to.
      std::array<PageCursor, kCount> at_work = cursors;
      for (size_t i = 0; i < together; ++i) {
#pragma GCC unroll 4
        for (size_t lane = 0; lane < kCount; ++lane) {
          const uint64_t value = at_work[lane].next(slots_of(parts[lane], i));
          seen[lane] |= value;
          parts[lane].out[i] = static_cast<Number>(value);
        }
      }
      cursors = at_work;
    }
    for (size_t lane = 0; lane < kCount; ++lane) {
      PageCursor cursor = cursors[lane];
      uint64_t bits = seen[lane];
      for (size_t i = std::max(at[lane], together); i < parts[lane].count; ++i) {
        const uint64_t value = cursor.next(slots_of(parts[lane], i));
        bits |= value;
        parts[lane].out[i] = static_cast<Number>(value);
      }
      if ((parts[lane].whole && !cursor.finished()) || !fits<Number>(bits)) return false;
    }
    return true;
  };
  const bool sound =
      table_of == nullptr
          ? read_all([&](const Part<Number>&, size_t) -> const RansSlots& { return *slots[0]; })
          : read_all([&](const Part<Number>& part, size_t i) -> const RansSlots& {
              return *slots[table_of[part.contexts[i]]];
            });
  return sound ? Status{} : torn();
}

// Checks the contexts, and reads the frequencies that they need.
template <typename Number>
Status PagedIntegers::prepare(std::span<const Part<Number>> parts) const {
  if (constant_) return {};
  std::array<bool, kTablesMax> wanted{};
  if (table_of_.empty()) wanted[0] = true;
  for (const Part<Number>& part : parts) {
    for (size_t i = 0; !table_of_.empty() && i < part.count; ++i) {
      if (part.contexts[i] >= context_count_) return torn();
      wanted[table_of_[part.contexts[i]]] = true;
    }
  }
  for (size_t table = 0; table < tables_.size(); ++table)
    if (wanted[table] && slots_of_table(table) == nullptr) return torn();
  return {};
}

template <typename Number>
Status PagedIntegers::read_parts(std::span<const Part<Number>> parts) const {
  if (auto status = prepare(parts); !status) return status;
  size_t at = 0;
  for (; at + kLanes <= parts.size(); at += kLanes)
    if (auto status = read_lanes<Number, kLanes>(parts.subspan(at, kLanes)); !status) return status;
  for (; at < parts.size(); ++at)
    if (auto status = read_lanes<Number, 1>(parts.subspan(at, 1)); !status) return status;
  return {};
}

Status PagedIntegers::read(std::span<const Part<uint64_t>> parts) const {
  return read_parts(parts);
}
Status PagedIntegers::read(std::span<const Part<uint32_t>> parts) const {
  return read_parts(parts);
}

Status PagedIntegers::read(uint32_t page, size_t count, std::span<const uint32_t> contexts,
                           std::vector<uint64_t>& out) const {
  if (!table_of_.empty() && contexts.size() != count) return torn();
  const size_t begin = out.size();
  out.resize(begin + count);
  const Part<uint64_t> part{page, count, contexts.data(), out.data() + begin};
  return read_parts(std::span(&part, 1));
}

}  // namespace sightline::tracestore
