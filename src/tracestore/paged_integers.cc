#include "tracestore/paged_integers.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace sightline::tracestore {
namespace {

enum class Encoding : uint8_t { kConstant = 0, kCoded = 1 };

constexpr uint32_t kTablesMax = 16;
constexpr uint64_t kSmall =
    16;  // below: a symbol of its own; from there four symbols to each power of two
constexpr size_t kSymbols = 256;

// Of `value`: its symbol, and how many low bits the symbol does not say.
uint8_t symbol_of(uint64_t value) {
  if (value < kSmall) return static_cast<uint8_t>(value);
  const auto width = static_cast<unsigned>(std::bit_width(value));  // 5 to 64
  return static_cast<uint8_t>(kSmall + (width - 5) * 4 + (value >> (width - 3) & 3));
}
unsigned low_bits_of(uint8_t symbol) { return symbol < kSmall ? 0 : (symbol - kSmall) / 4u + 2; }
uint64_t base_of(uint8_t symbol) {
  if (symbol < kSmall) return symbol;
  return (uint64_t{4} + (symbol - kSmall) % 4u) << low_bits_of(symbol);
}

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}
  void put(uint64_t bits, unsigned count) {
    while (count > 0) {
      const unsigned taken = std::min(count, 64 - used_);
      word_ |= (taken == 64 ? bits : bits & ((uint64_t{1} << taken) - 1)) << used_;
      used_ += taken;
      count -= taken;
      bits = taken == 64 ? 0 : bits >> taken;
      if (used_ == 64) {
        append_le<uint64_t>(out_, word_);
        word_ = 0;
        used_ = 0;
      }
    }
  }
  void finish() { out_.append(reinterpret_cast<const char*>(&word_), (used_ + 7) / 8); }

 private:
  std::string& out_;
  uint64_t word_ = 0;
  unsigned used_ = 0;
};

// `count` bits from bit `at` on, up to 62; those past the end are zeros.
uint64_t bits_at(std::string_view bytes, size_t at, unsigned count) {
  const size_t byte = at / 8;
  const unsigned shift = at % 8;
  uint64_t bits = 0;
  if (byte + 9 <= bytes.size()) {
    bits = load_le<uint64_t>(bytes.data() + byte) >> shift;
    if (shift + count > 64) bits |= uint64_t{static_cast<uint8_t>(bytes[byte + 8])} << (64 - shift);
  } else {
    for (unsigned i = 0; i < count; ++i)
      if ((at + i) / 8 < bytes.size())
        bits |= static_cast<uint64_t>(bytes[(at + i) / 8] >> (at + i) % 8 & 1) << i;
  }
  return bits & ((uint64_t{1} << count) - 1);
}

// Puts contexts whose numbers are of similar magnitude together; empty when one table is as good.
std::vector<uint8_t> group_contexts(const PagedInput& input, std::span<const uint8_t> symbols,
                                    uint32_t& table_count) {
  table_count = 1;
  const uint32_t tables_max = std::min<uint32_t>(
      {kTablesMax, input.context_count, static_cast<uint32_t>(symbols.size() / 400)});
  if (tables_max < 2) return {};
  std::vector<uint64_t> sum(input.context_count), count(input.context_count);
  for (size_t i = 0; i < symbols.size(); ++i) {
    sum[input.contexts[i]] += symbols[i];
    ++count[input.contexts[i]];
  }
  std::vector<uint32_t> order(input.context_count);
  std::iota(order.begin(), order.end(), 0);
  const auto mean = [&](uint32_t c) {
    return count[c] == 0 ? 0.0 : static_cast<double>(sum[c]) / static_cast<double>(count[c]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return mean(a) < mean(b); });
  std::vector<uint8_t> table_of(input.context_count, 0);
  uint64_t seen = 0;
  for (const uint32_t context : order) {
    // By the middle of its share, so that one large context does not open an empty table.
    const uint64_t middle = seen + count[context] / 2;
    table_of[context] = static_cast<uint8_t>(
        std::min<uint64_t>(tables_max - 1, middle * tables_max / symbols.size()));
    seen += count[context];
  }
  // Without gaps in the numbering.
  std::array<int, kTablesMax> renamed{};
  renamed.fill(-1);
  int next = 0;
  for (const uint32_t context : order)
    if (count[context] > 0 && renamed[table_of[context]] < 0) renamed[table_of[context]] = next++;
  for (uint32_t c = 0; c < input.context_count; ++c)
    table_of[c] = static_cast<uint8_t>(std::max(0, renamed[table_of[c]]));
  table_count = static_cast<uint32_t>(next);
  return table_of;
}

using Counts = std::array<uint64_t, kSymbols>;

std::vector<Frequencies> make_tables(std::span<const uint8_t> symbols,
                                     std::span<const uint32_t> contexts,
                                     std::span<const uint8_t> table_of, uint32_t table_count,
                                     double& bytes) {
  std::vector<Counts> counts(table_count);
  for (Counts& c : counts) c.fill(0);
  for (size_t i = 0; i < symbols.size(); ++i)
    ++counts[table_of.empty() ? 0 : table_of[contexts[i]]][symbols[i]];
  std::vector<Frequencies> tables;
  std::string written;
  bytes = 0;
  for (const Counts& c : counts) {
    tables.push_back(Frequencies::of(c));
    tables.back().append_to(written);
    bytes += tables.back().cost(c) / 8;
  }
  bytes += static_cast<double>(written.size() + table_of.size() / 2);
  return tables;
}

// All symbols of a page that say nothing new: it has no bytes.
void append_page(const PagedInput& input, std::span<const uint8_t> symbols, size_t begin,
                 size_t end, std::span<const uint8_t> table_of,
                 const std::vector<Frequencies>& tables, std::string& out) {
  const auto page = input.values.subspan(begin, end - begin);
  if (std::all_of(page.begin(), page.end(), [](uint64_t v) { return v == 0; })) return;
  RansEncoder coder;
  for (size_t i = end; i-- > begin;) {
    const Frequencies& table = tables[table_of.empty() ? 0 : table_of[input.contexts[i]]];
    if (!table.is_single()) coder.put(table, symbols[i]);
  }
  std::string coded;
  coder.append_to(coded);
  append_sized(out, coded);
  BitWriter bits(out);
  for (size_t i = begin; i < end; ++i) bits.put(input.values[i], low_bits_of(symbols[i]));
  bits.finish();
}

std::unexpected<Error> torn() { return fail(Errc::kCorrupt, "paged integers are torn"); }

}  // namespace

void encode_paged(const PagedInput& input, std::string& out) {
  if (input.values.empty()) return;
  const uint64_t first = input.values.front();
  if (std::all_of(input.values.begin(), input.values.end(),
                  [&](uint64_t v) { return v == first; })) {
    out.push_back(static_cast<char>(Encoding::kConstant));
    append_uvarint(out, first);
    return;
  }
  std::vector<uint8_t> symbols(input.values.size());
  for (size_t i = 0; i < symbols.size(); ++i) symbols[i] = symbol_of(input.values[i]);
  double single_bytes = 0;
  std::vector<Frequencies> tables = make_tables(symbols, {}, {}, 1, single_bytes);
  std::vector<uint8_t> table_of;
  if (!input.contexts.empty()) {
    uint32_t table_count = 1;
    auto grouped = group_contexts(input, symbols, table_count);
    double grouped_bytes = 0;
    if (table_count > 1) {
      auto more = make_tables(symbols, input.contexts, grouped, table_count, grouped_bytes);
      if (grouped_bytes < single_bytes) {
        tables = std::move(more);
        table_of = std::move(grouped);
      }
    }
  }
  out.push_back(static_cast<char>(Encoding::kCoded));
  out.push_back(static_cast<char>(tables.size()));
  for (size_t i = 0; i < table_of.size(); i += 2)
    out.push_back(
        static_cast<char>(table_of[i] | (i + 1 < table_of.size() ? table_of[i + 1] << 4 : 0)));
  for (const Frequencies& table : tables) table.append_to(out);
  std::string pages;
  size_t begin = 0;
  for (const uint32_t end : input.page_ends) {
    const size_t before = pages.size();
    append_page(input, symbols, begin, end, table_of, tables, pages);
    append_uvarint(out, pages.size() - before);
    begin = end;
  }
  out += pages;
}

std::string_view paged_encoding_name(std::string_view bytes) {
  if (bytes.empty() || static_cast<Encoding>(bytes[0]) == Encoding::kConstant) return "constant";
  return bytes.size() > 1 && bytes[1] > 1 ? "coded by context" : "coded";
}

Result<PagedIntegers> PagedIntegers::open(std::string_view bytes, uint32_t context_count,
                                          uint32_t page_count) {
  PagedIntegers column;
  column.context_count_ = context_count;
  column.constant_ = true;
  if (bytes.empty()) return column;
  ByteReader in(bytes);
  const uint8_t encoding = in.u8();
  if (encoding == static_cast<uint8_t>(Encoding::kConstant)) {
    column.value_ = in.uvarint();
    if (!in.ok() || !in.at_end()) return torn();
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
    column.table_of_.resize(context_count);
    for (size_t i = 0; i < context_count; ++i) {
      column.table_of_[i] = static_cast<uint8_t>(packed[i / 2] >> (i % 2 * 4) & 15);
      if (column.table_of_[i] >= table_count) return torn();
    }
  }
  for (uint8_t i = 0; i < table_count; ++i) {
    column.tables_.push_back(Frequencies::read(in));
    if (column.tables_.back().empty()) return torn();
  }
  if (page_count > in.remaining()) return torn();
  std::vector<uint64_t> lengths;
  for (uint32_t i = 0; i < page_count; ++i) lengths.push_back(in.uvarint());
  for (const uint64_t length : lengths) column.pages_.push_back(in.bytes(length));
  if (!in.ok() || !in.at_end()) return torn();
  return column;
}

Result<PagedIntegers::Cursor> PagedIntegers::cursor(uint32_t page) const {
  Cursor cursor;
  cursor.column_ = this;
  if (constant_) return cursor;
  if (page >= pages_.size()) return torn();
  if (pages_[page].empty()) return cursor;
  ByteReader in(pages_[page]);
  const std::string_view coded = in.sized();
  if (!in.ok()) return torn();
  cursor.empty_ = false;
  cursor.coder_ = RansDecoder(coded);
  cursor.bits_ = in.bytes(in.remaining());
  return cursor;
}

uint64_t PagedIntegers::Cursor::next(uint32_t context) {
  if (empty_) return column_->constant_ ? column_->value_ : 0;
  const Frequencies* table = &column_->tables_.front();
  if (!column_->table_of_.empty()) {
    if (context >= column_->table_of_.size()) {
      ok_ = false;
      return 0;
    }
    table = &column_->tables_[column_->table_of_[context]];
  }
  const uint8_t symbol = table->is_single() ? table->only() : coder_.get(*table);
  const unsigned low = low_bits_of(symbol);
  if (low == 0) return base_of(symbol);
  const uint64_t value = base_of(symbol) + bits_at(bits_, bit_, low);
  bit_ += low;
  return value;
}

bool PagedIntegers::Cursor::finished() const {
  return ok_ && (empty_ || (coder_.finished() && (bit_ + 7) / 8 == bits_.size()));
}

Status PagedIntegers::read(uint32_t page, size_t count, std::span<const uint32_t> contexts,
                           std::vector<uint64_t>& out) const {
  if (!table_of_.empty() && contexts.size() != count) return torn();
  auto from = cursor(page);
  if (!from) return std::unexpected(std::move(from).error());
  out.reserve(out.size() + count);
  for (size_t i = 0; i < count; ++i) out.push_back(from->next(table_of_.empty() ? 0 : contexts[i]));
  return from->finished() ? Status{} : torn();
}

}  // namespace sightline::tracestore
