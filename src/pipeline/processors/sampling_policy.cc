#include "pipeline/processors/sampling_policy.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/processors/condition.h"

namespace sightline::pipeline {
namespace {

using config::SamplingPolicyConfig;
using Type = SamplingPolicyConfig::Type;
using model::SpanBatch;
using model::SpanView;
using model::ValueKind;
using model::ValueView;

SamplingDecision sampled_if(bool yes) {
  return yes ? SamplingDecision::kSampled : SamplingDecision::kNotSampled;
}

// A policy that needs no state: a function of its settings and the trace.
template <typename Function>
class PurePolicy final : public SamplingPolicy {
 public:
  explicit PurePolicy(Function function) : function_(std::move(function)) {}
  SamplingDecision evaluate(const WaitingTrace& trace) override { return function_(trace); }

 private:
  Function function_;
};
template <typename Function>
std::unique_ptr<SamplingPolicy> pure(Function function) {
  return std::make_unique<PurePolicy<Function>>(std::move(function));
}

// Any span of which `wanted`.
template <typename Wanted>
bool has_span(const WaitingTrace& trace, Wanted wanted) {
  return !trace.visit(
      [&](const SpanBatch& batch, const SpanView& span) { return !wanted(batch, span); });
}

std::unique_ptr<SamplingPolicy> make_latency(const SamplingPolicyConfig& config) {
  return pure(
      [lower = config.threshold_ms, upper = config.upper_threshold_ms](const WaitingTrace& trace) {
        uint64_t first = 0, last = 0;
        return sampled_if(has_span(trace, [&](const SpanBatch&, const SpanView& span) {
          if (first == 0 || span.start.value < first) first = span.start.value;
          if (last == 0 || span.end.value > last) last = span.end.value;
          const int64_t ms = (static_cast<int64_t>(last) - static_cast<int64_t>(first)) / 1'000'000;
          return ms > lower && (upper == 0 || ms <= upper);
        }));
      });
}

// Whether a value is one that the policy looks for; `of_resource` is asked of resources' values.
template <typename Matches>
std::unique_ptr<SamplingPolicy> make_attribute(const SamplingPolicyConfig& config,
                                               Matches matches) {
  return pure([key = config.key, invert = config.invert_match, matches](const WaitingTrace& trace) {
    const bool any = has_span(trace, [&](const SpanBatch& batch, const SpanView& span) {
      const ValueView* of_resource = batch.find(batch.resource_of(span).attributes, key);
      if (of_resource != nullptr && matches(*of_resource, true)) return true;
      const ValueView* of_span = batch.find(span.attributes, key);
      return of_span != nullptr && matches(*of_span, false);
    });
    return sampled_if(any != invert);
  });
}

std::unique_ptr<SamplingPolicy> make_string_attribute(const SamplingPolicyConfig& config) {
  std::vector<std::shared_ptr<RE2>> patterns;
  if (config.regex)
    for (const std::string& value : config.values)
      patterns.push_back(std::make_shared<RE2>(value, RE2::Quiet));
  return make_attribute(
      config, [values = config.values, patterns](const ValueView& value, bool of_resource) {
        const std::string_view text =
            value.kind == ValueKind::kString ? value.bytes : std::string_view();
        if (text.empty() && !of_resource) return false;
        if (patterns.empty())
          return std::any_of(values.begin(), values.end(),
                             [&](const std::string& v) { return !v.empty() && v == text; });
        return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) {
          return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *p);
        });
      });
}

std::unique_ptr<SamplingPolicy> make_numeric_attribute(const SamplingPolicyConfig& config) {
  const int64_t lower = config.min_value.value_or(std::numeric_limits<int64_t>::min());
  const int64_t upper = config.max_value.value_or(std::numeric_limits<int64_t>::max());
  return make_attribute(config, [lower, upper](const ValueView& value, bool) {
    const int64_t number = value.kind == ValueKind::kInt
                               ? value.int_value
                               : 0;  // another kind counts as 0, as in the collector
    return number >= lower && number <= upper;
  });
}

std::unique_ptr<SamplingPolicy> make_boolean_attribute(const SamplingPolicyConfig& config) {
  return make_attribute(config, [wanted = config.bool_value](const ValueView& value, bool) {
    return (value.kind == ValueKind::kBool && value.int_value != 0) == wanted;
  });
}

std::unique_ptr<SamplingPolicy> make_probabilistic(const SamplingPolicyConfig& config) {
  const std::string salt = config.hash_salt.empty() ? "default-hash-seed" : config.hash_salt;
  const double part = std::clamp(config.sampling_percentage / 100, 0.0, 1.0);
  const uint64_t threshold =
      part >= 1 ? std::numeric_limits<uint64_t>::max()
                : static_cast<uint64_t>(std::ldexp(static_cast<long double>(part), 64) -
                                        static_cast<long double>(part));
  return pure([salt, threshold](const WaitingTrace& trace) {
    uint64_t hash = 14695981039346656037ull;  // FNV-1a
    const auto mix = [&](uint8_t byte) { hash = (hash ^ byte) * 1099511628211ull; };
    for (const char c : salt) mix(static_cast<uint8_t>(c));
    for (const uint8_t byte : trace.id.bytes) mix(byte);
    return sampled_if(hash <= threshold);
  });
}

std::unique_ptr<SamplingPolicy> make_status_code(const SamplingPolicyConfig& config) {
  std::vector<model::StatusCode> codes;
  for (const std::string& code : config.values)
    codes.push_back(code == "OK"      ? model::StatusCode::kOk
                    : code == "ERROR" ? model::StatusCode::kError
                                      : model::StatusCode::kUnset);
  return pure([codes](const WaitingTrace& trace) {
    return sampled_if(has_span(trace, [&](const SpanBatch&, const SpanView& span) {
      return std::ranges::find(codes, span.status) != codes.end();
    }));
  });
}

std::string_view vendor_value(std::string_view trace_state, std::string_view key) {
  while (!trace_state.empty()) {
    const size_t end = std::min(trace_state.find(','), trace_state.size());
    std::string_view member = trace_state.substr(0, end);
    while (member.starts_with(' ')) member.remove_prefix(1);
    if (member.starts_with(key) && member.size() > key.size() && member[key.size()] == '=')
      return member.substr(key.size() + 1);
    trace_state.remove_prefix(std::min(end + 1, trace_state.size()));
  }
  return {};
}

std::unique_ptr<SamplingPolicy> make_trace_state(const SamplingPolicyConfig& config) {
  return pure([key = config.key, values = config.values](const WaitingTrace& trace) {
    return sampled_if(has_span(trace, [&](const SpanBatch&, const SpanView& span) {
      const std::string_view value = vendor_value(span.trace_state, key);
      return !value.empty() && std::ranges::find(values, value) != values.end();
    }));
  });
}

// A bucket that fills with per_second tokens a second and holds burst at most.
class RatePolicy final : public SamplingPolicy {
 public:
  RatePolicy(const SamplingPolicyConfig& config, const Clock& clock)
      : by_bytes_(config.type == Type::kBytesLimiting),
        per_second_(static_cast<double>(config.per_second)),
        burst_(static_cast<double>(config.burst_capacity)),
        clock_(clock),
        tokens_(burst_),
        last_(clock.monotonic()) {}
  SamplingDecision evaluate(const WaitingTrace& trace) override {
    const auto now = clock_.monotonic();
    tokens_ = std::min(burst_,
                       tokens_ + std::chrono::duration<double>(now - last_).count() * per_second_);
    last_ = now;
    const auto cost = static_cast<double>(by_bytes_ ? trace.bytes : trace.span_count);
    if (cost > tokens_) return SamplingDecision::kNotSampled;
    tokens_ -= cost;
    return SamplingDecision::kSampled;
  }

 private:
  const bool by_bytes_;
  const double per_second_, burst_;
  const Clock& clock_;
  double tokens_;
  std::chrono::nanoseconds last_;
};

class OttlPolicy final : public SamplingPolicy {
 public:
  explicit OttlPolicy(const SamplingPolicyConfig& config)
      : conditions_(config.conditions, config.error_mode) {}
  SamplingDecision evaluate(const WaitingTrace& trace) override {
    bool error = false;
    const bool any = has_span(trace, [&](const SpanBatch& batch, const SpanView& span) {
      auto subject = ConditionSubject::of_span(batch, span);
      const auto matched = conditions_.any(config::OttlContext::kSpan, subject);
      if (!matched) return error = true;
      if (*matched || !conditions_.has(config::OttlContext::kSpanEvent)) return *matched;
      for (const model::EventView& event : batch.events_of(span)) {
        subject.event = &event;
        const auto of_event = conditions_.any(config::OttlContext::kSpanEvent, subject);
        if (!of_event) return error = true;
        if (*of_event) return true;
      }
      return false;
    });
    return error ? SamplingDecision::kError : sampled_if(any);
  }

 private:
  const Conditions conditions_;
};

class CompositePolicy final : public SamplingPolicy {
 public:
  CompositePolicy(const SamplingPolicyConfig& config, const Clock& clock)
      : total_(config.per_second), clock_(clock) {
    for (size_t i = 0; i < config.sub_policies.size(); ++i)
      parts_.push_back({make(config.sub_policies[i], clock), config.allocations[i], 0});
  }
  SamplingDecision evaluate(const WaitingTrace& trace) override {
    const int64_t second =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.monotonic()).count();
    if (second != second_)
      for (Part& part : parts_) part.taken = 0;
    second_ = second;
    for (Part& part : parts_) {
      const SamplingDecision decision = part.policy->evaluate(trace);
      if (decision == SamplingDecision::kError) return decision;
      if (decision != SamplingDecision::kSampled) continue;
      const int64_t would_be = part.taken + static_cast<int64_t>(trace.span_count);
      if (would_be > part.allocated || would_be > total_) return SamplingDecision::kNotSampled;
      part.taken = would_be;
      return SamplingDecision::kSampled;
    }
    return SamplingDecision::kNotSampled;
  }

 private:
  struct Part {
    std::unique_ptr<SamplingPolicy> policy;
    int64_t allocated = 0;  // spans a second
    int64_t taken = 0;      // in this second
  };
  const int64_t total_;
  const Clock& clock_;
  int64_t second_ = 0;
  std::vector<Part> parts_;
};

// and, drop: every sub-policy samples. not: its one sub-policy does not.
class JoinedPolicy final : public SamplingPolicy {
 public:
  JoinedPolicy(const SamplingPolicyConfig& config, const Clock& clock) : type_(config.type) {
    for (const SamplingPolicyConfig& part : config.sub_policies)
      parts_.push_back(make(part, clock));
  }
  SamplingDecision evaluate(const WaitingTrace& trace) override {
    for (const auto& part : parts_) {
      const SamplingDecision decision = part->evaluate(trace);
      if (decision == SamplingDecision::kError) return decision;
      if (type_ == Type::kNot) return sampled_if(decision == SamplingDecision::kNotSampled);
      if (decision == SamplingDecision::kNotSampled) return decision;
    }
    return type_ == Type::kDrop ? SamplingDecision::kDropped : SamplingDecision::kSampled;
  }

 private:
  const Type type_;
  std::vector<std::unique_ptr<SamplingPolicy>> parts_;
};

}  // namespace

std::unique_ptr<SamplingPolicy> SamplingPolicy::make(const SamplingPolicyConfig& config,
                                                     const Clock& clock) {
  switch (config.type) {
    case Type::kAlwaysSample:
      return pure([](const WaitingTrace&) { return SamplingDecision::kSampled; });
    case Type::kLatency: return make_latency(config);
    case Type::kNumericAttribute: return make_numeric_attribute(config);
    case Type::kProbabilistic: return make_probabilistic(config);
    case Type::kStatusCode: return make_status_code(config);
    case Type::kStringAttribute: return make_string_attribute(config);
    case Type::kRateLimiting:
    case Type::kBytesLimiting: return std::make_unique<RatePolicy>(config, clock);
    case Type::kSpanCount:
      return pure([least = config.min_spans, most = config.max_spans](const WaitingTrace& trace) {
        const auto count = static_cast<int64_t>(trace.span_count);
        return sampled_if(count >= least && (most == 0 || count <= most));
      });
    case Type::kTraceState: return make_trace_state(config);
    case Type::kTraceFlags:
      return pure([](const WaitingTrace& trace) {
        return sampled_if(has_span(
            trace, [](const SpanBatch&, const SpanView& span) { return (span.flags & 1) != 0; }));
      });
    case Type::kBooleanAttribute: return make_boolean_attribute(config);
    case Type::kOttlCondition: return std::make_unique<OttlPolicy>(config);
    case Type::kComposite: return std::make_unique<CompositePolicy>(config, clock);
    case Type::kAnd:
    case Type::kNot:
    case Type::kDrop: return std::make_unique<JoinedPolicy>(config, clock);
  }
  return nullptr;
}

SamplingPolicies::SamplingPolicies(const config::TailSamplingConfig& config, const Clock& clock)
    : first_match_(config.sample_on_first_match) {
  for (const SamplingPolicyConfig& policy : config.policies)
    policies_.push_back({policy.name, SamplingPolicy::make(policy, clock)});
}

SamplingPolicies::Outcome SamplingPolicies::decide(const WaitingTrace& trace) {
  Outcome outcome;
  // Every policy is asked, as those that count rates must see the trace.
  for (const Named& named : policies_) {
    const SamplingDecision decision = named.policy->evaluate(trace);
    if (decision == SamplingDecision::kError) outcome.had_error = true;
    if (decision == SamplingDecision::kDropped) return {decision, named.name, outcome.had_error};
    if (decision != SamplingDecision::kSampled) continue;
    if (outcome.decision != SamplingDecision::kSampled)
      outcome = {decision, named.name, outcome.had_error};
    if (first_match_) break;
  }
  return outcome;
}

}  // namespace sightline::pipeline
