"""What both programs are asked in PromQL: every function, every aggregation, every matching mode, every modifier, and
random compositions of them. A query is (kind, text): kind "both" is asked instant and as a range, "instant" only instant."""
import random

COUNTERS = ["http_requests_total", 'http_requests_total{job="api"}', 'http_requests_total{code=~"4..|5.."}', "node_cpu_seconds_total", "request_duration_seconds_count"]
GAUGES = ["temperature_celsius", "odd_value", "memory_bytes", "join_left", 'odd_value{kind!~"nan|.*inf"}', '{"my.utf8/metric"}']
NATIVE = ["latency_native", "latency_custom", "gauge_native"]
RANGE_FUNCTIONS = ["avg_over_time", "changes", "count_over_time", "delta", "deriv", "idelta", "increase", "irate", "last_over_time", "first_over_time",
                   "mad_over_time", "max_over_time", "min_over_time", "present_over_time", "rate", "resets", "stddev_over_time", "stdvar_over_time",
                   "sum_over_time", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time"]
MATH = ["abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor", "ln", "log10", "log2", "rad", "sgn",
        "sin", "sinh", "sqrt", "tan", "tanh", "round"]
CALENDAR = ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"]
PLAIN_AGGREGATES = ["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"]


def functions():
    for f in RANGE_FUNCTIONS:
        for selector in (*COUNTERS[:2], *GAUGES[:2], "latency_native"):
            yield "both", f"{f}({selector}[5m])"
        yield "both", f"{f}(memory_bytes[7m30s] offset 3m)"
        yield "both", f"{f}(http_requests_total[1m])"
    for f in MATH:
        yield "both", f"{f}(odd_value)"
        yield "both", f"{f}(temperature_celsius / 30)"
    yield from (("both", f"round(memory_bytes, {n})") for n in ("1000", "0.5", "-3", "0"))
    for f in CALENDAR:
        yield "both", f"{f}()"
        yield "both", f"{f}(memory_bytes)"
        yield "both", f"{f}(timestamp(temperature_celsius))"
    for text in ("absent(http_requests_total)", 'absent(nothing{job="x",a=~"b"})', "absent(sum(nothing))", 'absent_over_time(nothing{job="x"}[5m])',
                 "absent_over_time(http_requests_total[5m])", 'absent(old_metric{n="1"})', "absent_over_time(old_metric[10m])",
                 "clamp(temperature_celsius, 19, 21)", "clamp(temperature_celsius, 21, 19)", "clamp_max(odd_value, 5)", "clamp_min(odd_value, -5)",
                 "double_exponential_smoothing(temperature_celsius[10m], 0.5, 0.3)", "predict_linear(memory_bytes[10m], 600)", "predict_linear(temperature_celsius[5m], -60)",
                 "quantile_over_time(0.9, temperature_celsius[10m])", "quantile_over_time(-1, temperature_celsius[10m])", "quantile_over_time(1.5, odd_value[5m])",
                 "label_replace(memory_bytes, \"pod\", \"p-$1\", \"instance\", \"(.*)\")", "label_replace(memory_bytes, \"instance\", \"\", \"instance\", \".*\")",
                 "label_replace(memory_bytes, \"a\", \"${x}\", \"job\", \"(?P<x>a)pi\")", "label_replace(http_requests_total, \"instance\", \"same\", \"instance\", \".*\")",
                 "label_replace(memory_bytes, \"utf 8\", \"v\", \"job\", \".*\")", "label_replace(memory_bytes, \"x\", \"$1\", \"job\", \"(\")",
                 "label_join(memory_bytes, \"both\", \"-\", \"job\", \"instance\")", "label_join(memory_bytes, \"instance\", \"\", \"job\")", "label_join(memory_bytes, \"x\", \",\")",
                 "scalar(sum(memory_bytes))", "scalar(memory_bytes)", "vector(1)", "vector(time())", "time()", "pi()", "timestamp(memory_bytes)", "timestamp(memory_bytes + 0)",
                 "timestamp(vector(1))", "sort(memory_bytes)", "sort_desc(odd_value)", "sort_by_label(http_requests_total, \"code\", \"method\")",
                 "sort_by_label_desc(http_requests_total, \"code\")", "histogram_avg(latency_native)", "histogram_count(latency_native)", "histogram_sum(gauge_native)",
                 "histogram_stddev(latency_native)", "histogram_stdvar(gauge_native)", "histogram_fraction(0, 0.5, latency_native)", "histogram_fraction(-2, 2, gauge_native)",
                 "histogram_fraction(0, 0.1, rate(request_duration_seconds_bucket[5m]))", "start_timestamp(memory_bytes)", "min_of(1, 2)", "max_of(3, scalar(memory_bytes))",
                 "integral(temperature_celsius[10m])", "start()", "end()", "step()", "range()"):
        yield "both", text
    for q in ("0", "0.5", "0.9", "0.99", "1", "-0.1", "1.2", "NaN"):
        for arg in ("rate(request_duration_seconds_bucket[5m])", "sum by (le) (rate(request_duration_seconds_bucket[5m]))", "sum by (job, le) (increase(request_duration_seconds_bucket[10m]))"):
            yield "both", f"histogram_quantile({q}, {arg})"
        for h in NATIVE:
            yield "both", f"histogram_quantile({q}, {h})"
        yield "both", f"histogram_quantile({q}, sum(rate(latency_native[5m])))"
    yield "both", 'histogram_quantiles(sum by (le) (rate(request_duration_seconds_bucket[5m])), "q", 0.1, 0.5, 0.99)'
    yield "both", 'histogram_quantiles(latency_native, "q", 0.5, 0.9)'


def aggregations():
    for op in PLAIN_AGGREGATES:
        for arg in ("http_requests_total", "odd_value", "temperature_celsius", "latency_native"):
            yield "both", f"{op}({arg})"
        for by in ("by (job)", "by (job, code)", "without (instance)", "without (job, method, code)", "by ()", "by (missing)", "without ()", "by (__name__)"):
            yield "both", f"{op} {by} (http_requests_total)"
        yield "both", f"{op} by (job) (rate(http_requests_total[5m]))"
    for op in ("topk", "bottomk", "limitk"):
        for k in ("3", "1", "0", "100", "NaN", "-1", "2.7"):
            yield "both", f"{op}({k}, http_requests_total)"
        yield "both", f"{op} by (job) (2, rate(http_requests_total[5m]))"
        yield "both", f"{op} without (code, method) (1, http_requests_total)"
        yield "both", f"{op}(scalar(group_limit{{group=\"a\"}}), memory_bytes)"
        yield "both", f"{op}(2, odd_value)"
    for ratio in ("0.5", "-0.5", "0", "1", "-1", "1.5", "0.1"):
        yield "both", f"limit_ratio({ratio}, http_requests_total)"
    for q in ("0", "0.5", "0.95", "1", "-2", "3", "NaN"):
        yield "both", f"quantile({q}, http_requests_total)"
        yield "both", f"quantile by (job) ({q}, rate(http_requests_total[5m]))"
    for arg in ("join_left", "odd_value", "build_info", "memory_bytes"):
        yield "both", f'count_values("v", {arg})'
        yield "both", f'count_values by (group) ("v", {arg})'
    yield "both", 'count_values without (instance) ("job", memory_bytes)'
    yield "both", "sum(latency_native) by (job)"
    yield "both", "avg(gauge_native)"


def matching():
    arithmetic = ["+", "-", "*", "/", "%", "^", "atan2"]
    comparison = ["==", "!=", "<", "<=", ">", ">="]
    for op in arithmetic:
        yield "both", f"join_left {op} 3"
        yield "both", f"2 {op} odd_value"
        yield "both", f"join_left {op} on (id) join_right"
        yield "both", f"join_left {op} ignoring (zone) join_right"
        yield "both", f"join_left {op} on (group) group_left group_limit"
        yield "both", f"group_limit {op} on (group) group_right (owner) join_left"
        yield "both", f"7 {op} 3"
    for op in comparison:
        for flag in ("", "bool "):
            yield "both", f"join_left {op} {flag}2"
            yield "both", f"3 {op} {flag}join_left"
            yield "both", f"join_left {op} {flag}on (id) join_right"
            yield "both", f"join_left {op} {flag}on (group) group_left (owner) group_limit"
        yield "both", f"1 {op} bool 2"
        yield "both", f"latency_native {op} latency_native"
    for op in ("and", "or", "unless"):
        yield "both", f"join_left {op} join_right"
        yield "both", f"join_left {op} on (id) join_right"
        yield "both", f"join_left {op} ignoring (zone, id) join_right"
        yield "both", f"join_left {op} on () join_right"
        yield "both", f"(join_left > 3) {op} on (group) group_limit"
        yield "both", f"http_requests_total {op} rate(http_requests_total[5m])"
    for fill in ("fill (0)", "fill_left (1)", "fill_right (-1)", "fill_left (2) fill_right (3)"):
        yield "both", f"join_left + on (id) {fill} join_right"
        yield "both", f"join_left * ignoring (zone) {fill} join_right"
        yield "both", f"join_left - on (group) group_left {fill} group_limit"
        yield "both", f"join_left > bool on (id) {fill} join_right"
    for text in ("join_left + on (group) group_limit", "join_left + on (group) join_right", "join_left * on (group) group_left join_right", "join_left + join_right",
                 "-join_left", "+join_left", "-(1 + 2)", "--1", "!join_left", "rate(request_duration_seconds_sum[5m]) / rate(request_duration_seconds_count[5m])",
                 "sum by (job) (rate(http_requests_total{code=\"500\"}[5m])) / sum by (job) (rate(http_requests_total[5m]))",
                 "memory_bytes / on (instance) group_right build_info", "http_requests_total * on (job, instance) group_left (version) target_info",
                 "info(http_requests_total)", 'info(http_requests_total, {version=~".+"})', 'info(memory_bytes, {region="eu"})', 'info(memory_bytes, {__name__="build_info"})',
                 "info(rate(http_requests_total[5m]))", "latency_native + latency_native", "latency_native * 2", "2 * latency_native", "latency_native / 3", "latency_native - latency_native",
                 "latency_native + memory_bytes", "latency_native / latency_native", "latency_custom + latency_custom", "latency_native </ 0.5", "latency_native >/ 0.1", "latency_custom </ 1",
                 "1 + 2 * 3 ^ 2 ^ 0.5", "1 == bool 1 or vector(1)", "0x1F + 1e3 + .5 + 1_000", "Inf - Inf", "NaN == bool NaN", '"a string"', "'single'", "`raw\\n`"):
        yield "both", text


def selectors():
    for text in ('{__name__="memory_bytes"}', '{__name__=~"join_.*"}', '{__name__=~".*total",job="api"}', '{job=~".+"}', '{job!="api",job!=""}', '{job="",__name__="odd_value"}',
                 '{"my.utf8/metric"}', '{"my.utf8/metric","label.with.dots"=~".*z"}', '{"my.utf8/metric","label.with.dots"="ü/€"}', '{"my.utf8/metric","label.with.dots"=~"ü.€"}',
                 '{__name__=~"(?i)MEMORY_BYTES"}', '{__name__=~"memory_bytes|odd_value",kind!="nan"}', 'http_requests_total{code=~"2|5"}', 'http_requests_total{code=~"2..|5.."}',
                 'http_requests_total{code=~"[24]0[04]"}', 'http_requests_total{code!~"2.*"}', 'http_requests_total{code=~""}', 'http_requests_total{code!~""}', 'http_requests_total{missing=""}',
                 'http_requests_total{missing!=""}', 'http_requests_total{method=~"GET|",code="200"}', 'http_requests_total{method=~"(GET|POST)"}', 'http_requests_total{method=~"G.T"}',
                 'http_requests_total{method=~"^GET$"}', 'http_requests_total{instance=~"\\\\d"}', 'http_requests_total{code=~"4\\\\d{2}"}', 'http_requests_total{job="api",job=~"a.*",job!="web"}',
                 'old_metric', 'old_metric{n=~"0|2"}', "nothing", "temperature_celsius", "odd_value"):
        yield "both", text
    for modifier in ("offset 5m", "offset 1h", "offset -10m", "offset 90s", "@ START", "@ MIDDLE", "@ start()", "@ end()", "offset 5m @ MIDDLE", "@ MIDDLE offset -7m", "@ 0"):
        for text in ("memory_bytes {m}", "sum(http_requests_total {m})", "rate(http_requests_total[5m] {m})", "max_over_time(temperature_celsius[10m] {m})",
                     "max_over_time(sum(rate(http_requests_total[1m]))[10m:1m] {m})", "histogram_quantile(0.9, rate(request_duration_seconds_bucket[5m] {m}))"):
            yield "both", text.replace("{m}", modifier)
    for sub in ("[10m:30s]", "[10m:]", "[1h:5m]", "[5m:7s]", "[30s:1m]", "[10m:1m] offset 2m", "[10m:1m] @ MIDDLE", "[10m:1m] @ end()"):
        for text in ("max_over_time(temperature_celsius{s})", "rate(http_requests_total{s})", "sum_over_time(sum(join_left){s})", "quantile_over_time(0.5, rate(http_requests_total[2m]){s})",
                     "count_over_time(time(){s})", "avg_over_time(max_over_time(memory_bytes[1m]){s})", "deriv(avg_over_time(temperature_celsius[3m]){s})"):
            yield "both", text.replace("{s}", sub)
    for m in ("anchored", "smoothed"):
        for f in ("rate", "increase", "delta"):
            yield "both", f"{f}(http_requests_total[5m] {m})"
            yield "both", f"{f}(temperature_celsius[5m] {m})"
        yield "both", f"changes(temperature_celsius[5m] {m})"
        yield "both", f"resets(http_requests_total[5m] {m})"
    yield "both", "temperature_celsius smoothed"
    for text in ("memory_bytes[1m]", "http_requests_total{job=\"api\"}[2m] offset 1m", "temperature_celsius[5m]", "latency_native[1m]", "gauge_native[2m]", "memory_bytes[5m:1m]",
                 "sum(memory_bytes)[5m:30s]", "odd_value[30s] @ MIDDLE", "old_metric[1h]", "memory_bytes[1m*2]", "rate(http_requests_total[5m+1m])", "memory_bytes offset (1m + 30s)",
                 "rate(http_requests_total[max_of(1m, 2*step())])"):
        yield "both", text


def errors():
    for text in ("", " ", "sum(", "sum(memory_bytes", "memory_bytes{", "memory_bytes{a}", 'memory_bytes{a="b', "memory_bytes{a=b}", "memory_bytes[5m", "memory_bytes[5]", "memory_bytes[]", "memory_bytes[0s]",
                 "rate(memory_bytes)", "rate(memory_bytes[5m], 1)", "sum(memory_bytes[5m])", "memory_bytes + ", "+ * 1", "1 == 1", "foo bar", "foo(1)", "unknown_fn(x)", "abs()", "abs(1)", "abs(memory_bytes, 2)",
                 "topk(memory_bytes)", "topk(1)", "topk(memory_bytes, memory_bytes)", "quantile('a', memory_bytes)", "sum by (memory_bytes", "sum by (1) (memory_bytes)", "label_replace(memory_bytes, 1, 2, 3, 4)",
                 "memory_bytes and 1", "1 and 2", "memory_bytes or on (a) group_left memory_bytes", "memory_bytes + on (a) group_left (a) memory_bytes", "1 + on (a) 2", "memory_bytes + bool 1", "1 > 2", "{}", '{a=""}', '{a=~".*"}',
                 "memory_bytes offset", "memory_bytes offset 5", "memory_bytes offset 5m offset 1m", "memory_bytes @", "memory_bytes @ foo", "memory_bytes @ 1 @ 2", "memory_bytes[5m][5m]", "memory_bytes[5m:1m:1m]",
                 "(memory_bytes[5m])", "rate((memory_bytes[5m]))", "(1)[5m]", "1[5m:1m]", '"a" + 1', "-\"a\"", "sum('a')", "memory_bytes{__name__=\"x\"}", "{__name__=\"a\",__name__=\"b\"}", "memory_bytes{a=~\"(\"}", "memory_bytes{a=~\")\"}", "memory_bytes{a=~\"[\"}", "memory_bytes{a=~\"[z-a]\"}", "memory_bytes{a=~\"*\"}", "memory_bytes{a=~\"a**\"}", "memory_bytes{a=~\"a{1001}\"}", "memory_bytes{a=~\"(?z)\"}",
                 "memory_bytes{a=~\"\\\\8\"}", "memory_bytes{a=~\"\\\\\"}", "memory_bytes{a=~\"(?P<n\"}", ")", "memory_bytes)", "}", "memory_bytes[", "memory_bytes[:", "memory_bytes[:1m]", "memory_bytes[1m:1m", "memory_bytes[1m foo]", "memory_bytes[foo]", "memory_bytes[5m#]", "memory_bytes[step]", "memory_bytes[(5m]",
                 "'\\xzz'", "'\\ud800'", "'\\400'", "1e+", "1__0", "1_", "0x1e", "0x1ef", "0xfffffffffffffffff", "08", "017", "1e999", "5hs", "5s5m", "1.5m", ".5.", "memory_bytes[5m/0]", "memory_bytes[5m%0]", "memory_bytes offset (1m/0)", "memory_bytes[step()*0]", "memory_bytes[1m]  @ 1e20", "fill", "fill(1)", "memory_bytes fill (1)", "start", "start(1)", "memory_bytes step", "memory_bytes!", "memory_bytes{!", "memory_bytes{a!", "'unterminated",
                 "\"bad \\q escape\"", "1e", "0x", "1..2", "5m5", "#only a comment", "memory_bytes # comment", "memory_bytes # comment\n + 1", "memory_bytes;", "memory_bytes $ 1", "👍", "memory_bytes == != 1", "time(1)", "vector(memory_bytes)",
                 "scalar(1)", "count_values(memory_bytes)", "count_values('', memory_bytes)", "count_values('a b', memory_bytes)", "label_join(memory_bytes, '', ',')", "histogram_quantile(memory_bytes)", "limit_ratio('x', memory_bytes)",
                 "double_exponential_smoothing(memory_bytes[5m], 2, 0.5)", "memory_bytes smoothed anchored", "sum(memory_bytes) smoothed", "rate(memory_bytes[5m:1m] anchored)", "avg_over_time(memory_bytes[5m] smoothed)",
                 "sum without by (a) (memory_bytes)", "sum(memory_bytes) by (a) by (b)", "join_left fill (1) join_right", "join_left and fill (1) join_right", "sort_by_label(memory_bytes)", "rate(memory_bytes[1m]) offset 5m",
                 "memory_bytes[1m-2m]", "memory_bytes offset -(5m)", "min_of(1)", "{\"a\", \"b\"}", "{'memory_bytes'}", "memory_bytes{'instance'='0'}", "sum by ('instance') (memory_bytes)"):
        yield "both", text


class Composer:
    """Random expressions of instant vector type, well-formed by construction."""

    def __init__(self, seed: int):
        self.r = random.Random(seed)

    def pick(self, items):
        return self.r.choice(items)

    def vector(self, depth: int) -> str:
        r = self.r
        if depth == 0:
            selector = self.pick(COUNTERS + GAUGES[2:4] + ["temperature_celsius"])
            return selector + self.pick(["", "", "", " offset 1m", " @ MIDDLE", " offset -30s"])
        kind = r.randrange(7)
        inner = self.vector(depth - 1)
        if kind == 0:
            by = self.pick(["", " by (job)", " by (job, instance)", " without (instance)", " by (le)"])
            return f"{self.pick(PLAIN_AGGREGATES)}{by} ({inner})"
        if kind == 1:
            return f"{self.pick(RANGE_FUNCTIONS)}({self.pick(COUNTERS + GAUGES[2:4])}[{self.pick(['1m', '5m', '10m', '45s'])}]{self.pick(['', ' offset 2m'])})"
        if kind == 2:
            return f"({inner} {self.pick(['+', '-', '*', '/', '%', '^', '> bool', '<', '>=', '!='])} {self.pick(['2', '0.5', '100', '-1'])})"
        if kind == 3:
            return f"({inner} {self.pick(['+', '/', '*', '-', 'and', 'or', 'unless', '>', '== bool'])} {self.pick([inner, f'sum by (job, instance) ({inner})'])})"
        if kind == 4:
            return f"{self.pick(['abs', 'ceil', 'floor', 'sgn', 'sqrt', 'exp', 'round'])}({inner})"
        if kind == 5:
            return f"{self.pick(['max_over_time', 'avg_over_time', 'rate', 'changes', 'last_over_time', 'sum_over_time'])}(({inner})[{self.pick(['5m', '10m'])}:{self.pick(['30s', '1m', '', '77s'])}])"
        return f"{self.pick(['topk', 'bottomk'])}({r.randrange(1, 6)}, {inner})"


def generate(seed: int, composed: int, start_s: float, middle_s: float):
    """Every query once, in a fixed order."""
    seen = set()
    composer = Composer(seed)
    groups = [("function", functions()), ("aggregation", aggregations()), ("matching", matching()), ("selector", selectors()), ("error", errors()),
              ("composed", (("both", composer.vector(composer.r.randrange(1, 4))) for _ in range(composed)))]
    for group, queries in groups:
        for kind, text in queries:
            text = text.replace("MIDDLE", f"{middle_s:.3f}").replace("START", f"{start_s:.3f}")
            if text not in seen:
                seen.add(text)
                yield group, kind, text
