#include "pipeline/processors/probabilistic_sampler.h"

#include "base/number_text.h"

namespace sightline::pipeline {
namespace {

using config::ProbabilisticSamplerConfig;
using model::kAlwaysSample;
using model::kNeverSample;
using Mode = ProbabilisticSamplerConfig::Mode;

constexpr uint32_t kBuckets = 1u << 14;

uint32_t fnv1a(uint32_t seed, const TraceId& id) {
  uint32_t hash = 2166136261u;
  const auto mix = [&](uint8_t byte) { hash = (hash ^ byte) * 16777619u; };
  for (int i = 0; i < 4; ++i) mix(static_cast<uint8_t>(seed >> (8 * i)));
  for (const uint8_t byte : id.bytes) mix(byte);
  return hash;
}

// 14 bits that decide, then the hash's other bits, so that the value is a randomness of 56 bits.
uint64_t hashed_randomness(uint32_t seed, const TraceId& id) {
  const uint32_t hash = fnv1a(seed, id);
  const uint64_t bucket = hash & (kBuckets - 1);
  const uint64_t rest = hash >> (32 - 14);
  return ((kBuckets - 1 - bucket) << 42) | ((rest ^ (rest << 10)) << 14) | bucket;
}

// OpenTracing's sampling.priority: 0 never, more than 0 always.
std::optional<bool> priority(const model::SpanBatch& batch, const model::SpanView& span) {
  const model::ValueView* value = batch.find(span.attributes, "sampling.priority");
  if (value == nullptr) return std::nullopt;
  double number = -1;
  if (value->kind == model::ValueKind::kInt) number = static_cast<double>(value->int_value);
  if (value->kind == model::ValueKind::kDouble) number = value->double_value;
  if (value->kind == model::ValueKind::kString)
    if (const auto parsed = parse_float(value->bytes)) number = *parsed;
  if (number == 0) return false;
  if (number > 0) return true;
  return std::nullopt;
}

}  // namespace

ProbabilisticSampler::ProbabilisticSampler(const ProbabilisticSamplerConfig& config,
                                           const std::string& id, SpanStage& next,
                                           TraceFates* fates, Telemetry& telemetry)
    : SpanProcessor(next),
      config_(config),
      fates_(fates),
      sampled_(telemetry.counter(
          "otelcol_processor_probabilistic_sampler_count_traces_sampled_total",
          "Spans that were sampled or not.", {{"processor", id}, {"sampled", "true"}})),
      not_sampled_(telemetry.counter(
          "otelcol_processor_probabilistic_sampler_count_traces_sampled_total",
          "Spans that were sampled or not.", {{"processor", id}, {"sampled", "false"}})) {
  const float percentage = std::min(config.sampling_percentage, 100.0f);
  if (config.mode == Mode::kHashSeed) {
    const auto kept = static_cast<uint32_t>(
        percentage * (static_cast<float>(kBuckets) / 100.0f));  // in 32 bits, as the collector
    threshold_ = kept == 0 ? kNeverSample : static_cast<uint64_t>(kBuckets - kept) << 42;
  } else {
    threshold_ = percentage <= 0 ? kNeverSample
                                 : model::threshold_of_probability(
                                       std::max(static_cast<double>(percentage) / 100, 0x1.0p-56),
                                       config.sampling_precision);
  }
}

uint64_t ProbabilisticSampler::threshold_for(const model::SamplingState& state) const {
  if (config_.sampling_percentage <= 0) return kNeverSample;
  if (config_.mode == Mode::kHashSeed || !state.threshold) return threshold_;
  if (config_.mode == Mode::kEqualizing) return std::max(threshold_, *state.threshold);
  const double part = std::min(static_cast<double>(config_.sampling_percentage), 100.0) / 100;
  return model::threshold_of_probability(model::probability_of_threshold(*state.threshold) * part,
                                         config_.sampling_precision);
}

ProbabilisticSampler::Decision ProbabilisticSampler::decide(const model::SpanBatch& batch,
                                                            const model::SpanView& span) const {
  auto state = model::SamplingState::parse(span.trace_state);
  uint64_t randomness = config_.mode == Mode::kHashSeed
                            ? hashed_randomness(config_.hash_seed, span.trace_id)
                            : model::randomness_of(span.trace_id);
  // By hash, a span that already takes part in consistent sampling is a fault: another sampler was meant.
  bool is_fault = !state || (config_.mode == Mode::kHashSeed && threshold_ != kNeverSample &&
                             (state->randomness || state->threshold));
  const bool leave_state = is_fault;
  if (!is_fault && config_.mode != Mode::kHashSeed) {
    if (state->randomness) randomness = *state->randomness;
    if (state->threshold && *state->threshold > randomness) {
      is_fault = true;
      state->threshold.reset();
    }
  }
  uint64_t threshold =
      is_fault ? (config_.fail_closed ? kNeverSample : kAlwaysSample) : threshold_for(*state);
  if (const auto told = priority(batch, span)) threshold = *told ? kAlwaysSample : kNeverSample;
  if (threshold > randomness) return {};
  if (leave_state) return {.sampled = true};
  if (config_.mode == Mode::kHashSeed && threshold_ != kNeverSample) state->randomness = randomness;
  if (!state->threshold || *state->threshold <= threshold) state->threshold = threshold;
  return {.sampled = true, .trace_state = state->text()};
}

Status ProbabilisticSampler::pass(const SharedBatch& batch, Delivery& delivery) {
  BatchEdit edit(batch);
  std::vector<uint32_t> kept;
  for (uint32_t i = 0; i < batch->spans.size(); ++i) {
    const model::SpanView& span = batch->spans[i];
    auto decision = decide(*batch, span);
    if (!decision.sampled) {
      if (fates_ != nullptr) fates_->note_dropped(span.trace_id);
      continue;
    }
    if (decision.trace_state && *decision.trace_state != span.trace_state)
      edit.set_trace_state(i, std::move(*decision.trace_state));
    kept.push_back(i);
  }
  sampled_.add(kept.size());
  not_sampled_.add(batch->spans.size() - kept.size());
  edit.keep_spans(kept);
  return hand_on(edit.finish(), delivery);
}

}  // namespace sightline::pipeline
