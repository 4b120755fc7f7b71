#pragma once
// Sorts by a small number without comparing.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace sightline::tracestore {

// Stable. Numbers that are much larger than there are items are compared after all.
template <typename Item, typename NumberOf>
void sort_by_number(std::vector<Item>& items, NumberOf number_of) {
  uint32_t largest = 0;
  for (const Item& item : items) largest = std::max(largest, number_of(item));
  if (largest / 4 > items.size()) {
    std::stable_sort(items.begin(), items.end(),
                     [&](const Item& a, const Item& b) { return number_of(a) < number_of(b); });
    return;
  }
  std::vector<uint32_t> places(size_t{largest} + 2, 0);  // where the items of each number go
  for (const Item& item : items) ++places[number_of(item) + 1];
  for (size_t number = 1; number < places.size(); ++number) places[number] += places[number - 1];
  std::vector<Item> sorted(items.size());
  for (const Item& item : items) sorted[places[number_of(item)]++] = item;
  items = std::move(sorted);
}

}  // namespace sightline::tracestore
