#include "traceql/evaluation/query_run.h"

#include <mutex>

#include "base/cpu_share.h"

namespace sightline::traceql {
namespace {

void collect(const Spanset& spanset, const std::function<void(const Attribute&)>& add);

void collect(const Pipeline& pipeline, const std::function<void(const Attribute&)>& add) {
  for (const Stage& stage : pipeline.stages) {
    if (stage.spanset) collect(*stage.spanset, add);
    for (const Scalar* scalar : {&stage.left, &stage.right})
      if (scalar->field) for_each_attribute(*scalar->field, add);
    if (stage.by) for_each_attribute(*stage.by, add);
    for (const Attribute& attribute : stage.select) add(attribute);
  }
}

void collect(const Spanset& spanset, const std::function<void(const Attribute&)>& add) {
  if (spanset.filter) for_each_attribute(*spanset.filter, add);
  if (spanset.left) collect(*spanset.left, add);
  if (spanset.right) collect(*spanset.right, add);
  if (spanset.pipeline) collect(*spanset.pipeline, add);
}

void visit_comparisons(const Field& field, const std::function<void(const Field&)>& visit) {
  if (field.kind == Field::Kind::kUnary) return;  // what is negated is not what was asked for
  if (field.kind != Field::Kind::kBinary) return;
  if (is_comparison(field.op)) {
    const auto is_nil = [](const Field& f) {
      return f.kind == Field::Kind::kLiteral && f.literal.type == Type::kNil;
    };
    if (!is_nil(*field.left) && !is_nil(*field.right)) visit(field);
    return;
  }
  visit_comparisons(*field.left, visit);
  visit_comparisons(*field.right, visit);
}

void visit_comparisons(const Spanset& spanset, const std::function<void(const Field&)>& visit) {
  if (spanset.filter) visit_comparisons(*spanset.filter, visit);
  if (spanset.left) visit_comparisons(*spanset.left, visit);
  if (spanset.right) visit_comparisons(*spanset.right, visit);
  if (spanset.pipeline) for_each_comparison(*spanset.pipeline, visit);
}

bool is_shown_anyway(Intrinsic intrinsic) {
  switch (intrinsic) {
    case Intrinsic::kName:
    case Intrinsic::kDuration:
    case Intrinsic::kTraceDuration:
    case Intrinsic::kRootName:
    case Intrinsic::kRootServiceName:
    case Intrinsic::kTraceId:
    case Intrinsic::kSpanId: return true;
    default: return false;
  }
}

}  // namespace

Result<QueryRun> QueryRun::start(const tracestore::Queryable& store, const Clock& clock,
                                 const EngineOptions& options, const QueryBounds& bounds) {
  QueryRun run(clock, bounds);
  run.pool_ = options.pool;
  run.share_ = options.share;
  if (run.share_ != nullptr) run.work_ = run.share_->begin();
  run.deadline_ = clock.monotonic() + options.timeout;
  auto querier = store.querier();
  if (!querier) return std::unexpected(std::move(querier).error());
  run.querier_ = std::move(*querier);
  return run;
}

Status QueryRun::check() const {
  if (bounds_->cancelled && bounds_->cancelled())
    return fail(Errc::kCancelled, "query was cancelled");
  if (clock_->monotonic() > deadline_) return fail(Errc::kDeadlineExceeded, "query timed out");
  return {};
}

Status QueryRun::rest() {
  if (share_ != nullptr) share_->rest(work_, [this] { return !check(); });
  return check();
}

Status QueryRun::scan(tracestore::ScanRequest request,
                      const std::function<Result<bool>(tracestore::RowGroup&)>& visit) {
  request.pool = pool_;
  std::mutex mutex;
  Status status;  // guarded by mutex: the first error
  const auto fail_with = [&](Error error) {
    const std::lock_guard lock(mutex);
    if (status) status = std::unexpected(std::move(error));
    return false;
  };
  request.rest = [&] {
    auto going = rest();
    return going ? true : fail_with(std::move(going).error());
  };
  const Status scanned = querier_->scan(request, [&](tracestore::RowGroup& group) {
    if (auto going = check(); !going) return fail_with(std::move(going).error());
    {
      const std::lock_guard lock(mutex);
      if (!status) return false;
      inspected_traces_ += group.traces().size();
    }
    auto more = visit(group);
    return more ? *more : fail_with(std::move(more).error());
  });
  if (!status) return status;
  return scanned;
}

Result<std::vector<std::vector<std::string>>> QueryRun::keys(tracestore::KeysRequest request) {
  Status status;
  request.rest = [&] {
    status = rest();
    return status.has_value();
  };
  auto keys = querier_->attribute_keys(request);
  if (!status) return std::unexpected(std::move(status).error());
  return keys;
}

RowMask rows_in_time(tracestore::RowGroup& group, const QueryBounds& bounds) {
  RowMask mask(group.row_count(), 0);
  for (const auto& trace : group.traces())
    if (trace.start <= bounds.end && trace.end >= bounds.start)
      std::fill_n(mask.begin() + trace.begin, trace.count, 1);
  return mask;
}

void for_each_comparison(const Pipeline& pipeline, const std::function<void(const Field&)>& visit) {
  for (const Stage& stage : pipeline.stages)
    if (stage.spanset) visit_comparisons(*stage.spanset, visit);
}

std::vector<NamedAttribute> named_attributes(const Pipeline& pipeline, bool* names_name) {
  std::vector<NamedAttribute> named;
  *names_name = false;
  collect(pipeline, [&](const Attribute& attribute) {
    if (attribute.intrinsic == Intrinsic::kName) *names_name = true;
    if (is_shown_anyway(attribute.intrinsic)) return;
    for (const NamedAttribute& seen : named)
      if (seen.attribute == attribute) return;
    named.push_back(
        {attribute.intrinsic == Intrinsic::kNone ? attribute.name : to_string(attribute),
         attribute});
  });
  return named;
}

}  // namespace sightline::traceql
