#include "tracestore/row_group/page_columns.h"

#include <algorithm>
#include <numeric>

#include "tracestore/querier.h"
#include "tracestore/row_group/class_reader.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kPagesTogether = 4;  // whose classes are read side by side
constexpr size_t kDistinctRead =
    1024;  // dictionaries up to here are read whole for any number of values

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

std::vector<uint32_t> all_pages(size_t count) {
  std::vector<uint32_t> pages(count);
  std::iota(pages.begin(), pages.end(), 0);
  return pages;
}

}  // namespace

PageColumns::PageColumns(RowGroupDecoder& decoder, std::vector<uint32_t> pages)
    : decoder_(decoder), tables_(*decoder.shared_tables()), pages_(std::move(pages)) {
  rows_in_page_.reserve(pages_.size());
  for (const uint32_t page : pages_) {
    rows_in_page_.push_back(tables_.pages[page].rows);
    row_count_ += rows_in_page_.back();
  }
}

PageColumns::PageColumns(RowGroupDecoder& decoder)
    : PageColumns(decoder, all_pages(decoder.shared_tables()->pages.size())) {}

PageColumns::PageColumns(RowGroupDecoder& decoder, uint32_t page, uint32_t rows)
    : PageColumns(decoder, std::vector<uint32_t>{page}) {
  if (rows >= row_count_) return;
  whole_ = false;
  rows_in_page_[0] = row_count_ = rows;
  for (uint32_t left = rows; left > 0; ++traces_of_begin_)
    left -= std::min(left, tables_.trace_rows[tables_.pages[page].first_trace + traces_of_begin_]);
}

// `counts`: the values of each page; `contexts`: of all of them.
template <typename Number>
Status PageColumns::read_numbers(ChunkType type, uint32_t context_count,
                                 std::span<const uint32_t> counts,
                                 std::span<const uint32_t> contexts, std::vector<Number>& out) {
  const auto column = decoder_.paged(type, context_count);
  if (!column) return std::unexpected(column.error());
  out.resize(contexts.size());
  PagedIntegers::Parts<Number> parts;
  parts.reserve(pages_.size());
  size_t at = 0;
  for (size_t i = 0; i < pages_.size(); at += counts[i++])
    parts.push_back({pages_[i], counts[i], contexts.data() + at, out.data() + at, whole_});
  return (*column)->read(parts);
}

Status PageColumns::read_classes() {
  const auto ranks = decoder_.paged(ChunkType::kClasses, decoder_.class_count() + 1);
  if (!ranks) return std::unexpected(ranks.error());
  const auto others = decoder_.paged(ChunkType::kOtherClasses, 1);
  if (!others) return std::unexpected(others.error());
  const auto reader = ClassReader::make(tables_, **ranks, **others, row_count_);
  if (!reader) return std::unexpected(reader.error());
  std::vector<uint32_t> classes(row_count_);
  uint32_t* out = classes.data();
  for (size_t begin = 0; begin < pages_.size(); begin += kPagesTogether) {
    const size_t count = std::min(kPagesTogether, pages_.size() - begin);
    std::array<ClassLane, kPagesTogether> lanes;
    uint32_t together = count == kPagesTogether ? UINT32_MAX : 0;
    for (size_t i = 0; i < count; ++i) {
      const RowPage& of = page(begin + i);
      auto rank_cursor = (*ranks)->cursor(pages_[begin + i]);
      if (!rank_cursor) return std::unexpected(rank_cursor.error());
      auto other_cursor = (*others)->cursor(pages_[begin + i]);
      if (!other_cursor) return std::unexpected(other_cursor.error());
      lanes[i] = {.ranks = *rank_cursor,
                  .others = *other_cursor,
                  .trace_rows = tables_.trace_rows.data() + of.first_trace,
                  .out = out,
                  .rows = rows_in_page_[begin + i]};
      out += lanes[i].rows;
      together = std::min(together, lanes[i].rows);
    }
    reader->read(std::span(lanes), together);
    for (size_t i = 0; i < count; ++i) {
      reader->read(std::span(lanes).subspan(i).first<1>(), lanes[i].rows - together);
      const bool finished = lanes[i].ranks.finished() && lanes[i].others.finished();
      if (!lanes[i].sound || (whole_ && !finished)) return torn("classes are torn");
    }
  }
  classes_ = std::move(classes);
  return {};
}

Result<std::span<const uint32_t>> PageColumns::classes() {
  if (classes_.empty())
    if (auto status = read_classes(); !status) return std::unexpected(std::move(status).error());
  return classes_;
}

Status PageColumns::read_parents() {
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  if (auto status = read_numbers(ChunkType::kParents, decoder_.class_count(), rows_in_page_,
                                 *classes, parent_symbols_);
      !status)
    return status;
  std::vector<uint32_t> parents(row_count_);
  uint32_t row = 0;
  for (size_t i = 0; i < pages_.size(); ++i) {
    const uint32_t first = page(i).first_trace;
    for (uint32_t trace = first; trace < end_of_traces(i); ++trace) {
      const uint32_t begin = row;
      const uint32_t end = begin + tables_.trace_rows[trace];
      for (; row < end; ++row) {
        const uint32_t symbol = parent_symbols_[row];
        parents[row] = kNoRow;
        if (symbol == kParentNone || symbol == kParentForeign) continue;
        parents[row] = parent_of_symbol(symbol, row, begin, end, parents);
        if (parents[row] == kNoRow) return torn("a parent lies outside its trace");
      }
    }
  }
  parent_rows_ = std::move(parents);
  return {};
}

Result<std::span<const uint32_t>> PageColumns::parent_rows() {
  if (parent_rows_.empty())
    if (auto status = read_parents(); !status) return std::unexpected(std::move(status).error());
  return parent_rows_;
}

Result<std::vector<SpanId>> PageColumns::span_ids() {
  const auto bytes = decoder_.guarded_bytes(ChunkType::kSpanIds);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != size_t{decoder_.zone().rows} * sizeof(SpanId))
    return torn("ids have the wrong length");
  std::vector<SpanId> ids(row_count_);
  static_assert(std::is_trivially_copyable_v<SpanId>);
  size_t at = 0;
  for (size_t i = 0; i < pages_.size(); at += rows_in_page_[i++]) {
    const auto of_page = bytes->substr(size_t{page(i).begin} * sizeof(SpanId),
                                       size_t{rows_in_page_[i]} * sizeof(SpanId));
    if (!is_sound(decoder_.guard(), of_page)) return torn("checksum of ids does not match");
    std::memcpy(static_cast<void*>(ids.data() + at), of_page.data(), of_page.size());
  }
  return ids;
}

Result<std::vector<SpanId>> PageColumns::parents() {
  const auto parent_rows = this->parent_rows();
  if (!parent_rows) return std::unexpected(parent_rows.error());
  const auto begins = decoder_.begins_of_pages(ChunkType::kForeignOfPages);
  if (!begins) return std::unexpected(begins.error());
  const auto foreign = decoder_.chunk_bytes(ChunkType::kForeignParents);
  const auto ids = span_ids();
  if (!foreign || !ids) return std::unexpected(foreign ? ids.error() : foreign.error());
  if (foreign->size() != size_t{(*begins)->back()} * sizeof(SpanId))
    return torn("ids have the wrong length");
  std::vector<SpanId> parents(row_count_);
  uint32_t row = 0;
  for (size_t i = 0; i < pages_.size(); ++i) {
    uint32_t next = (**begins)[pages_[i]];
    const uint32_t last = (**begins)[pages_[i] + 1];
    for (const uint32_t end = row + rows_in_page_[i]; row < end; ++row) {
      if ((*parent_rows)[row] != kNoRow) {
        parents[row] = (*ids)[(*parent_rows)[row]];
      } else if (parent_symbols_[row] == kParentForeign) {
        if (next == last) return torn("parents outnumber their ids");
        std::memcpy(parents[row].bytes.data(), foreign->data() + size_t{next++} * sizeof(SpanId),
                    sizeof(SpanId));
      }
    }
    if (whole_ && next != last) return torn("ids of parents are left over");
  }
  return parents;
}

Status PageColumns::read_resources() {
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  const auto parents = parent_rows();
  if (!parents) return std::unexpected(parents.error());
  std::vector<uint32_t> resources;
  if (auto status = read_numbers(ChunkType::kResources, decoder_.class_count(), rows_in_page_,
                                 *classes, resources);
      !status)
    return status;
  for (uint32_t row = 0; row < row_count_; ++row) {
    const uint32_t symbol = resources[row];
    if (symbol == 0) {
      const uint32_t parent = (*parents)[row];
      if (parent >= row) return torn("a row takes its resource from no parent");  // kNoRow, too
      resources[row] = resources[parent];
      continue;
    }
    const auto of_class = tables_.resources_of_classes[(*classes)[row]];
    if (symbol > of_class.size()) return torn("a resource is out of range");
    resources[row] = of_class[symbol - 1];
  }
  resources_ = std::move(resources);
  return {};
}

Result<std::span<const uint32_t>> PageColumns::resources() {
  if (resources_.empty())
    if (auto status = read_resources(); !status) return std::unexpected(std::move(status).error());
  return resources_;
}

// The first row of a trace starts when the trace does; the others count from the row before.
Result<std::span<const uint64_t>> PageColumns::starts() {
  if (!starts_.empty()) return starts_;
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  std::vector<uint64_t> starts;
  if (auto status =
          read_numbers(ChunkType::kStarts, decoder_.class_count(), rows_in_page_, *classes, starts);
      !status)
    return std::unexpected(std::move(status).error());
  uint32_t row = 0;
  for (size_t i = 0; i < pages_.size(); ++i) {
    const uint32_t first = page(i).first_trace;
    for (uint32_t trace = first; trace < end_of_traces(i); ++trace) {
      uint64_t start = tables_.trace_starts[trace].value;
      for (const uint32_t end = row + tables_.trace_rows[trace]; row < end; ++row)
        starts[row] = start += starts[row];
    }
  }
  starts_ = std::move(starts);
  return starts_;
}

Result<std::vector<uint64_t>> PageColumns::numbers(ChunkType type) {
  std::vector<uint64_t> values;
  if (!decoder_.has_chunk(type)) {
    values.assign(row_count_, 0);
    return values;
  }
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  if (auto status = read_numbers(type, decoder_.class_count(), rows_in_page_, *classes, values);
      !status)
    return std::unexpected(std::move(status).error());
  return values;
}

Result<std::vector<uint64_t>> PageColumns::durations() { return numbers(ChunkType::kDurations); }

Result<std::vector<uint8_t>> PageColumns::statuses() {
  const auto values = numbers(ChunkType::kStatuses);
  if (!values) return std::unexpected(values.error());
  return std::vector<uint8_t>(values->begin(), values->end());
}

Result<std::vector<uint8_t>> PageColumns::kinds() {
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  std::vector<uint8_t> kinds(row_count_);
  for (uint32_t row = 0; row < row_count_; ++row)
    kinds[row] = static_cast<uint8_t>(tables_.classes[(*classes)[row]][kClassKind]);
  return kinds;
}

Result<std::vector<uint32_t>> PageColumns::scopes() {
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  const auto resources = this->resources();
  if (!resources) return std::unexpected(resources.error());
  std::vector<uint32_t> scopes(row_count_);
  // Pairs come again and again: each is looked up once for each class.
  const size_t resource_count = tables_.batch.resources.size();
  constexpr size_t kTableMax = 1u << 20;
  const bool tabled = resource_count * tables_.classes.size() <= kTableMax;
  std::vector<uint32_t> known(tabled ? resource_count * tables_.classes.size() : 0,
                              RowGroupTables::kNoScope);
  for (uint32_t row = 0; row < row_count_; ++row) {
    const uint32_t of_class = (*classes)[row], resource = (*resources)[row];
    uint32_t* slot = tabled ? &known[of_class * resource_count + resource] : nullptr;
    if (slot != nullptr && *slot != RowGroupTables::kNoScope) {
      scopes[row] = *slot;
      continue;
    }
    const uint32_t scope = tables_.scope_of(resource, tables_.classes[of_class][kClassScope]);
    if (scope == RowGroupTables::kNoScope) return torn("a row is of no known scope");
    scopes[row] = scope;
    if (slot != nullptr) *slot = scope;
  }
  return scopes;
}

Result<DecodedColumn> PageColumns::names() {
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  DecodedColumn column;
  for (const std::string_view name : tables_.names)
    column.values.push_back(model::ValueView::of_string(name));
  column.storage = decoder_.shared_tables();
  std::vector<uint32_t> name_of(tables_.classes.size());
  for (size_t c = 0; c < name_of.size(); ++c) name_of[c] = tables_.classes[c][kClassName];
  column.codes.resize(row_count_);
  for (uint32_t row = 0; row < row_count_; ++row) column.codes[row] = name_of[(*classes)[row]];
  return column;
}

// All values of a column; of one without a dictionary each is a value of its own.
Result<DecodedColumn> PageColumns::read_values(const ValueColumnReader& reader,
                                               std::span<const uint32_t> counts,
                                               std::span<const uint32_t> contexts) {
  DecodedColumn column;
  const ValueColumnReader::Pages pages{pages_, counts, contexts, whole_};
  // A large dictionary is not worth reading for few values.
  if (reader.has_dictionary() && reader.distinct() <= std::max(kDistinctRead, contexts.size())) {
    auto dictionary = reader.dictionary();
    if (!dictionary) return std::unexpected(std::move(dictionary).error());
    column.values = std::move(*dictionary);
    column.storage = reader.storage();
    if (auto status = reader.read_codes(pages, column.codes); !status)
      return std::unexpected(std::move(status).error());
    return column;
  }
  if (auto status = reader.read(pages, column.values); !status)
    return std::unexpected(std::move(status).error());
  column.storage = reader.storage();
  column.codes.resize(column.values.size());
  std::iota(column.codes.begin(), column.codes.end(), 0);
  return column;
}

Result<DecodedColumn> PageColumns::texts(ChunkType type) {
  if (!decoder_.has_chunk(type)) {
    DecodedColumn column;
    column.values.push_back(model::ValueView::of_string({}));
    column.codes.assign(row_count_, 0);
    return column;
  }
  const auto classes = this->classes();
  if (!classes) return std::unexpected(classes.error());
  const auto reader = decoder_.text_source(type, decoder_.class_count());
  if (!reader) return std::unexpected(reader.error());
  return read_values(**reader, rows_in_page_, *classes);
}

Result<const EntryColumns*> PageColumns::entries(AttributeOwner owner) {
  const bool events = owner == AttributeOwner::kEvent;
  auto& kept = events ? events_ : links_;
  if (kept) return &*kept;
  EntryColumns made;
  const uint64_t total = events ? decoder_.zone().events : decoder_.zone().links;
  made.offsets.assign(size_t{row_count_} + 1, 0);
  made.in_page.assign(pages_.size(), 0);
  if (total > 0) {
    const auto classes = this->classes();
    if (!classes) return std::unexpected(classes.error());
    const auto counts = numbers(events ? ChunkType::kEventCounts : ChunkType::kLinkCounts);
    if (!counts) return std::unexpected(counts.error());
    std::vector<uint32_t> of_class;
    uint32_t row = 0;
    for (size_t i = 0; i < pages_.size(); ++i) {
      for (const uint32_t end = row + rows_in_page_[i]; row < end; ++row) {
        const uint64_t count = (*counts)[row];
        if (count > total - made.offsets[row])
          return torn("more events or links than its zone says");
        of_class.insert(of_class.end(), count, (*classes)[row]);
        made.offsets[row + 1] = made.offsets[row] + static_cast<uint32_t>(count);
        made.in_page[i] += static_cast<uint32_t>(count);
      }
    }
    if (whole_ && pages_.size() == tables_.pages.size() && made.offsets.back() != total)
      return torn("fewer events or links than its zone says");
    if (auto status = read_numbers(events ? ChunkType::kEventClasses : ChunkType::kLinkShapes,
                                   decoder_.class_count(), made.in_page, of_class, made.contexts);
        !status)
      return std::unexpected(std::move(status).error());
    const size_t bound = tables_.context_shapes[static_cast<size_t>(owner)].size();
    for (const uint32_t context : made.contexts)
      if (context >= bound) return torn("an event or link is of no known class");
  }
  kept = std::move(made);
  return &*kept;
}

Result<DecodedColumn> PageColumns::event_names() {
  const auto events = entries(AttributeOwner::kEvent);
  if (!events) return std::unexpected(events.error());
  DecodedColumn column;
  for (const std::string_view name : tables_.event_names)
    column.values.push_back(model::ValueView::of_string(name));
  column.storage = decoder_.shared_tables();
  column.codes.reserve((*events)->contexts.size());
  for (const uint32_t of_class : (*events)->contexts)
    column.codes.push_back(tables_.event_classes[of_class][0]);
  return column;
}

Result<std::vector<uint64_t>> PageColumns::entry_numbers(ChunkType type, AttributeOwner owner) {
  const auto columns = entries(owner);
  if (!columns) return std::unexpected(columns.error());
  std::vector<uint64_t> values;
  const size_t contexts = tables_.context_shapes[static_cast<size_t>(owner)].size();
  if (auto status = read_numbers(type, static_cast<uint32_t>(contexts), (*columns)->in_page,
                                 (*columns)->contexts, values);
      !status)
    return std::unexpected(std::move(status).error());
  return values;
}

Result<std::vector<uint64_t>> PageColumns::event_times() {
  return entry_numbers(ChunkType::kEventTimes, AttributeOwner::kEvent);
}

template <typename Id>
Result<std::vector<Id>> PageColumns::link_ids(ChunkType type) {
  const auto links = entries(AttributeOwner::kLink);
  if (!links) return std::unexpected(links.error());
  const auto begins = decoder_.begins_of_pages(ChunkType::kLinksOfPages);
  if (!begins) return std::unexpected(begins.error());
  const auto bytes = decoder_.chunk_bytes(type);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != size_t{decoder_.zone().links} * sizeof(Id))
    return torn("ids have the wrong length");
  std::vector<Id> ids((*links)->contexts.size());
  size_t at = 0;
  for (size_t i = 0; i < pages_.size(); at += (*links)->in_page[i++]) {
    const size_t begin = (**begins)[pages_[i]];
    const size_t count = (*links)->in_page[i];
    const size_t end = (**begins)[pages_[i] + 1];
    if (begin + count > end || (whole_ && begin + count < end) ||
        begin + count > decoder_.zone().links)
      return torn("ids of links are torn");
    if (count > 0)
      std::memcpy(static_cast<void*>(ids.data() + at), bytes->data() + begin * sizeof(Id),
                  count * sizeof(Id));
  }
  return ids;
}
template Result<std::vector<SpanId>> PageColumns::link_ids(ChunkType);
template Result<std::vector<TraceId>> PageColumns::link_ids(ChunkType);

Result<std::span<const uint32_t>> PageColumns::contexts(AttributeOwner owner) {
  if (owner == AttributeOwner::kSpan) return classes();
  const auto columns = entries(owner);
  if (!columns) return std::unexpected(columns.error());
  return std::span<const uint32_t>((*columns)->contexts);
}

std::span<const uint32_t> PageColumns::counts_of(AttributeOwner owner) const {
  if (owner == AttributeOwner::kSpan) return rows_in_page_;
  return owner == AttributeOwner::kEvent ? events_->in_page : links_->in_page;
}

Result<PageColumns::Attribute> PageColumns::attribute(AttributeOwner owner, std::string_view key) {
  Attribute result;
  const auto contexts = this->contexts(owner);
  if (!contexts) return std::unexpected(contexts.error());
  result.column.codes.assign(contexts->size(), 0);
  const auto known = tables_.key_numbers.find(key);
  if (known == tables_.key_numbers.end()) return result;
  const uint32_t number = known->second;
  const auto source = decoder_.value_source(owner, number);
  if (!source) return std::unexpected(source.error());
  if (*source == nullptr) return result;

  // How many values of the column each context takes, and which of them is the key's first.
  const auto at = static_cast<size_t>(owner);
  const bool frequent = decoder_.is_frequent(owner, number);
  const NumberLists& shapes = tables_.shapes[at];
  std::vector<uint32_t> taken(tables_.context_shapes[at].size(), 0);
  std::vector<uint32_t> first(taken.size(), UINT32_MAX);
  std::vector<uint32_t> local(taken.size(), 0);
  for (uint32_t i = 0; i < (*source)->contexts.size(); ++i) local[(*source)->contexts[i]] = i;
  std::vector<uint8_t> counts_too(tables_.keys.size(), 0);  // keys whose values lie in the column
  for (uint32_t other = 0; other < counts_too.size(); ++other)
    counts_too[other] = frequent ? other == number : !decoder_.is_frequent(owner, other);
  const auto look_at = [&](uint32_t context) {
    for (const uint32_t other : shapes[tables_.context_shapes[at][context]]) {
      if (other == number && first[context] == UINT32_MAX) first[context] = taken[context];
      taken[context] += counts_too[other];
    }
  };
  if (frequent)
    for (const uint32_t context : tables_.contexts_of_key[at][number]) look_at(context);
  else
    for (uint32_t context = 0; context < taken.size(); ++context) look_at(context);
  std::vector<uint32_t> of_values, counts;
  of_values.reserve(contexts->size());
  size_t entry = 0;
  for (const uint32_t in_page : counts_of(owner)) {
    const size_t before = of_values.size();
    for (const size_t end = entry + in_page; entry < end; ++entry) {
      const uint32_t context = (*contexts)[entry];
      of_values.insert(of_values.end(), taken[context], local[context]);
    }
    counts.push_back(static_cast<uint32_t>(of_values.size() - before));
  }
  auto column = read_values((*source)->reader, counts, of_values);
  if (!column) return std::unexpected(column.error());
  result.storage = std::move(column->storage);
  result.column.dictionary.insert(result.column.dictionary.end(), column->values.begin(),
                                  column->values.end());
  size_t value = 0;
  for (size_t i = 0; i < contexts->size(); ++i) {
    const uint32_t context = (*contexts)[i];
    if (first[context] != UINT32_MAX)
      result.column.codes[i] = column->codes[value + first[context]] + 1;
    value += taken[context];
  }
  return result;
}

}  // namespace sightline::tracestore
