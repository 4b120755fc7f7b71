#include "tracestore/block/block_directory.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/log.h"
#include "tracestore/block/block_writer.h"

namespace sightline::tracestore {
namespace {

std::optional<uint64_t> block_number(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

void sort_blocks(BlockList& blocks) {
  std::sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) {
    return std::pair(a->summary().newest_received, a->id()) <
           std::pair(b->summary().newest_received, b->id());
  });
}

std::string BlockDirectory::block_path(uint64_t id) const {
  return tracestore::block_path(path_, id);
}

Result<BlockDirectory::Loaded> BlockDirectory::load() {
  const auto names = fs_.list(path_);
  if (!names) return std::unexpected(names.error());
  Loaded loaded;
  std::set<uint64_t> replaced;
  for (const std::string& name : *names) {
    const std::string path = path_ + "/" + name;
    if (name.ends_with(std::string(kBlockSuffix) + ".tmp")) {
      (void)fs_.remove(path);
      continue;
    }
    // Ids of files set aside are not given out again.
    if (const auto aside =
            block_number(name, std::string(kBlockSuffix) + std::string(kQuarantineSuffix)))
      next_id_ = std::max(next_id_, *aside + 1);
    const auto id = block_number(name, kBlockSuffix);
    if (!id) continue;
    next_id_ = std::max(next_id_, *id + 1);
    auto block = Block::open(fs_, path, *id, cache_);
    if (block) {
      replaced.insert((*block)->summary().replaced.begin(), (*block)->summary().replaced.end());
      loaded.blocks.push_back(std::move(*block));
    } else if (block.error().code == Errc::kCorrupt) {
      SL_LOG_ERROR("trace store: {}", block.error().message);
      quarantine(path);
      ++loaded.quarantined;
    } else {
      return std::unexpected(std::move(block).error());
    }
  }
  std::erase_if(loaded.blocks, [&](const auto& block) {
    if (!replaced.contains(block->id())) return false;
    remove(*block);
    return true;
  });
  sort_blocks(loaded.blocks);
  return loaded;
}

uint64_t BlockDirectory::take_id() {
  leftovers_.push_back(next_id_);
  return next_id_++;
}

std::vector<uint64_t> BlockDirectory::leftovers(uint64_t id) const {
  std::vector<uint64_t> others = leftovers_;
  std::erase(others, id);
  return others;
}

void BlockDirectory::remove_leftovers() {
  std::erase_if(leftovers_, [this](uint64_t id) {
    const std::string path = block_path(id);
    return !fs_.exists(path) || fs_.remove(path).has_value();
  });
}

void BlockDirectory::remove(const Block& block) {
  if (auto status = fs_.remove(block_path(block.id())); !status) {
    SL_LOG_WARN("trace store: block {} stays behind for now: {}", block.name(),
                status.error().message);
    leftovers_.push_back(block.id());
  }
}

void BlockDirectory::quarantine(const std::string& path) {
  if (auto status = fs_.rename(path, path + std::string(kQuarantineSuffix)); !status)
    SL_LOG_WARN("trace store: block {} cannot be renamed: {}", path, status.error().message);
}

}  // namespace sightline::tracestore
