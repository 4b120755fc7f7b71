#include "tsdb/block/exemplar_pages.h"

#include <algorithm>
#include <bit>
#include <map>

#include "base/checksum.h"
#include "tsdb/codec/adaptive_column.h"
#include "tsdb/codec/integer_column.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kPageMeasurements = 512;  // then the page ends with the series
constexpr size_t kPageListBytes = 8 << 10;
constexpr uint64_t kMeasurementsMax = 1 << 20;  // of one page, and of one list
constexpr int64_t kExactTimesMax = int64_t{1} << 53;

// What a run of a list is made of; the bits above them are its length.
enum Run : uint8_t {
  kOwn = 0,       // the next ones of this page
  kSamePage = 1,  // of the page that the run before was of
  kOtherPage = 2,
  kKindMask = 3,
  kOtherValue = 4,  // with a value of its own
};
constexpr unsigned kRunBits = 3;

bool can_be_shared(const StoredExemplar& e) {
  return e.trace_id.is_valid() && e.has_time && e.labels == nullptr;
}

uint64_t hash_of(const StoredExemplar& e) {
  std::string key;
  append_le(key, e.time);
  key.append(reinterpret_cast<const char*>(e.trace_id.bytes.data()), e.trace_id.bytes.size());
  key.append(reinterpret_cast<const char*>(e.span_id.bytes.data()), e.span_id.bytes.size());
  return xxh3(key);
}

bool same_value(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

std::string_view bytes_of(const TraceId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

// u8 1: adaptively coded above the smallest; 0: too far apart for that.
void append_times(std::string& out, const std::vector<StoredExemplar>& measurements) {
  std::vector<int64_t> times;
  for (const StoredExemplar& e : measurements) times.push_back(e.time);
  const auto [min, max] = std::minmax_element(times.begin(), times.end());
  const bool near = *max - *min < kExactTimesMax;
  out.push_back(near ? 1 : 0);
  if (!near) return append_integer_column(out, times);
  append_svarint(out, *min);
  std::vector<double> above;
  for (const int64_t time : times) above.push_back(static_cast<double>(time - *min));
  append_adaptive_column(out, above);
}

bool read_times(ByteReader& in, std::span<int64_t> out) {
  const uint8_t near = in.u8();
  if (near > 1) return false;
  if (near == 0) return read_integer_column(in, out);
  const auto min = static_cast<uint64_t>(in.svarint());
  std::vector<double> above(out.size());
  if (!read_adaptive_column(in, above)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!(above[i] >= 0 && above[i] < static_cast<double>(kExactTimesMax))) return false;
    out[i] = static_cast<int64_t>(min + static_cast<uint64_t>(above[i]));
  }
  return true;
}

// Each trace once, in the order of first use; per measurement its place among them.
void append_traces(std::string& out, const std::vector<StoredExemplar>& measurements) {
  std::map<std::string_view, int64_t> numbers;
  std::vector<int64_t> places;
  std::string traces;
  for (const StoredExemplar& e : measurements) {
    const auto [at, fresh] =
        numbers.try_emplace(bytes_of(e.trace_id), static_cast<int64_t>(numbers.size()));
    if (fresh) traces += at->first;
    places.push_back(at->second);
  }
  append_uvarint(out, numbers.size());
  out += traces;
  if (numbers.size() != measurements.size()) append_integer_column(out, places);
}

bool read_traces(ByteReader& in, std::span<StoredExemplar> out) {
  const uint64_t count = in.uvarint();
  if (!in.ok() || count > out.size()) return false;
  const std::string_view traces = in.bytes(count * 16);
  if (!in.ok()) return false;
  std::vector<int64_t> places(count == out.size() ? 0 : out.size());
  if (!places.empty() && !read_integer_column(in, places)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t place = places.empty() ? i : static_cast<uint64_t>(places[i]);
    if (place >= count) return false;
    out[i].trace_id = trace_id_from_bytes(traces.substr(place * 16, 16)).value_or(TraceId{});
  }
  return true;
}

// Whether the wire carried a time, and label sets beside the ids.
void append_rest(std::string& out, const std::vector<StoredExemplar>& measurements) {
  std::map<std::string_view, int64_t> sets;
  std::vector<int64_t> numbers;  // 2 * label set from 1 + without time
  std::string table;
  for (const StoredExemplar& e : measurements) {
    int64_t number = 0;
    if (const std::string_view labels = e.packed_labels(); !labels.empty()) {
      const auto [at, fresh] = sets.try_emplace(labels, static_cast<int64_t>(sets.size()) + 1);
      if (fresh) append_sized(table, labels);
      number = at->second;
    }
    numbers.push_back(2 * number + (e.has_time ? 0 : 1));
  }
  append_uvarint(out, sets.size());
  out += table;
  append_integer_column(out, numbers);
}

bool read_rest(ByteReader& in, std::span<StoredExemplar> out) {
  const uint64_t sets = in.uvarint();
  if (!in.ok() || sets > in.remaining()) return false;
  std::vector<std::shared_ptr<const std::string>> table;
  for (uint64_t i = 0; i < sets; ++i) {
    const std::string_view packed = in.sized();
    if (!in.ok() || !model::Labels::is_packed(packed)) return false;
    table.push_back(std::make_shared<const std::string>(packed));
  }
  std::vector<int64_t> numbers(out.size());
  if (!read_integer_column(in, numbers)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const auto number = static_cast<uint64_t>(numbers[i]);
    if (number / 2 > sets) return false;
    out[i].has_time = number % 2 == 0;
    if (number > 1) out[i].labels = table[number / 2 - 1];
  }
  return true;
}

// The runs of a list, joined where they follow each other.
class ListWriter {
 public:
  ListWriter(uint64_t own_page, uint64_t first_own, uint64_t first_other_value)
      : own_page_(own_page) {
    append_uvarint(bytes_, first_own);
    append_uvarint(bytes_, first_other_value);
  }
  void own() {
    if (kind_ != kOwn || length_ == 0) begin(kOwn, 0);
    ++length_;
  }
  void shared(uint64_t page, uint32_t index, bool other_value) {
    const uint8_t flag = other_value ? kOtherValue : 0;
    const bool same = known_ && page == page_;
    const bool follows =
        length_ > 0 && kind_ != kOwn && same && index == next_ && (kind_ & kOtherValue) == flag;
    if (!follows) {
      begin(static_cast<uint8_t>((same ? kSamePage : kOtherPage) | flag),
            static_cast<int64_t>(index) - static_cast<int64_t>(same ? next_ : 0));
      back_ = own_page_ - page;
      page_ = page;
      known_ = true;
    }
    next_ = index + 1;
    ++length_;
  }
  std::string finish() {
    end();
    return std::move(bytes_);
  }

 private:
  void begin(uint8_t kind, int64_t step) {
    end();
    kind_ = kind;
    step_ = step;
  }
  void end() {
    if (length_ == 0) return;
    append_uvarint(bytes_, length_ << kRunBits | kind_);
    if ((kind_ & kKindMask) == kOtherPage) append_uvarint(bytes_, back_);
    if (kind_ != kOwn) append_svarint(bytes_, step_);
    length_ = 0;
  }

  std::string bytes_;
  const uint64_t own_page_;
  uint64_t length_ = 0;  // of the run being made
  uint8_t kind_ = kOwn;
  int64_t step_ = 0;
  uint64_t back_ = 0;
  uint64_t page_ = 0;  // of the last one that was shared
  uint64_t next_ = 0;
  bool known_ = false;
};

}  // namespace

const ExemplarPagesWriter::Remembered* ExemplarPagesWriter::recall(const StoredExemplar& e,
                                                                   uint64_t hash) const {
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return nullptr;
  const Remembered& known = remembered_[found->second];
  const StoredExemplar& m = known.measurement;
  const bool same = m.time == e.time && m.trace_id == e.trace_id && m.span_id == e.span_id;
  return same ? &known : nullptr;
}

void ExemplarPagesWriter::remember(const StoredExemplar& e, uint64_t hash, Place place) {
  size_t at = remembered_.size();
  if (at < kMeasurementsRemembered) {
    remembered_.emplace_back();
  } else {
    at = oldest_;
    oldest_ = (oldest_ + 1) % kMeasurementsRemembered;
    if (const auto old = by_hash_.find(remembered_[at].hash);
        old != by_hash_.end() && old->second == at)
      by_hash_.erase(old);
  }
  remembered_[at] = {e, place, hash};
  by_hash_[hash] = static_cast<uint32_t>(at);
}

ExemplarList ExemplarPagesWriter::add(const std::vector<StoredExemplar>& exemplars) {
  ListWriter list(page_, measurements_.size(), other_values_.size());
  for (const StoredExemplar& e : exemplars) {
    const uint64_t hash = can_be_shared(e) ? hash_of(e) : 0;
    if (const Remembered* known = can_be_shared(e) ? recall(e, hash) : nullptr) {
      const bool other_value = !same_value(known->measurement.value, e.value);
      if (other_value) other_values_.push_back(e.value);
      list.shared(known->place.page, known->place.index, other_value);
      continue;
    }
    if (can_be_shared(e)) remember(e, hash, {page_, static_cast<uint32_t>(measurements_.size())});
    measurements_.push_back(e);
    list.own();
  }
  const std::string bytes = list.finish();
  const ExemplarList result{page_, lists_.size(), bytes.size()};
  lists_ += bytes;
  return result;
}

bool ExemplarPagesWriter::is_full() const {
  return measurements_.size() >= kPageMeasurements || lists_.size() >= kPageListBytes;
}

std::string ExemplarPagesWriter::take() {
  std::string out;
  append_uvarint(out, measurements_.size());
  append_uvarint(out, other_values_.size());
  if (!measurements_.empty()) {
    std::vector<double> values;
    for (const StoredExemplar& e : measurements_) values.push_back(e.value);
    append_times(out, measurements_);
    append_adaptive_column(out, values);
    append_traces(out, measurements_);
    for (const StoredExemplar& e : measurements_)
      out.append(reinterpret_cast<const char*>(e.span_id.bytes.data()), e.span_id.bytes.size());
    append_rest(out, measurements_);
  }
  append_adaptive_column(out, other_values_);
  out += lists_;
  measurements_.clear();
  other_values_.clear();
  lists_.clear();
  ++page_;
  return out;
}

Result<std::shared_ptr<const ExemplarPage>> ExemplarPage::decode(std::string_view bytes) {
  ByteReader in(bytes);
  auto page = std::make_shared<ExemplarPage>();
  const uint64_t count = in.uvarint();
  const uint64_t other_values = in.uvarint();
  const auto damaged = [&] {
    return fail(Errc::kCorrupt, "page of exemplars is damaged near byte ", in.offset());
  };
  // Each measurement takes the eight bytes of its span; a value may take none, beside others that are the same.
  if (!in.ok() || count > in.remaining() / 8 || count > kMeasurementsMax ||
      other_values > kMeasurementsMax)
    return damaged();
  page->measurements_.resize(count);
  page->other_values_.resize(other_values);
  if (count > 0) {
    std::vector<int64_t> times(count);
    std::vector<double> values(count);
    if (!read_times(in, times) || !read_adaptive_column(in, values) ||
        !read_traces(in, page->measurements_))
      return damaged();
    for (uint64_t i = 0; i < count; ++i) {
      StoredExemplar& e = page->measurements_[i];
      e.time = times[i];
      e.value = values[i];
      e.span_id = span_id_from_bytes(in.bytes(8)).value_or(SpanId{});
    }
    if (!in.ok() || !read_rest(in, page->measurements_)) return damaged();
  }
  if (!read_adaptive_column(in, page->other_values_) || !in.ok()) return damaged();
  page->lists_ = bytes.substr(in.offset());
  return std::shared_ptr<const ExemplarPage>(std::move(page));
}

ExemplarPageCache::PagePtr ExemplarPageCache::find(const void* page) const {
  const std::lock_guard lock(mutex_);
  const auto found = pages_.find(page);
  return found == pages_.end() ? nullptr : found->second;
}

void ExemplarPageCache::keep(const void* page, PagePtr decoded) {
  const std::lock_guard lock(mutex_);
  if (pages_.size() >= kPagesMax) pages_.clear();
  pages_[page] = std::move(decoded);
}

namespace {

class ListReader {
 public:
  ListReader(const ExemplarList& list, const ExemplarPageSource& page_of,
             std::shared_ptr<const ExemplarPage> own)
      : list_(list),
        page_of_(page_of),
        own_(std::move(own)),
        in_(own_->lists().substr(list.offset, list.bytes)) {}

  Status run(std::vector<StoredExemplar>& out) {
    own_next_ = in_.uvarint();
    other_value_next_ = in_.uvarint();
    while (in_.ok() && !in_.at_end()) {
      const uint64_t head = in_.uvarint();
      if (!in_.ok()) return damaged();
      if (auto status =
              take_run(static_cast<uint8_t>(head & ((1u << kRunBits) - 1)), head >> kRunBits, out);
          !status)
        return status;
    }
    return in_.ok() ? Status() : damaged();
  }

 private:
  Status take_run(uint8_t kind, uint64_t length, std::vector<StoredExemplar>& out) {
    if (kind == kOwn) return take(own_->measurements(), own_next_, length, false, out);
    if ((kind & kKindMask) == kOtherPage) {
      const uint64_t back = in_.uvarint();
      if (!in_.ok() || back > list_.page) return damaged();
      auto page = back == 0 ? Result<std::shared_ptr<const ExemplarPage>>(own_)
                            : page_of_(list_.page - back);
      if (!page) return std::unexpected(std::move(page).error());
      shared_ = std::move(*page);
      shared_next_ = 0;
    } else if ((kind & kKindMask) != kSamePage || shared_ == nullptr) {
      return damaged();
    }
    shared_next_ += static_cast<uint64_t>(in_.svarint());
    if (!in_.ok()) return damaged();
    return take(shared_->measurements(), shared_next_, length, (kind & kOtherValue) != 0, out);
  }

  Status take(std::span<const StoredExemplar> from, uint64_t& next, uint64_t length,
              bool other_value, std::vector<StoredExemplar>& out) {
    taken_ += length;
    if (length > from.size() || next > from.size() - length || taken_ > kMeasurementsMax)
      return damaged();
    for (; length > 0; --length) {
      out.push_back(from[next++]);
      if (!other_value) continue;
      if (other_value_next_ >= own_->other_values().size()) return damaged();
      out.back().value = own_->other_values()[other_value_next_++];
    }
    return {};
  }

  std::unexpected<Error> damaged() const {
    return fail(Errc::kCorrupt, "list of exemplars in page ", list_.page, " is damaged");
  }

  const ExemplarList list_;
  const ExemplarPageSource& page_of_;
  const std::shared_ptr<const ExemplarPage> own_;
  ByteReader in_;
  uint64_t own_next_ = 0;
  uint64_t other_value_next_ = 0;
  std::shared_ptr<const ExemplarPage> shared_;
  uint64_t shared_next_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace

Status read_exemplar_list(const ExemplarList& list, const ExemplarPageSource& page_of,
                          std::vector<StoredExemplar>& out) {
  auto own = page_of(list.page);
  if (!own) return std::unexpected(std::move(own).error());
  const size_t lists = (*own)->lists().size();
  if (list.offset > lists || list.bytes > lists - list.offset)
    return fail(Errc::kCorrupt, "list of exemplars lies beyond its page");
  const size_t before = out.size();
  auto status = ListReader(list, page_of, std::move(*own)).run(out);
  if (!status) out.resize(before);
  return status;
}

}  // namespace sightline::tsdb
