#include "tsdb/head/label_pairs.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/result.h"

namespace sightline::tsdb {
namespace {

// Calls `visit` with the packed bytes of each pair.
template <typename Visit>
void each_pair(const model::Labels& labels, Visit visit) {
  const char* begin = labels.packed().data();
  for (const model::LabelView label : labels) {
    const char* end = label.value.data() + label.value.size();
    visit(std::string_view(begin, static_cast<size_t>(end - begin)));
    begin = end;
  }
}

}  // namespace

LabelPairs::~LabelPairs() {
  for (auto& piece : pieces_) delete[] piece.load();
}

size_t LabelPairs::size() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

uint32_t LabelPairs::add(std::string_view packed) {
  uint32_t number = 0;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else {
    number = next_++;
    const unsigned piece = piece_of(number);
    SL_ASSERT(piece < kPieces);
    if (number == begin_of(piece))
      pieces_[piece].store(new Entry[uint64_t{1} << (piece + kFirstBits)],
                           std::memory_order_release);
  }
  entry(number).packed = packed;
  table_.insert(number);
  return number;
}

void LabelPairs::take(const model::Labels& labels, std::span<uint32_t> numbers) {
  const std::lock_guard lock(mutex_);
  size_t i = 0;
  each_pair(labels, [&](std::string_view packed) {
    const auto found = table_.find(packed);
    const uint32_t number = found != table_.end() ? *found : add(packed);
    ++entry(number).references;
    numbers[i++] = number;
  });
}

void LabelPairs::release(std::span<const uint32_t> numbers) {
  const std::lock_guard lock(mutex_);
  for (const uint32_t number : numbers) {
    Entry& each = entry(number);
    if (--each.references > 0) continue;
    table_.erase(number);
    std::string().swap(each.packed);
    free_.push_back(number);
  }
}

std::strong_ordering LabelPairs::compare(uint32_t a, uint32_t b) const {
  ByteReader x(packed(a));
  ByteReader y(packed(b));
  if (const auto order = x.sized() <=> y.sized(); order != 0) return order;
  return x.sized() <=> y.sized();
}

InternedLabels::InternedLabels(LabelPairs& pairs, const model::Labels& labels) {
  const size_t count = labels.size();
  bytes_.reset(new std::byte[std::max(sizeof(Header), kNumbersAt + count * sizeof(uint32_t))]);
  new (bytes_.get()) Header{&pairs, static_cast<uint32_t>(count)};
  pairs.take(labels, numbers());
}

InternedLabels::~InternedLabels() { header().pairs->release(numbers()); }

model::Labels InternedLabels::labels() const {
  const LabelPairs& pairs = *header().pairs;
  size_t size = 0;
  for (const uint32_t number : numbers()) size += pairs.packed(number).size();
  std::string packed;
  packed.reserve(size);
  for (const uint32_t number : numbers()) packed += pairs.packed(number);
  return model::Labels::from_packed(std::move(packed));
}

bool operator==(const InternedLabels& a, const InternedLabels& b) {
  return std::ranges::equal(a.numbers(), b.numbers());
}

bool InternedLabels::operator==(const model::Labels& labels) const {
  std::string_view rest = labels.packed();
  for (const uint32_t number : numbers()) {
    const std::string_view pair = header().pairs->packed(number);
    if (!rest.starts_with(pair)) return false;
    rest.remove_prefix(pair.size());
  }
  return rest.empty();
}

std::strong_ordering operator<=>(const InternedLabels& a, const InternedLabels& b) {
  const auto x = a.numbers();
  const auto y = b.numbers();
  const size_t common = std::min(x.size(), y.size());
  for (size_t i = 0; i < common; ++i)
    if (x[i] != y[i]) return a.header().pairs->compare(x[i], y[i]);
  return x.size() <=> y.size();
}

}  // namespace sightline::tsdb
