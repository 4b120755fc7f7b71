// The tree as JSON: an object per node, keys in alphabetical order.
#include "base/number_text.h"
#include "base/text_codec.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/printer.h"

namespace sightline::promql {
namespace {

class JsonWriter {
 public:
  void node(const Expr* expr) {
    if (expr == nullptr) return raw("null");
    switch (expr->kind) {
      case ExprKind::kNumber: return number(as<NumberLiteral>(*expr), false);
      case ExprKind::kString:
        begin("stringLiteral");
        string("val", as<StringLiteral>(*expr).value);
        return end();
      case ExprKind::kDuration: return duration(expr);
      case ExprKind::kVectorSelector: return selector(as<VectorSelector>(*expr), nullptr);
      case ExprKind::kMatrixSelector:
        return selector(*as<MatrixSelector>(*expr).selector, &as<MatrixSelector>(*expr));
      case ExprKind::kSubquery: return subquery(as<SubqueryExpr>(*expr));
      case ExprKind::kAggregate: return aggregate(as<AggregateExpr>(*expr));
      case ExprKind::kBinary: return binary(as<BinaryExpr>(*expr));
      case ExprKind::kUnary:
        begin("unaryExpr");
        child("expr", as<UnaryExpr>(*expr).expr.get());
        string("op", as<UnaryExpr>(*expr).negative ? "-" : "+");
        return end();
      case ExprKind::kParen:
        begin("parenExpr");
        child("expr", as<ParenExpr>(*expr).expr.get());
        return end();
      case ExprKind::kCall: return call(as<Call>(*expr));
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void raw(std::string_view text) { out_ += text; }
  void quoted(std::string_view text) {
    out_ += '"';
    append_json_escaped(out_, text);
    out_ += '"';
  }
  // "type" is written where the alphabet puts it: key() and end() see to it.
  void begin(std::string_view type) {
    out_ += '{';
    types_.push_back(type);
  }
  void separate() {
    if (out_.back() != '{' && out_.back() != '[') out_ += ',';
  }
  void write_type() {
    if (types_.back().empty()) return;
    separate();
    raw("\"type\":");
    quoted(types_.back());
    types_.back() = {};
  }
  void key(std::string_view name) {
    if (name > "type") write_type();
    separate();
    quoted(name);
    out_ += ':';
  }
  void end() {
    write_type();
    types_.pop_back();
    out_ += '}';
  }
  void string(std::string_view name, std::string_view value) { key(name), quoted(value); }
  void boolean(std::string_view name, bool value) { key(name), raw(value ? "true" : "false"); }
  void integer(std::string_view name, int64_t value) { key(name), raw(std::to_string(value)); }
  void child(std::string_view name, const Expr* expr) { key(name), node(expr); }
  void duration_child(std::string_view name, const Expr* expr) { key(name), duration(expr); }
  void strings(std::string_view name, const std::vector<std::string>& values) {
    key(name);
    out_ += '[';
    for (const std::string& v : values) separate(), quoted(v);
    out_ += ']';
  }
  void number_or_null(std::string_view name, const std::optional<double>& value) {
    key(name);
    raw(value ? format_float_json(*value) : "null");
  }

  void number(const NumberLiteral& e, bool in_duration) {
    begin("numberLiteral");
    if (in_duration) boolean("duration", e.is_duration);
    string("val", format_float_plain(e.value));
    end();
  }

  void duration(const Expr* expr) {
    if (expr == nullptr) return raw("null");
    if (expr->kind == ExprKind::kNumber) return number(as<NumberLiteral>(*expr), true);
    const auto& e = as<DurationExpr>(*expr);
    begin("durationExpr");
    duration_child("lhs", e.lhs.get());
    string("op", duration_op_text(e.op));
    duration_child("rhs", e.rhs.get());
    boolean("wrapped", e.wrapped);
    end();
  }

  void bound(const AtModifier& at) {
    key("startOrEnd");
    raw(at.bound == AtBound::kNone    ? "null"
        : at.bound == AtBound::kStart ? "\"start\""
                                      : "\"end\"");
  }
  void timestamp(const AtModifier& at) {
    key("timestamp");
    raw(at.timestamp_ms ? std::to_string(*at.timestamp_ms) : "null");
  }
  void offset(const DurationValue& offset) {
    integer("offset", offset.ms);
    duration_child("offsetExpr", offset.expr.get());
  }

  void matchers(const std::vector<tsdb::Matcher>& list) {
    static constexpr std::string_view kOps[] = {"=", "!=", "=~", "!~"};
    key("matchers");
    out_ += '[';
    for (const tsdb::Matcher& m : list) {
      separate();
      begin(kOps[static_cast<size_t>(m.op())]);
      string("name", m.name());
      string("value", m.value());
      end();
    }
    out_ += ']';
  }

  void selector(const VectorSelector& e, const MatrixSelector* matrix) {
    begin(matrix != nullptr ? "matrixSelector" : "vectorSelector");
    boolean("anchored", e.anchored);
    matchers(e.matchers);
    string("name", e.name);
    offset(e.offset);
    if (matrix != nullptr) {
      integer("range", matrix->range.ms);
      duration_child("rangeExpr", matrix->range.expr.get());
    }
    boolean("smoothed", e.smoothed);
    bound(e.at);
    timestamp(e.at);
    end();
  }

  void subquery(const SubqueryExpr& e) {
    begin("subquery");
    child("expr", e.expr.get());
    offset(e.offset);
    integer("range", e.range.ms);
    duration_child("rangeExpr", e.range.expr.get());
    bound(e.at);
    integer("step", e.step.ms);
    duration_child("stepExpr", e.step.expr.get());
    timestamp(e.at);
    end();
  }

  void aggregate(const AggregateExpr& e) {
    begin("aggregation");
    child("expr", e.expr.get());
    strings("grouping", e.grouping);
    string("op", aggregate_name(e.op));
    child("param", e.param.get());
    boolean("without", e.without);
    end();
  }

  void matching(const std::optional<VectorMatching>& m) {
    static constexpr std::string_view kCards[] = {"one-to-one", "many-to-one", "one-to-many",
                                                  "many-to-many"};
    key("matching");
    if (!m) return raw("null");
    begin({});
    string("card", kCards[static_cast<size_t>(m->cardinality)]);
    key("fillValues");
    begin({});
    number_or_null("lhs", m->fill_left);
    number_or_null("rhs", m->fill_right);
    end();
    strings("include", m->include);
    strings("labels", m->labels);
    boolean("on", m->on);
    end();
  }

  void binary(const BinaryExpr& e) {
    begin("binaryExpr");
    boolean("bool", e.return_bool);
    child("lhs", e.lhs.get());
    matching(e.matching);
    string("op", binary_op_text(e.op));
    child("rhs", e.rhs.get());
    end();
  }

  void call(const Call& e) {
    begin("call");
    key("args");
    out_ += '[';
    for (const ExprPtr& arg : e.args) separate(), node(arg.get());
    out_ += ']';
    key("func");
    begin({});
    key("argTypes");
    out_ += '[';
    for (size_t i = 0; i < e.function->arg_type_count(); ++i)
      separate(), quoted(type_name(e.function->arg_types[i]));
    out_ += ']';
    string("name", e.function->name);
    string("returnType", type_name(e.function->returns));
    integer("variadic", e.function->variadic);
    end();
    end();
  }

  std::string out_;
  std::vector<std::string_view> types_;
};

}  // namespace

std::string to_json(const Expr& expr) {
  JsonWriter writer;
  writer.node(&expr);
  return writer.take();
}

}  // namespace sightline::promql
