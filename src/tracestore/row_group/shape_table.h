#pragma once
// Numbers the distinct lists of keys ("shapes") that spans, events or links have. A list is found by walking
// a tree of keys: comparing with what came last instead of hashing.
//   Lifetime  keys are copied.
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "model/span_batch.h"
#include "tracestore/codec/same_bytes.h"
#include "tracestore/codec/text_arena.h"

namespace sightline::tracestore {

// Numbers of the keys of one row group.
class KeyNumbers {
 public:
  uint32_t of(std::string_view key) {
    if (const auto known = numbers_.find(key); known != numbers_.end()) return known->second;
    keys_.push_back(arena_.keep(key));
    numbers_.emplace(keys_.back(), static_cast<uint32_t>(keys_.size() - 1));
    return static_cast<uint32_t>(keys_.size() - 1);
  }
  const std::vector<std::string_view>& keys() const { return keys_; }

 private:
  TextArena arena_;
  std::vector<std::string_view> keys_;
  absl::flat_hash_map<std::string_view, uint32_t> numbers_;
};

class ShapeNumbers {
 public:
  explicit ShapeNumbers(KeyNumbers& keys) : keys_(keys) { nodes_.emplace_back(); }

  uint32_t of(std::span<const model::AttributeView> attributes) {
    uint32_t node = 0;
    for (const model::AttributeView& attribute : attributes) node = child(node, attribute.key);
    if (nodes_[node].shape == UINT32_MAX) {
      nodes_[node].shape = static_cast<uint32_t>(shapes_.size());
      std::vector<uint32_t> list;
      for (uint32_t at = node; at != 0; at = nodes_[at].parent) list.push_back(nodes_[at].key);
      shapes_.emplace_back(list.rbegin(), list.rend());
      counts_.push_back(0);
    }
    ++counts_[nodes_[node].shape];
    return nodes_[node].shape;
  }
  // Their keys, by number.
  const std::deque<std::vector<uint32_t>>& shapes() const { return shapes_; }
  uint64_t count(uint32_t shape) const { return counts_[shape]; }

 private:
  struct Node {
    std::string_view text;  // of the key, as KeyNumbers has it
    uint32_t key = 0;
    uint32_t parent = 0;
    uint32_t shape = UINT32_MAX;
    uint32_t first_child = 0;  // the one asked for last; 0: none
    uint32_t next_sibling = 0;
  };
  static constexpr size_t kLookedAt = 6;  // children compared one by one; beyond, they are hashed

  uint32_t child(uint32_t node, std::string_view key) {
    uint32_t before = 0;
    uint32_t at = nodes_[node].first_child;
    for (size_t looked = 0; at != 0 && looked < kLookedAt; ++looked) {
      if (same_bytes(nodes_[at].text, key)) {
        if (before != 0) put_first(node, before, at);
        return at;
      }
      before = at;
      at = nodes_[at].next_sibling;
    }
    const uint32_t number = keys_.of(key);
    const auto [known, is_new] =
        children_.try_emplace(uint64_t{node} << 32 | number, static_cast<uint32_t>(nodes_.size()));
    if (is_new) {
      nodes_.push_back({.text = keys_.keys()[number],
                        .key = number,
                        .parent = node,
                        .next_sibling = nodes_[node].first_child});
      nodes_[node].first_child = known->second;
    }
    return known->second;
  }
  void put_first(uint32_t node, uint32_t before, uint32_t child) {
    nodes_[before].next_sibling = nodes_[child].next_sibling;
    nodes_[child].next_sibling = nodes_[node].first_child;
    nodes_[node].first_child = child;
  }

  KeyNumbers& keys_;
  std::vector<Node> nodes_;
  absl::flat_hash_map<uint64_t, uint32_t> children_;
  std::deque<std::vector<uint32_t>> shapes_;
  std::vector<uint64_t> counts_;
};

}  // namespace sightline::tracestore
