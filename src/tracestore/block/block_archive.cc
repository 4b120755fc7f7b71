#include "tracestore/block/block_archive.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <set>
#include <thread>

#include "base/log.h"
#include "tracestore/block/block_directory.h"

namespace sightline::tracestore {
namespace {

constexpr std::string_view kBlocks = "blocks/";
constexpr size_t kOpenersMax = 8;  // at start, blocks are opened by so many threads

std::optional<uint64_t> id_of_key(std::string_view key) {
  if (!key.starts_with(kBlocks) || !key.ends_with(kBlockSuffix)) return std::nullopt;
  key.remove_prefix(kBlocks.size());
  key.remove_suffix(kBlockSuffix.size());
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc{} || end != key.data() + key.size()) return std::nullopt;
  return id;
}

}  // namespace

uint64_t replaced_mark(const Block& block) {
  return uint64_t{block.tail().footer_crc} << 32 | (block.id() & UINT32_MAX);
}

std::string BlockArchive::block_key(uint64_t id) {
  const std::string digits = std::to_string(id);
  return std::string(kBlocks) + std::string(8 - std::min<size_t>(8, digits.size()), '0') + digits +
         std::string(kBlockSuffix);
}

std::string BlockArchive::manifest_name() const {
  return objects_.name() + std::string(kManifestKey);
}

Result<BlockArchive::Loaded> BlockArchive::load() {
  auto known = read_manifest();
  if (!known && known.error().code != Errc::kNotFound && known.error().code != Errc::kCorrupt)
    return std::unexpected(std::move(known).error());
  if (!known) {
    if (known.error().code == Errc::kCorrupt)
      SL_LOG_ERROR("trace store: {}; it is made anew from the blocks", known.error().message);
    known = rebuild_manifest();
    if (!known) return std::unexpected(std::move(known).error());
  }
  known->owner = manifest_.owner;
  manifest_ = std::move(*known);
  auto opened = open_blocks();
  if (!opened) return std::unexpected(std::move(opened).error());
  Loaded loaded{.blocks = {}, .next_id = manifest_.next_id, .set_aside = 0};
  for (size_t i = 0; i < opened->size(); ++i) {
    if ((*opened)[i]) {
      if ((*opened)[i].value() != nullptr) loaded.blocks.push_back(*(*opened)[i]);
      continue;
    }
    SL_LOG_ERROR("trace store: block is set aside: {}", (*opened)[i].error().message);
    manifest_.blocks[i].is_set_aside = true;
    ++loaded.set_aside;
  }
  if (auto written = write(manifest_); !written) return std::unexpected(std::move(written).error());
  if (auto removed = remove_strays(); !removed) return std::unexpected(std::move(removed).error());
  sort_blocks(loaded.blocks);
  return loaded;
}

Result<ArchiveManifest> BlockArchive::read_manifest() {
  const auto bytes = objects_.get(std::string(kManifestKey));
  if (!bytes) return std::unexpected(bytes.error());
  auto manifest = ArchiveManifest::decode(*bytes);
  if (!manifest) return in_context(manifest_name(), std::move(manifest).error());
  return manifest;
}

// From what is there. A block whose replacement is there, too, is left out.
Result<ArchiveManifest> BlockArchive::rebuild_manifest() {
  const auto objects = objects_.list(std::string(kBlocks));
  if (!objects) return std::unexpected(objects.error());
  ArchiveManifest manifest;
  std::set<uint64_t> replaced;
  std::vector<std::pair<uint64_t, uint64_t>> marks;  // of each block: id, as others would name it
  for (const io::ObjectInfo& object : *objects) {
    const auto id = id_of_key(object.key);
    if (!id) continue;
    manifest.next_id = std::max(manifest.next_id, *id + 1);
    const auto source = cache_.source(object.key, 0, object.bytes);
    const auto tail = Block::find_tail(*source);
    cache_.forget(object.key);  // read without knowing the version
    if (!tail && tail.error().code != Errc::kCorrupt) return std::unexpected(tail.error());
    ArchivedBlock entry{.id = *id, .bytes = object.bytes};
    if (tail) {
      entry.tail_offset = std::min(tail->offset, object.bytes);
      entry.footer_crc = tail->footer_crc;
    } else {
      entry.is_set_aside = true;
    }
    manifest.blocks.push_back(entry);
    if (entry.is_set_aside) continue;
    const auto block = open_block(entry);
    if (!block) continue;  // load() meets it again and says so
    replaced.insert((*block)->summary().replaced.begin(), (*block)->summary().replaced.end());
    marks.emplace_back(*id, replaced_mark(**block));
  }
  for (const auto& [id, mark] : marks)
    if (replaced.contains(mark))
      std::erase_if(manifest.blocks, [&](const ArchivedBlock& b) { return b.id == id; });
  return manifest;
}

Result<std::shared_ptr<const Block>> BlockArchive::open_block(const ArchivedBlock& entry) const {
  const std::string key = block_key(entry.id);
  return Block::open(cache_.source(key, entry.footer_crc, entry.bytes), entry.tail_offset, entry.id,
                     objects_.name() + key, row_groups_);
}

// One for each entry of the manifest: null for one that is set aside, an error for a damaged or missing one.
Result<std::vector<Result<std::shared_ptr<const Block>>>> BlockArchive::open_blocks() const {
  std::vector<Result<std::shared_ptr<const Block>>> opened(manifest_.blocks.size());
  std::atomic<size_t> next{0};
  const auto open_some = [&] {
    for (size_t i; (i = next.fetch_add(1)) < opened.size();)
      if (!manifest_.blocks[i].is_set_aside) opened[i] = open_block(manifest_.blocks[i]);
  };
  std::vector<std::thread> openers;
  for (size_t i = 1; i < std::min(kOpenersMax, opened.size()); ++i) openers.emplace_back(open_some);
  open_some();
  for (auto& opener : openers) opener.join();
  for (const auto& block : opened) {
    if (block) continue;
    const Errc code = block.error().code;
    if (code != Errc::kCorrupt && code != Errc::kNotFound && code != Errc::kOutOfRange)
      return std::unexpected(block.error());
  }
  return opened;
}

Status BlockArchive::remove_strays() {
  std::set<uint64_t> named;
  for (const ArchivedBlock& block : manifest_.blocks) named.insert(block.id);
  const auto objects = objects_.list(std::string(kBlocks));
  if (!objects) return std::unexpected(objects.error());
  for (const io::ObjectInfo& object : *objects) {
    const auto id = id_of_key(object.key);
    if (!id || named.contains(*id)) continue;
    manifest_.next_id = std::max(manifest_.next_id, *id + 1);
    leftovers_.push_back({*id, {}});
  }
  sweep();
  return {};
}

Result<std::shared_ptr<const Block>> BlockArchive::upload(io::FileSystem& fs,
                                                          const std::string& path, uint64_t id) {
  const auto file = fs.open_read(path);
  if (!file) return std::unexpected(file.error());
  const std::string_view bytes = (*file)->bytes();
  auto whole = Block::open(bytes, nullptr, id, path);
  if (!whole) return std::unexpected(std::move(whole).error());
  const Block::Tail tail = (*whole)->tail();
  const std::string key = block_key(id);
  leftovers_.push_back({id, {}});
  if (auto put = objects_.put(key, bytes); !put) return std::unexpected(std::move(put).error());
  // What was just written is asked for most.
  for (const RowGroupZone& zone : (*whole)->zones()) {
    const uint64_t chunks = zone.offset + zone.filter_bytes;
    cache_.add(key, tail.footer_crc, zone.offset, bytes.substr(zone.offset, zone.filter_bytes));
    cache_.add(key, tail.footer_crc, chunks,
               bytes.substr(chunks, uint64_t{zone.chunk_bytes} + zone.directory_bytes));
  }
  cache_.add(key, tail.footer_crc, tail.offset, bytes.substr(tail.offset));
  return open_block({id, bytes.size(), tail.offset, tail.footer_crc, false});
}

Status BlockArchive::check_ownership() {
  const auto stored = read_manifest();
  if (!stored) {
    // Whoever removed or damaged it: what this process knows is the better one.
    if (stored.error().code == Errc::kNotFound || stored.error().code == Errc::kCorrupt) return {};
    return std::unexpected(stored.error());
  }
  if (stored->owner != manifest_.owner)
    return fail(Errc::kAlreadyExists, manifest_name(),
                ": another process has taken the archive over; this one must not write to it");
  manifest_.generation = std::max(manifest_.generation, stored->generation);
  return {};
}

Status BlockArchive::write(ArchiveManifest next) {
  next.generation = manifest_.generation + 1;
  in_doubt_ = true;
  if (auto put = objects_.put(std::string(kManifestKey), next.encode()); !put) return put;
  in_doubt_ = false;
  manifest_ = std::move(next);
  return {};
}

Status BlockArchive::publish(const std::shared_ptr<const Block>& added, const BlockList& gone) {
  if (auto owned = check_ownership(); !owned) return owned;
  ArchiveManifest next = manifest_;
  std::vector<Leftover> removed;
  for (const auto& block : gone) {
    std::erase_if(next.blocks, [&](const ArchivedBlock& b) { return b.id == block->id(); });
    removed.push_back({block->id(), block});
  }
  if (added) {
    next.blocks.push_back({added->id(), added->summary().bytes, added->tail().offset,
                           added->tail().footer_crc, false});
    next.next_id = std::max(next.next_id, added->id() + 1);
  }
  if (auto written = write(std::move(next)); !written) return written;
  if (added) std::erase_if(leftovers_, [&](const Leftover& l) { return l.id == added->id(); });
  leftovers_.insert(leftovers_.end(), removed.begin(), removed.end());
  return {};
}

Status BlockArchive::set_aside(const BlockList& damaged) {
  if (auto owned = check_ownership(); !owned) return owned;
  ArchiveManifest next = manifest_;
  for (ArchivedBlock& entry : next.blocks)
    for (const auto& block : damaged)
      if (entry.id == block->id()) entry.is_set_aside = true;
  return write(std::move(next));
}

void BlockArchive::sweep() {
  if (leftovers_.empty()) return;
  // After a doubt the manifest is written once more; without it, or as somebody else's, nothing is removed.
  Status certain = check_ownership();
  if (certain && in_doubt_) certain = write(manifest_);
  if (!certain) {
    SL_LOG_WARN("trace store: {}", certain.error().message);
    return;
  }
  std::erase_if(leftovers_, [&](const Leftover& leftover) {
    if (!leftover.block.expired()) return false;
    const std::string key = block_key(leftover.id);
    if (auto removed = objects_.remove(key); !removed) {
      SL_LOG_WARN("trace store: block stays behind for now: {}", removed.error().message);
      return false;
    }
    cache_.forget(key);
    return true;
  });
}

}  // namespace sightline::tracestore
