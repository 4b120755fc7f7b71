#include "tracestore/live/live_cut.h"

#include <algorithm>

#include <absl/container/flat_hash_map.h>

#include "tracestore/codec/sort_by_number.h"
#include "tracestore/row_group/row_group_encoder.h"

namespace sightline::tracestore {
namespace {

TimestampNs start_of(const LiveTrace& trace) {
  TimestampNs start{UINT64_MAX};
  for (const auto& part : trace.parts) start = std::min(start, part->min_start);
  return start;
}
uint64_t rows_of(const LiveTrace& trace) {
  uint64_t rows = 0;
  for (const auto& part : trace.parts) rows += part->rows.size();
  return rows;
}

}  // namespace

// Neighbours in by_start_.
struct LiveCut::Group {
  size_t begin = 0;
  size_t end = 0;
};

LiveCut::LiveCut(const std::vector<LiveTrace>& traces, uint32_t row_group_rows)
    : row_group_rows_(row_group_rows) {
  std::vector<std::pair<TimestampNs, const LiveTrace*>> starts;
  for (const LiveTrace& trace : traces)
    if (rows_of(trace) > 0)
      starts.emplace_back(start_of(trace), &trace);  // else everything it got was over a limit
  std::sort(starts.begin(), starts.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second->id) < std::tie(b.first, b.second->id);
  });
  for (const auto& [start, trace] : starts) {
    by_start_.push_back(trace);
    ids_.push_back(trace->id);
  }
}

Status LiveCut::write(BlockWriter& writer) {
  Group group;
  uint64_t rows = 0;
  for (; group.end < by_start_.size(); ++group.end) {
    const uint64_t next = std::min<uint64_t>(rows_of(*by_start_[group.end]), kRowsMax);
    if (rows >= row_group_rows_ || rows + next > kRowsMax) {
      if (auto status = write_group(group, writer); !status) return status;
      group.begin = group.end;
      rows = 0;
    }
    rows += next;
  }
  return rows == 0 ? Status{} : write_group(group, writer);
}

Status LiveCut::write_group(const Group& group, BlockWriter& writer) {
  struct Place {
    uint32_t batch = 0;
    uint32_t index = 0;
    uint32_t trace = 0;
    uint32_t arrival = 0;
  };
  std::vector<Place> places;
  // By number; they come about in the order in which they were received, which is that of the log.
  std::vector<const LiveBatch*> batches;
  absl::flat_hash_map<const LiveBatch*, uint32_t> numbers;
  const LiveBatch* batch = nullptr;  // of the row before, and its number
  uint32_t number = 0;
  for (size_t i = group.begin; i < group.end; ++i)
    for (const auto& part : by_start_[i]->parts)
      for (const LiveRow& row : part->rows) {
        if (row.batch.get() != batch) {
          batch = row.batch.get();
          const auto [known, is_new] =
              numbers.try_emplace(batch, static_cast<uint32_t>(batches.size()));
          if (is_new) batches.push_back(batch);
          number = known->second;
        }
        places.push_back({number, row.index, static_cast<uint32_t>(i - group.begin),
                          static_cast<uint32_t>(places.size())});
      }
  sort_by_number(places, [](const Place& place) { return place.index; });
  sort_by_number(places, [](const Place& place) { return place.batch; });
  RowGroupEncoder encoder(places.size());
  std::vector<uint32_t> wanted;
  for (size_t at = 0; at < places.size();) {
    number = places[at].batch;
    wanted.clear();
    for (size_t i = at; i < places.size() && places[i].batch == number; ++i)
      wanted.push_back(places[i].index);
    const auto spans = batches[number]->spans(wanted);
    if (!spans) return std::unexpected(spans.error());
    encoder.begin_batch(**spans);
    for (; at < places.size() && places[at].batch == number; ++at)
      encoder.add(places[at].trace, places[at].index, places[at].arrival);
  }
  const RowGroupEncoder::Encoded encoded = encoder.finish();
  spans_left_out_ += encoded.spans_left_out;
  std::vector<TraceId> ids;
  for (const uint32_t trace : encoded.traces) ids.push_back(by_start_[group.begin + trace]->id);
  return writer.add_encoded(encoded.bytes, encoded.zone, encoded.values, ids);
}

}  // namespace sightline::tracestore
