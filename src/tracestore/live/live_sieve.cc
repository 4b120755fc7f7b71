#include "tracestore/live/live_sieve.h"

#include <algorithm>

#include "base/text_search.h"

namespace sightline::tracestore {
namespace {

// Where most of the first batches hold what is looked for, looking goes on costing and gains nothing.
constexpr size_t kBatchesTried = 16;

// What lies in the bytes of every span that meets the condition, the rarest first.
std::vector<std::string_view> texts_of(const Condition& condition) {
  std::vector<std::string_view> texts;
  if (condition.op == ConditionOp::kNotEqual) return texts;
  if (condition.op == ConditionOp::kEqual && condition.kind == model::ValueKind::kString &&
      !condition.text.empty())
    texts.push_back(condition.text);
  if (condition.op == ConditionOp::kRegex && !condition.literal.empty())
    texts.push_back(condition.literal);
  if (condition.intrinsic == Intrinsic::kNone && !condition.key.empty())
    texts.push_back(condition.key);
  return texts;
}

}  // namespace

LiveSieve::LiveSieve(const ScanRequest& request) : all_(request.all_conditions) {
  for (const Condition& condition : request.conditions) {
    if (wanted_.size() == 64) break;
    auto texts = texts_of(condition);
    if (!texts.empty()) {
      wanted_.push_back(std::move(texts));
    } else if (!all_) {  // met by who knows what
      wanted_.clear();
      return;
    }
  }
  if (!all_ && wanted_.size() < request.conditions.size()) wanted_.clear();
  everything_ = wanted_.size() == 64 ? ~Bits{0} : (Bits{1} << wanted_.size()) - 1;
}

Result<LiveSieve::Bits> LiveSieve::met_by(const LiveBatch& batch) {
  if (const auto known = known_.find(&batch); known != known_.end()) return known->second;
  if (known_.size() >= kBatchesTried && let_through_ * 4 > known_.size() * 3) return everything_;
  Bits met = 0;
  const auto read = batch.look_into([&](std::string_view bytes) {
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (std::ranges::all_of(wanted_[i], [&](auto text) { return holds_text(bytes, text); }))
        met |= Bits{1} << i;
  });
  if (!read) return std::unexpected(read.error());
  if (!*read) met = everything_;
  if (all_ ? met == everything_ : met != 0) ++let_through_;
  known_.emplace(&batch, met);
  return met;
}

Result<bool> LiveSieve::may_match(const LiveTrace& trace) {
  if (wanted_.empty()) return true;
  Bits met = 0;
  for (const auto& part : trace.parts) {
    for (const LiveRows::Run& run : part->rows.runs()) {
      const auto of_batch = met_by(*run.batch);
      if (!of_batch) return std::unexpected(of_batch.error());
      met |= *of_batch;
      if (all_ ? met == everything_ : met != 0) return true;
    }
  }
  return false;
}

}  // namespace sightline::tracestore
