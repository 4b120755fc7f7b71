#include "promql/syntax/printer.h"

#include <algorithm>
#include <cstdio>

#include "base/number_text.h"
#include "model/labels.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

constexpr size_t kColumnsMax = 100;

using Lengths = std::unordered_map<const Expr*, size_t>;  // of a node's text on one line

std::string duration_text(int64_t ms) {
  const std::string sign = ms < 0 ? "-" : "";
  return sign + format_prometheus_duration(std::chrono::milliseconds(ms < 0 ? -ms : ms));
}

std::string label_name_text(const std::string& name) {
  return model::is_valid_label_name_legacy(name) ? name : go_quote(name);
}

std::string label_list(const std::vector<std::string>& names) {
  std::string out = "(";
  for (size_t i = 0; i < names.size(); ++i) out += (i > 0 ? ", " : "") + label_name_text(names[i]);
  return out + ")";
}

std::string matcher_text(const tsdb::Matcher& m) {
  static constexpr std::string_view kOps[] = {"=", "!=", "=~", "!~"};
  return label_name_text(m.name())
      .append(kOps[static_cast<size_t>(m.op())])
      .append(go_quote(m.value()));
}

std::string at_text(const AtModifier& at) {
  if (at.bound == AtBound::kStart) return " @ start()";
  if (at.bound == AtBound::kEnd) return " @ end()";
  if (!at.timestamp_ms) return {};
  char text[48];
  std::snprintf(text, sizeof text, " @ %.3f", static_cast<double>(*at.timestamp_ms) / 1000);
  return text;
}

std::string_view edges_text(const VectorSelector& e) {
  return e.anchored ? " anchored" : e.smoothed ? " smoothed" : "";
}

std::string selector_text(const VectorSelector& e) {
  std::vector<std::string> texts;
  for (const tsdb::Matcher& m : e.matchers) {
    const bool is_name =
        m.name() == model::kMetricName && m.op() == tsdb::MatchOp::kEqual && m.value() == e.name;
    if (!is_name || m.value().empty()) texts.push_back(matcher_text(m));
  }
  std::ranges::sort(texts);
  std::string out = e.name;
  for (size_t i = 0; i < texts.size(); ++i) out += (i == 0 ? "{" : ",") + texts[i];
  return texts.empty() ? out : out + "}";
}

std::string aggregate_head(const AggregateExpr& e) {
  std::string out(aggregate_name(e.op));
  if (e.without || !e.grouping.empty())
    out += (e.without ? " without " : " by ") + label_list(e.grouping) + " ";
  return out;
}

std::string matching_text(const VectorMatching& m) {
  const bool grouped = m.cardinality == MatchCardinality::kManyToOne ||
                       m.cardinality == MatchCardinality::kOneToMany;
  std::string out;
  if (!m.labels.empty() || m.on || grouped)
    out += (m.on ? " on " : " ignoring ") + label_list(m.labels);
  if (grouped)
    out += (m.cardinality == MatchCardinality::kManyToOne ? " group_left " : " group_right ") +
           label_list(m.include);
  if (m.fill_left && m.fill_right && *m.fill_left == *m.fill_right)
    return out + " fill (" + format_float_go(*m.fill_left) + ")";
  if (m.fill_left) out += " fill_left (" + format_float_go(*m.fill_left) + ")";
  if (m.fill_right) out += " fill_right (" + format_float_go(*m.fill_right) + ")";
  return out;
}

std::string operator_text(const BinaryExpr& e) {
  std::string out(binary_op_text(e.op));
  if (e.return_bool) out += " bool";
  return e.matching ? out + matching_text(*e.matching) : out;
}

// Writes nodes on one line, and notes how long each one is.
class TextWriter {
 public:
  explicit TextWriter(Lengths* lengths = nullptr) : lengths_(lengths) {}
  std::string take() { return std::move(out_); }

  void write(const Expr& expr) {
    const size_t before = out_.size();
    node(expr);
    if (lengths_ != nullptr) (*lengths_)[&expr] = out_.size() - before;
  }

  void subquery_suffix(const SubqueryExpr& e) {
    out_ += '[';
    duration(e.range);
    out_ += ':';
    if (e.step.expr || e.step.ms != 0) duration(e.step);
    out_ += ']';
    out_ += at_text(e.at);
    offset(e.offset);
  }

 private:
  void duration(const DurationValue& d) {
    if (d.expr)
      write(*d.expr);
    else
      out_ += duration_text(d.ms);
  }
  void offset(const DurationValue& d) {
    if (!d.expr && d.ms == 0) return;
    out_ += " offset ";
    duration(d);
  }
  void list(const std::vector<ExprPtr>& args) {
    for (size_t i = 0; i < args.size(); ++i) {
      if (i > 0) out_ += ", ";
      write(*args[i]);
    }
  }

  void duration_expr(const DurationExpr& e) {
    const std::string_view name = duration_op_text(e.op);
    if (e.wrapped) out_ += '(';
    if (e.op == DurationOp::kStep || e.op == DurationOp::kRange) {
      out_.append(name).append("()");
    } else if (e.op == DurationOp::kMinOf || e.op == DurationOp::kMaxOf) {
      out_.append(name) += '(';
      write(*e.lhs);
      out_ += ", ";
      write(*e.rhs);
      out_ += ')';
    } else if (!e.lhs) {
      if (e.op == DurationOp::kSub) out_ += '-';
      write(*e.rhs);
    } else {
      write(*e.lhs);
      out_.append(" ").append(name).append(" ");
      write(*e.rhs);
    }
    if (e.wrapped) out_ += ')';
  }

  void aggregate(const AggregateExpr& e) {
    out_.append(aggregate_head(e)) += '(';
    if (e.param) {
      write(*e.param);
      out_ += ", ";
    }
    write(*e.expr);
    out_ += ')';
  }

  void node(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber: {
        const auto& e = as<NumberLiteral>(expr);
        out_ += e.is_duration ? duration_text(std::llround(e.value * 1000))
                              : format_float_plain(e.value);
        return;
      }
      case ExprKind::kString: out_ += go_quote(as<StringLiteral>(expr).value); return;
      case ExprKind::kDuration: return duration_expr(as<DurationExpr>(expr));
      case ExprKind::kVectorSelector: {
        const auto& e = as<VectorSelector>(expr);
        out_.append(selector_text(e)).append(at_text(e.at)).append(edges_text(e));
        return offset(e.offset);
      }
      case ExprKind::kMatrixSelector: {
        const auto& e = as<MatrixSelector>(expr);
        out_.append(selector_text(*e.selector)) += '[';
        duration(e.range);
        out_.append("]").append(edges_text(*e.selector)).append(at_text(e.selector->at));
        return offset(e.selector->offset);
      }
      case ExprKind::kSubquery:
        write(*as<SubqueryExpr>(expr).expr);
        return subquery_suffix(as<SubqueryExpr>(expr));
      case ExprKind::kAggregate: return aggregate(as<AggregateExpr>(expr));
      case ExprKind::kBinary:
        write(*as<BinaryExpr>(expr).lhs);
        out_.append(" ").append(operator_text(as<BinaryExpr>(expr))).append(" ");
        return write(*as<BinaryExpr>(expr).rhs);
      case ExprKind::kUnary:
        out_ += as<UnaryExpr>(expr).negative ? '-' : '+';
        return write(*as<UnaryExpr>(expr).expr);
      case ExprKind::kParen:
        out_ += '(';
        write(*as<ParenExpr>(expr).expr);
        out_ += ')';
        return;
      case ExprKind::kCall:
        out_.append(as<Call>(expr).function->name) += '(';
        list(as<Call>(expr).args);
        out_ += ')';
        return;
    }
  }

  Lengths* lengths_;
  std::string out_;
};

// Lays a tree out over lines.
class Layout {
 public:
  explicit Layout(const Expr& root) {
    TextWriter writer(&lengths_);
    writer.write(root);
  }

  std::string take() { return std::move(out_); }

  void print(const Expr& expr, size_t level) {
    const bool fits = lengths_.at(&expr) <= kColumnsMax;
    if (expr.kind == ExprKind::kUnary) return unary(as<UnaryExpr>(expr), level);
    if (expr.kind == ExprKind::kSubquery) return subquery(as<SubqueryExpr>(expr), level, fits);
    indent(level);
    if (fits) return line(expr);
    switch (expr.kind) {
      case ExprKind::kAggregate: return aggregate(as<AggregateExpr>(expr), level);
      case ExprKind::kBinary: return binary(as<BinaryExpr>(expr), level);
      case ExprKind::kParen:
        out_ += "(\n";
        print(*as<ParenExpr>(expr).expr, level + 1);
        return close(level);
      case ExprKind::kCall: return call(as<Call>(expr), level);
      default: return line(expr);
    }
  }

 private:
  void indent(size_t level) { out_.append(2 * level, ' '); }
  void line(const Expr& expr) { out_ += to_text(expr); }
  void close(size_t level) {
    out_ += '\n';
    indent(level);
    out_ += ')';
  }
  void unary(const UnaryExpr& e, size_t level) {
    const size_t before = out_.size();
    print(*e.expr, level);
    const size_t first = std::min(out_.find_first_not_of(' ', before), out_.size());
    out_.replace(before, first - before, std::string(2 * level, ' ') + (e.negative ? '-' : '+'));
  }
  void subquery(const SubqueryExpr& e, size_t level, bool fits) {
    if (fits) return line(e);
    print(*e.expr, level);
    TextWriter suffix;
    suffix.subquery_suffix(e);
    out_ += suffix.take();
  }
  void aggregate(const AggregateExpr& e, size_t level) {
    out_ += aggregate_head(e) + "(\n";
    if (e.param) {
      print(*e.param, level + 1);
      out_ += ",\n";
    }
    print(*e.expr, level + 1);
    close(level);
  }
  void binary(const BinaryExpr& e, size_t level) {
    out_.resize(out_.size() - 2 * level);  // its operands indent themselves
    print(*e.lhs, level + 1);
    out_ += '\n';
    indent(level);
    out_ += operator_text(e) + "\n";
    print(*e.rhs, level + 1);
  }
  void call(const Call& e, size_t level) {
    out_.append(e.function->name) += "(\n";
    for (size_t i = 0; i < e.args.size(); ++i) {
      if (i > 0) out_ += ",\n";
      print(*e.args[i], level + 1);
    }
    close(level);
  }

  Lengths lengths_;
  std::string out_;
};

}  // namespace

std::string to_text(const Expr& expr) {
  TextWriter writer;
  writer.write(expr);
  return writer.take();
}

std::string format_expression(const Expr& expr) {
  Layout layout(expr);
  layout.print(expr, 0);
  return layout.take();
}

}  // namespace sightline::promql
