#include "tsdb/block/block_tools.h"
#include "tsdb/codec/decoded_groups.h"

#include <algorithm>

namespace sightline::tsdb {
namespace {

// A source of which nothing may lie before 1970 or later than a time.
class BoundedSource final : public BlockSource {
 public:
  BoundedSource(BlockSource& source, int64_t time_max) : source_(source), time_max_(time_max) {}

  Result<bool> next(model::Labels& labels) override {
    auto more = source_.next(labels);
    if (more && *more) labels_ = labels;
    return more;
  }
  Status read_times(uint32_t number, std::vector<int64_t>& out) override {
    auto status = source_.read_times(number, out);
    return status && !out.empty() ? check(out.front(), out.back()) : status;
  }
  Status read_floats(uint32_t number, SampleColumns& out) override {
    return source_.read_floats(number, out);
  }
  Status read_histograms(uint32_t number, SampleColumns& out) override {
    auto status = source_.read_histograms(number, out);
    return status && !out.histogram_times.empty()
               ? check(out.histogram_times.front(), out.histogram_times.back())
               : status;
  }
  Status read_exemplars(uint32_t number, std::vector<StoredExemplar>& out) override {
    auto status = source_.read_exemplars(number, out);
    return status && !out.empty() ? check(out.front().time, out.back().time) : status;
  }

 private:
  Status check(int64_t first, int64_t last) const {
    if (first >= 0 && last <= time_max_) return {};
    return first < 0 ? fail(Errc::kOutOfRange, labels_.to_string(), " begins at ", first,
                            " ms, which lies before 1970")
                     : fail(Errc::kOutOfRange, labels_.to_string(), " ends at ", last,
                            " ms, which lies in the future");
  }

  BlockSource& source_;
  const int64_t time_max_;
  model::Labels labels_;  // of the series that came last
};

}  // namespace

Result<std::unique_ptr<ClosedStore>> ClosedStore::open(io::FileSystem& fs, std::string directory) {
  if (auto status = fs.create_directories(directory); !status)
    return std::unexpected(std::move(status).error());
  std::unique_ptr<ClosedStore> store(new ClosedStore(fs, std::move(directory)));
  auto lock = fs.lock(store->directory_);
  if (!lock) return std::unexpected(std::move(lock).error());
  store->lock_ = std::move(*lock);
  return store;
}

Result<std::vector<ClosedStore::Entry>> ClosedStore::blocks() const {
  auto names = fs_.list(directory_);
  if (!names) return std::unexpected(std::move(names).error());
  std::vector<Entry> entries;
  for (const std::string& name : *names) {
    if (!block_number(name)) continue;
    auto block = Block::open(fs_, directory_ + "/" + name);
    entries.push_back({.name = name});
    if (block)
      entries.back().block = std::move(*block);
    else
      entries.back().fault = block.error().message;
  }
  return entries;
}

Result<std::optional<BlockMeta>> ClosedStore::add(BlockSource& source, int64_t time_max,
                                                  size_t samples_max) {
  auto names = fs_.list(directory_);
  if (!names) return std::unexpected(std::move(names).error());
  uint64_t number = 1;
  for (const std::string& name : *names)
    if (const auto taken = block_number_taken(name)) number = std::max(number, *taken + 1);
  BoundedSource bounded(source, time_max);
  auto writer = BlockWriter::create(fs_, directory_, number);
  if (!writer) return std::unexpected(std::move(writer).error());
  if (auto status = (*writer)->write(bounded, samples_max); !status)
    return std::unexpected(std::move(status).error());
  if ((*writer)->empty()) return std::nullopt;
  auto meta = (*writer)->finish({.level = 1, .sources = {number}});
  if (!meta) return std::unexpected(std::move(meta).error());
  return std::move(*meta);
}

Status ClosedStore::quarantine(const std::string& name) {
  return fs_.rename(directory_ + "/" + name, directory_ + "/" + name + ".corrupt");
}

namespace {

bool ascends(std::span<const int64_t> times) {
  return std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end();
}

Status verify_series(const Block& block, uint32_t number, DecodedGroups& decoded,
                     ExemplarPageCache& pages, BlockMeta& found, model::Labels& previous) {
  auto info = block.series(number);
  if (!info) return std::unexpected(std::move(info).error());
  const auto broken = [&](std::string_view what) {
    return fail(Errc::kCorrupt, block.directory(), ": ", info->labels.to_string(), ": ", what);
  };
  if (number > 0 && !(previous < info->labels)) return broken("series are not in order");
  previous = info->labels;
  for (const model::LabelView label : info->labels)
    if (!block.with(label.name, label.value).contains(number))
      return broken("not found by its label " + std::string(label.name));
  SampleColumns columns;
  for (const Block::ChunkRef& chunk : info->chunks) {
    const size_t before = columns.times.size() + columns.histogram_times.size();
    if (auto status = block.read_chunk(chunk, &decoded, columns); !status) return status;
    if (columns.times.size() + columns.histogram_times.size() - before != chunk.count)
      return broken("a chunk holds other than it says");
  }
  if (!ascends(columns.times) || !ascends(columns.histogram_times))
    return broken("samples are not in order");
  std::vector<StoredExemplar> exemplars;
  if (auto status = block.read_exemplars(*info, &pages, exemplars); !status) return status;
  if (!std::is_sorted(exemplars.begin(), exemplars.end(),
                      [](const auto& a, const auto& b) { return a.time < b.time; }))
    return broken("exemplars are not in order");
  found.samples += columns.times.size() + columns.histogram_times.size();
  found.exemplars += exemplars.size();
  return {};
}

}  // namespace

Status verify_block(const Block& served, const std::function<void()>& on_series) {
  // With what was deleted, too: the counts are those of when it was written.
  const auto stored = served.with_tombstones(std::make_shared<const Tombstones>());
  const Block& block = *stored;
  for (const uint32_t series : served.tombstones()->series())
    if (series >= block.series_count())
      return fail(Errc::kCorrupt, block.directory(), ": tombstones name series ", series, " of ",
                  block.series_count());
  for (uint32_t i = 0; i < block.group_count(); ++i) {
    const auto bytes = block.group_bytes(i);
    if (!bytes) return std::unexpected(bytes.error());
    if (auto parts = measure_group(*bytes); !parts)
      return in_context(block.directory(), std::move(parts).error());
  }
  BlockMeta found;
  DecodedGroups decoded;
  ExemplarPageCache pages;
  model::Labels previous;
  for (uint32_t i = 0; i < block.series_count(); ++i) {
    if (auto status = verify_series(block, i, decoded, pages, found, previous); !status)
      return status;
    if (on_series) on_series();
  }
  const BlockMeta& meta = block.meta();
  if (block.series_count() != meta.series || found.samples != meta.samples ||
      found.exemplars != meta.exemplars)
    return fail(Errc::kCorrupt, block.directory(), ": holds ", block.series_count(), " series, ",
                found.samples, " samples, ", found.exemplars, " exemplars; meta.json says ",
                meta.series, ", ", meta.samples, ", ", meta.exemplars);
  return block.is_damaged()
             ? Status(fail(Errc::kCorrupt, block.directory(), ": postings are damaged"))
             : Status();
}

}  // namespace sightline::tsdb
