#include "api/jaeger/structured_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/number_text.h"
#include "base/protobuf_reader.h"
#include "traceql/syntax/lexer.h"

namespace sightline::api::jaeger {
namespace {

enum class Holds { kText, kDuration, kWord, kAnything };  // an attribute may hold anything

// What a reference names, in TraceQL's words.
struct Reference {
  std::string text;
  Holds holds = Holds::kAnything;
  bool is_nested = false;  // of events or links: one of several
};

struct BuiltIn {
  std::string_view level, name, text;
  Holds holds = Holds::kText;
};
constexpr BuiltIn kBuiltIns[] = {
    {"span", "traceID", "trace:id"},
    {"span", "spanID", "span:id"},
    {"span", "parentSpanID", "span:parentID"},
    {"span", "name", "name"},
    {"span", "kind", "kind", Holds::kWord},
    {"span", "status", "status", Holds::kWord},
    {"span", "statusMessage", "statusMessage"},
    {"span", "duration", "duration", Holds::kDuration},
    {"resource", "service", "resource.service.name"},
    {"scope", "name", "instrumentation:name"},
    {"scope", "version", "instrumentation:version"},
    {"event", "name", "event:name"},
    {"event", "timeSinceStart", "event:timeSinceStart", Holds::kDuration},
    {"link", "traceID", "link:traceID"},
    {"link", "spanID", "link:spanID"},
};
// There are such fields, and nothing here keeps them in a form that can be searched.
constexpr std::pair<std::string_view, std::string_view> kNotSearched[] = {
    {"span", "traceState"}, {"span", "startTime"},  {"span", "endTime"}, {"resource", "schemaURL"},
    {"scope", "schemaURL"}, {"link", "traceState"}, {"event", "time"}};

constexpr std::string_view kWords[] = {"unspecified", "internal", "server", "client", "producer",
                                       "consumer",    "error",    "ok",     "unset"};
constexpr std::pair<std::string_view, std::string_view> kComparisons[] = {
    {"eq", "="}, {"ne", "!="}, {"gt", ">"}, {"lt", "<"}, {"gte", ">="}, {"lte", "<="}};

template <typename... Parts>
std::unexpected<Error> refuse(const Parts&... parts) {
  return fail(Errc::kInvalidArgument, "filter: ", parts...);
}

// A constant, or one element of a list.
struct Constant {
  std::string value;
  std::string type;  // string, int, double, bool; empty: any
};

// One Expression: whichever of its terms was written last.
struct Term {
  enum class Kind { kNone, kReference, kNested, kConstants, kCall };
  Kind kind = Kind::kNone;
  Reference reference;
  std::string level;  // kNested
  std::vector<Constant> constants;
  bool is_list = false;
  std::string_view call;
};

// A message of strings: the fields of it, each as often as it comes.
Status read_strings(std::string_view bytes, const auto& take) {
  ProtobufReader r(bytes);
  while (r.next()) {
    if ((r.tag() & 7) == 2)
      take(r.tag() >> 3, std::string(r.bytes()));
    else
      r.skip();
  }
  if (!r.ok()) return refuse("not a valid message: ", r.fault());
  return {};
}

Result<Reference> attribute_reference(std::string_view bytes) {
  std::string key, level;
  if (auto read =
          read_strings(bytes, [&](uint32_t f, std::string s) { (f == 1 ? key : level) = s; });
      !read)
    return std::unexpected(std::move(read).error());
  if (key.empty()) return refuse("an attribute needs a key");
  constexpr std::pair<std::string_view, std::string_view> kScopes[] = {
      {"", "."},
      {"span", "span."},
      {"resource", "resource."},
      {"scope", "instrumentation."},
      {"event", "event."},
      {"link", "link."}};
  for (const auto& [name, scope] : kScopes)
    if (name == level)
      return Reference{.text = std::string(scope) + traceql::quoted(key),
                       .is_nested = level == "event" || level == "link"};
  return refuse("unknown level: ", level);
}

Result<Reference> field_reference(std::string_view bytes) {
  std::string name, level;
  if (auto read =
          read_strings(bytes, [&](uint32_t f, std::string s) { (f == 1 ? name : level) = s; });
      !read)
    return std::unexpected(std::move(read).error());
  for (const BuiltIn& b : kBuiltIns)
    if (b.level == level && b.name == name)
      return Reference{.text = std::string(b.text),
                       .holds = b.holds,
                       .is_nested = level == "event" || level == "link"};
  if (std::ranges::find(kNotSearched, std::pair<std::string_view, std::string_view>(level, name)) !=
      std::end(kNotSearched))
    return refuse("the field ", level, ".", name, " cannot be searched here");
  return refuse("unknown field: ", level, ".", name);
}

Result<Term> read_term(std::string_view bytes) {
  Term term;
  ProtobufReader r(bytes);
  while (r.next()) {
    const uint32_t tag = r.tag();
    if (tag == protobuf_bytes(1) || tag == protobuf_bytes(2)) {
      auto reference =
          tag == protobuf_bytes(1) ? attribute_reference(r.bytes()) : field_reference(r.bytes());
      if (!reference) return std::unexpected(std::move(reference).error());
      term = {.kind = Term::Kind::kReference, .reference = std::move(*reference)};
    } else if (tag == protobuf_bytes(3)) {
      term = {.kind = Term::Kind::kNested};
      if (auto read = read_strings(r.bytes(), [&](uint32_t, std::string s) { term.level = s; });
          !read)
        return std::unexpected(std::move(read).error());
    } else if (tag == protobuf_bytes(4) || tag == protobuf_bytes(5)) {
      term = {.kind = Term::Kind::kConstants, .is_list = tag == protobuf_bytes(5)};
      std::string type;
      if (auto read = read_strings(r.bytes(),
                                   [&](uint32_t f, std::string s) {
                                     if (f == 1)
                                       term.constants.push_back({std::move(s), {}});
                                     else if (f == 2)
                                       type = std::move(s);
                                   });
          !read)
        return std::unexpected(std::move(read).error());
      if (term.constants.empty() && !term.is_list) term.constants.emplace_back();
      for (Constant& constant : term.constants) constant.type = type;
    } else if (tag == protobuf_bytes(6)) {
      term = {.kind = Term::Kind::kCall, .call = r.bytes()};
    } else {
      r.skip();
    }
  }
  if (!r.ok()) return refuse("not a valid message: ", r.fault());
  if (term.kind == Term::Kind::kNone) return refuse("an argument is empty");
  return term;
}

bool is_number(std::string_view text) {
  const auto number = parse_float(text);
  return parse_int(text).has_value() ||
         (number && text.find_first_not_of("0123456789.-") == std::string_view::npos);
}

// How a constant is written beside a reference; of a constant without a type both as text and as what it looks like.
Result<std::vector<std::string>> literals_of(const Constant& c, Holds holds) {
  using Texts = std::vector<std::string>;
  if (holds == Holds::kDuration) {
    const auto duration = parse_go_duration(c.value);
    if (!duration) return refuse("not a duration: ", c.value);
    return Texts{std::to_string(duration->count()) + "ns"};
  }
  if (holds == Holds::kWord) {
    if (std::ranges::find(kWords, c.value) == std::end(kWords))
      return refuse("no kind or status of a span: ", c.value);
    return Texts{c.value};
  }
  const std::string text = traceql::quoted(c.value);
  if (holds == Holds::kText || c.type == "string") return Texts{text};
  const bool is_bool = c.value == "true" || c.value == "false";
  if (c.type == "bool")
    return is_bool ? Result<Texts>(Texts{c.value}) : refuse("not a bool: ", c.value);
  if (c.type == "int" || c.type == "double")
    return is_number(c.value) ? Result<Texts>(Texts{c.value}) : refuse("not a number: ", c.value);
  if (!c.type.empty()) return refuse("unknown type: ", c.type);
  return is_bool || is_number(c.value) ? Texts{text, c.value} : Texts{text};
}

std::string joined(const std::vector<std::string>& parts, std::string_view with) {
  if (parts.size() == 1) return parts[0];
  std::string out = "(";
  for (size_t i = 0; i < parts.size(); ++i) out.append(i > 0 ? with : "").append(parts[i]);
  return out + ")";
}

class Translation {
 public:
  // `within`: "event" or "link" inside a `some`.
  Result<std::string> call(std::string_view bytes, std::string_view within, int depth) {
    if (depth > kFilterDepthMax) return refuse("deeper than ", kFilterDepthMax, " levels");
    std::string op;
    std::vector<Term> args;
    ProtobufReader r(bytes);
    while (r.next()) {
      if (r.tag() == protobuf_bytes(1)) {
        op = r.bytes();
      } else if (r.tag() == protobuf_bytes(2)) {
        auto term = read_term(r.bytes());
        if (!term) return std::unexpected(std::move(term).error());
        args.push_back(std::move(*term));
      } else {
        r.skip();
      }
    }
    if (!r.ok()) return refuse("not a valid message: ", r.fault());
    if (op == "and" || op == "or" || op == "not") return logic(op, args, within, depth);
    if (op == "some") return some(args, within, depth);
    auto leaf = condition(op, args, within);
    if (!leaf || !within.empty()) return leaf;
    return std::ranges::any_of(args, [](const Term& t) { return t.reference.is_nested; })
               ? apart(std::move(*leaf))
               : leaf;
  }

 private:
  // TraceQL asks conditions on events that && joins of one event. What is negated twice stands for itself.
  std::string apart(std::string condition) {
    return std::exchange(has_nested_, true) ? "!(!(" + condition + "))" : condition;
  }

  Result<std::string> logic(const std::string& op, const std::vector<Term>& args,
                            std::string_view within, int depth) {
    if (op == "not" ? args.size() != 1 : args.size() < 2)
      return refuse(op, op == "not" ? " takes one argument" : " takes two arguments or more");
    if (op == "not" && !within.empty()) return refuse("'not' within 'some' cannot be answered");
    std::vector<std::string> parts;
    for (const Term& arg : args) {
      if (arg.kind != Term::Kind::kCall) return refuse(op, " takes calls");
      auto part = call(arg.call, within, depth + 1);
      if (!part) return part;
      parts.push_back("(" + *part + ")");
    }
    return op == "not" ? "!" + parts[0] : joined(parts, op == "and" ? " && " : " || ");
  }

  Result<std::string> some(const std::vector<Term>& args, std::string_view within, int depth) {
    if (args.size() != 2 || args[0].kind != Term::Kind::kNested ||
        args[1].kind != Term::Kind::kCall || !within.empty())
      return refuse("'some' takes events or links, and a call");
    if (args[0].level != "event" && args[0].level != "link")
      return refuse("'some' asks of events or links, not of: ", args[0].level);
    auto inner = call(args[1].call, args[0].level, depth + 1);
    if (!inner) return inner;
    return apart("(" + *inner + ")");
  }

  static Result<std::string> condition(const std::string& op, const std::vector<Term>& args,
                                       std::string_view within) {
    for (const Term& arg : args)
      if (arg.kind == Term::Kind::kReference && !within.empty() &&
          !arg.reference.text.starts_with(within))
        return refuse("'some' of ", within, "s asks only of those");
    if (op == "exists") return existence(args);
    if (args.size() != 2) return refuse(op, " takes two arguments");
    if (op == "in" || op == "not_in") return membership(op, args, within);
    if (op == "regex") return match(args);
    for (const auto& [name, symbol] : kComparisons)
      if (name == op) return comparison(std::string(symbol), args[0], args[1], within);
    return refuse("unknown operator: ", op);
  }

  static Result<std::string> existence(const std::vector<Term>& args) {
    if (args.size() != 1 || args[0].kind != Term::Kind::kReference)
      return refuse("exists takes one reference");
    return presence(args[0].reference);
  }

  static std::string presence(const Reference& what) {
    if (what.holds == Holds::kAnything) return what.text + " != nil";
    if (what.holds == Holds::kText)
      return what.text + (what.is_nested ? " =~ \"(?s:.*)\"" : " != \"\"");
    return what.is_nested ? "(" + what.text + " >= 0ns || " + what.text + " < 0ns)" : "true";
  }

  static Result<std::string> membership(const std::string& op, const std::vector<Term>& args,
                                        std::string_view within) {
    if (args[0].kind != Term::Kind::kReference || !args[1].is_list || args[1].constants.empty())
      return refuse(op, " takes a reference and a list that is not empty");
    std::vector<std::string> parts;
    for (const Constant& constant : args[1].constants) {
      auto part = equality(op == "in" ? "=" : "!=", args[0].reference, constant, within);
      if (!part) return part;
      parts.push_back(std::move(*part));
    }
    return joined(parts, op == "in" ? " || " : " && ");
  }

  static Result<std::string> match(const std::vector<Term>& args) {
    if (args[0].kind != Term::Kind::kReference || args[1].constants.size() != 1 || args[1].is_list)
      return refuse("regex takes a reference and a pattern");
    const Reference& what = args[0].reference;
    if (what.holds != Holds::kText && what.holds != Holds::kAnything)
      return refuse("regex asks of texts, not of ", what.text);
    RE2::Options options;
    options.set_log_errors(false);
    const re2::RE2 regex(args[1].constants[0].value, options);
    if (!regex.ok()) return refuse("not a regular expression: ", regex.error());
    return what.text + " =~ " +
           traceql::quoted("(?s:.*)(?:" + args[1].constants[0].value + ")(?s:.*)");
  }

  // Equal to a constant, or there and not equal to it.
  static Result<std::string> equality(std::string_view symbol, const Reference& what,
                                      const Constant& constant, std::string_view within) {
    const auto literals = literals_of(constant, what.holds);
    if (!literals) return std::unexpected(literals.error());
    const auto any = [&](std::string_view with) {
      std::vector<std::string> parts;
      for (const std::string& literal : *literals)
        parts.push_back(what.text + " " + std::string(with) + " " + literal);
      return joined(parts, " || ");
    };
    // Values of different types are neither equal nor unequal, which is right for one event.
    const bool is_one = !within.empty() || (!what.is_nested && what.holds != Holds::kAnything);
    if (symbol == "=" || is_one) return any(symbol);
    return "(" + presence(what) + " && !(" + any("=") + "))";
  }

  static Result<std::string> comparison(std::string symbol, const Term& left, const Term& right,
                                        std::string_view within) {
    using Kind = Term::Kind;
    if (left.kind == Kind::kReference && right.kind == Kind::kReference)
      return left.reference.text + " " + symbol + " " + right.reference.text;
    if (left.kind == Kind::kConstants && right.kind == Kind::kReference) {
      if (symbol[0] == '<' || symbol[0] == '>') symbol[0] = symbol[0] == '<' ? '>' : '<';
      return comparison(std::move(symbol), right, left, within);
    }
    if (left.kind != Kind::kReference || right.kind != Kind::kConstants || right.is_list)
      return refuse("a comparison takes references and constants, one reference at least");
    if (symbol == "=" || symbol == "!=")
      return equality(symbol, left.reference, right.constants[0], within);
    if (left.reference.holds == Holds::kWord) return refuse(left.reference.text, " has no order");
    const auto literals = literals_of(right.constants[0], left.reference.holds);
    if (!literals) return std::unexpected(literals.error());
    // What looks like a number is compared with numbers.
    return left.reference.text + " " + symbol + " " + literals->back();
  }

  bool has_nested_ = false;
};

}  // namespace

Result<std::string> filter_condition(std::string_view call) {
  return Translation().call(call, "", 1);
}

}  // namespace sightline::api::jaeger
