"""The rest of the API: each request is sent to both, and the answers compared as its `how` says.
  exact   status, the headers of HEADERS, and the body byte for byte
  json    the same with the body as JSON values
  shape   keys and kinds of values only, for answers that speak of the process itself
  status  status and headers
"""
import dataclasses
import json
import re
import urllib.parse

from harness import request

HEADERS = ("Content-Type", "Allow", "Content-Encoding", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods",
           "Access-Control-Allow-Headers", "Access-Control-Expose-Headers")


# Differences that docs/api.md explains, by the name of the request.
KEPT = (r"^GET /api/v1/label/__name__/values\?limit=[13]&", r"^(HEAD|POST) /-/(healthy|ready)", r"^OPTIONS /api/v1/nosuch", r"'Accept-Encoding': '\*'", r"step=0\.0004$",
        r"^bad regex$")


@dataclasses.dataclass
class Probe:
    method: str
    path: str
    params: list = dataclasses.field(default_factory=list)
    how: str = "exact"
    form: list | None = None
    headers: dict = dataclasses.field(default_factory=dict)

    def name(self) -> str:
        query = urllib.parse.urlencode(self.params)
        form = " form " + urllib.parse.urlencode(self.form) if self.form is not None else ""
        extra = " " + str(self.headers) if self.headers else ""
        return f"{self.method} {self.path}{'?' + query if query else ''}{form}{extra}"

    def ask(self, base: str):
        url = base + self.path + ("?" + urllib.parse.urlencode(self.params) if self.params else "")
        headers = {"Accept-Encoding": "identity", **self.headers}
        body = None
        if self.form is not None:
            body = urllib.parse.urlencode(self.form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return request(self.method, url, body, headers, timeout=30)


def _shape(value):
    if isinstance(value, dict):
        return {k: _shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}[type(value)]


def difference(probe: Probe, ours, theirs) -> str | None:
    if ours.status != theirs.status:
        return f"status {ours.status} and not {theirs.status}: {ours.text[:200]!r} / {theirs.text[:200]!r}"
    for header in HEADERS:
        a, b = ours.headers.get(header), theirs.headers.get(header)
        if header == "Allow" and a and b:
            a, b = (",".join(sorted(x.replace(" ", "").split(","))) for x in (a, b))
        if a != b:
            return f"{header}: {a!r} and not {b!r}"
    if probe.how == "status" or ours.body == theirs.body:
        return None
    if probe.how == "exact":
        return f"\n    ours   {ours.body[:700]!r}\n    theirs {theirs.body[:700]!r}"
    a, b = json.loads(ours.body), json.loads(theirs.body)
    if probe.how == "shape":
        a, b = _shape(a), _shape(b)
    if probe.how == "list" and "data" in a and "data" in b:  # in any order
        a["data"], b["data"] = sorted(a["data"], key=json.dumps), sorted(b["data"], key=json.dumps)
    if probe.how == "targets":
        a, b = (json.loads(re.sub(rb'"(lastScrape|globalUrl)":"[^"]*"|"lastScrapeDuration":[0-9.e+-]+', b'"x":0', x.body)) for x in (ours, theirs))
    if probe.how == "stats":  # how long it took, and what was held at once, are each program's own
        for answer in (a, b):
            if "data" in answer:
                answer["data"]["stats"].pop("timings")
                answer["data"]["stats"]["samples"].pop("peakSamples")
                if answer["data"]["resultType"] == "vector":
                    answer["data"]["result"].sort(key=json.dumps)
    if probe.how == "features":
        return _features_difference(a, b)
    return None if a == b else f"\n    ours   {json.dumps(a)[:700]}\n    theirs {json.dumps(b)[:700]}"


def _features_difference(a: dict, b: dict) -> str | None:
    """The same groups; and of the language, the same entries."""
    ours, theirs = a["data"], b["data"]
    if missing := theirs.keys() - ours.keys():
        return f"groups missing: {sorted(missing)}"
    for group in ("promql_functions", "promql_operators"):
        if ours[group].keys() != theirs[group].keys():
            return f"{group}: {sorted(ours[group].keys() ^ theirs[group].keys())}"
    return None


EXPRESSIONS = [
    "1", "-1.50", "1e30", "0x10", "Inf", "5m", '"text"', "'it''s'", "up", '{__name__="up"}', 'up{b="2",a="1"}', 'up{a!="x",b=~"y.*",c!~"z"}', '{"utf8.name"}', '{"utf8.name","l.b"="v"}',
    "up offset 5m", "up offset -1h30m", "up @ 1603775691.000", "up @ start()", "up @ end() offset 3m", "rate(up[5m])", "rate(up[5m] offset 1m)", "rate(up[1h30m15s] @ 10)", "up[5m:30s]",
    "max_over_time(rate(up[5m])[1h:] offset 2m)", "max_over_time(rate(up[5m])[1h:1m] @ end())", "sum(up)", "sum by (a, b) (up)", "sum without () (up)", "sum(up) by (a)", "topk(5, up)", "topk by (x) (5, up)",
    "quantile(0.9, up)", 'count_values("v", up)', "limit_ratio(0.1, up)", "a + b", "a + b * c", "(a + b) * c", "a ^ b ^ c", "a - -b", "-a", "+a", "a == bool b", "a + on (x, y) b", "a + ignoring (x) b",
    "a * on (x) group_left (z) b", "a * on () group_right b", "a and on (x) b", "a or b unless c", "a + on (x) fill (0) b", "a + fill_left (1) fill_right (2) b", "a / ignoring (x) group_left fill_right (0) b", "a atan2 b",
    "vector(1)", "time()", "pi()", "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")", "histogram_quantile(0.99, sum by (le) (rate(x_bucket[5m])))", "absent(up{a=\"b\"})", "clamp(up, 1, 2)", "round(up)", "round(up, 5)",
    "rate(up[5m] anchored)", "increase(up[5m] smoothed)", "up smoothed", "rate(up[1m+30s])", "rate(up[step()])", "rate(up[max_of(1m, step() * 4)])", "up offset (1m + 30s)", "up[5m:(step() + 1s)]", "info(up)", "info(up, {a=\"b\"})",
    "a </ b", "a >/ 0.5", "sum by (\"utf.8\") (up)", "a + on (\"x.y\") b", "a > 1 and b < 2 or c == 3",
    "sum by (job, instance, a_long_label_name) (rate(a_rather_long_metric_name_total{job=\"some-job-name\",instance=~\"host.*\"}[5m])) / sum by (job, instance) (rate(another_rather_long_metric_name_total[5m]))",
    "histogram_quantile(0.95, sum by (le, job, a_long_label_name, another_long_label_name) (rate(request_duration_seconds_bucket{job=~\"api|web\",code!~\"5..\"}[5m])))",
    "label_replace(sum by (job) (rate(a_rather_long_metric_name_total{job=\"some-job-name\"}[5m])), \"destination_label\", \"prefix-$1-suffix\", \"source_label\", \"(.*)-(.*)\")",
    "a_long_metric_name_number_one_total{job=\"api\"} + on (job, instance) group_left (version, revision) a_long_metric_name_number_two_total{job=\"api\"}",
    "max_over_time((rate(a_rather_long_metric_name_total{job=\"some-job-name\"}[5m]) > 0.1)[1h:1m] offset 5m) and on (job) (another_metric_name_that_is_long_enough == 1)",
    "topk(10, sum by (a, b, c, d, e, f, g) (rate(a_rather_long_metric_name_total{job=\"some-job-name\",instance=~\"host.*\"}[5m])))", "(((a)))", "-(a + b)", "sum((a + b))", "(a_rather_long_metric_name_total_number_one + a_rather_long_metric_name_total_number_two + a_rather_long_metric_three)",
]


def probes(start_s: float, middle_s: float, end_s: float):
    api = "/api/v1"
    window = [("start", f"{start_s:.3f}"), ("end", f"{end_s:.3f}")]
    for match in (["memory_bytes"], ['{job="api"}'], ["memory_bytes", "odd_value"], ['{__name__=~"join_.*"}'], ['{"my.utf8/metric"}'], ["nothing"], ["memory_bytes", "memory_bytes"], ['http_requests_total{code=~"5.."}', "build_info"]):
        pairs = [("match[]", m) for m in match]
        yield Probe("GET", api + "/series", pairs + window, how="series")
        yield Probe("GET", api + "/labels", pairs + window)
        yield Probe("GET", api + "/label/job/values", pairs + window)
        yield Probe("GET", api + "/label/__name__/values", pairs + window)
        yield Probe("POST", api + "/series", form=pairs + window, how="series")
        yield Probe("POST", api + "/labels", form=pairs + window)
    for limit in ("1", "3", "0", "1000", "-1", "x", "1.5", ""):
        yield Probe("GET", api + "/labels", [("limit", limit)] + window)
        yield Probe("GET", api + "/label/__name__/values", [("limit", limit)] + window)
        yield Probe("GET", api + "/series", [("match[]", "group_limit"), ("limit", limit)] + window, how="status" if limit in ("1",) else "series")
        # Equal values may stand in any order.
        yield Probe("GET", api + "/query", [("query", "sort(sum by (job, code) (http_requests_total))"), ("limit", limit), ("time", f"{middle_s:.3f}")], how="json")
        yield Probe("GET", api + "/query_range", [("query", "http_requests_total"), ("limit", limit), ("step", "300")] + window)
        yield Probe("GET", api + "/metadata", [("limit", limit)], how="status")
        yield Probe("GET", api + "/targets/metadata", [("limit", limit)], how="status")
        yield Probe("GET", api + "/status/tsdb", [("limit", limit)], how="status")
    for name in ("job", "le", "nothing", "U__label_2e_with_2e_dots", "label.with.dots", "U__job", "U____name__", "x-y", "x%20y", "%FF", "U__", "U__a_zz_", "U___"):
        yield Probe("GET", f"{api}/label/{name}/values", window)
    for match in ("{}", '{a=""}', "up{", "rate(up[5m])", "", "1", '{a=~".*"}', "up offset 5m"):
        for path in ("/series", "/labels", "/label/job/values"):
            yield Probe("GET", api + path, [("match[]", match)])
    for times in ([("start", "x")], [("end", "1e400")], [("start", "2026-01-01T00:00:00Z"), ("end", "2026-13-01T00:00:00Z")], [("start", "-292273086-05-16T16:47:06Z"), ("end", "292277025-08-18T07:12:54.999999999Z")],
                  [("start", "1e12"), ("end", "1e12")], [("start", "10"), ("end", "5")]):
        yield Probe("GET", api + "/series", [("match[]", "memory_bytes")] + times)
        yield Probe("GET", api + "/labels", times)
        yield Probe("GET", api + "/query_exemplars", [("query", "memory_bytes")] + times)
        yield Probe("GET", api + "/query_range", [("query", "memory_bytes"), ("step", "1h")] + times)
    at = [("time", f"{middle_s:.3f}")]
    for params in ([], [("query", "")], [("query", "1")], [("query", "memory_bytes")] + [("time", "now")], [("query", "1"), ("timeout", "x")], [("query", "1"), ("timeout", "0")], [("query", "1"), ("timeout", "-1s")],
                   [("query", "memory_bytes"), ("lookback_delta", "1s")] + at, [("query", "memory_bytes"), ("lookback_delta", "x")] + at,  [("query", "1"), ("time", "2026-11-24T01:58:08.123456Z")],
                   [("query", "1"), ("time", "1435781451.7816")], [("query", "1"), ("time", "0x10")], [("query", "1"), ("time", "-5.5")], [("query", "1"), ("time", "1e3"), ("limit", "x"), ("timeout", "y")], [("query", "sum("), ("limit", "-4")],
                   [("query", "1e21"), ("time", "1")], [("query", "1e-7"), ("time", "1")], [("query", '"<a>&\u2028"'), ("time", "1")], [("query", "vector(1e21)"), ("time", "1")], [("query", "-0"), ("time", "1")]):
        how = "shape" if params == [("query", "1")] else "exact"  # each answers for its own now
        yield Probe("GET", api + "/query", params, how=how)
        yield Probe("POST", api + "/query", form=params, how=how)
    for params in ([("start", "1"), ("end", "2")], [("start", "1"), ("end", "2"), ("step", "0")], [("start", "1"), ("end", "2"), ("step", "-1")], [("start", "2"), ("end", "1"), ("step", "1")], [("start", "1"), ("end", "2"), ("step", "x")], [("start", "0"), ("end", "11000"), ("step", "1")],
                   [("start", "0"), ("end", "11001"), ("step", "1")], [("start", "0"), ("end", "1e9"), ("step", "1")], [("end", "1"), ("step", "1")], [("start", "1"), ("step", "1")], [("start", "1"), ("end", "2"), ("step", "0.5")], [("start", "1"), ("end", "2"), ("step", "500ms")],
                   [("start", "1"), ("end", "100"), ("step", "1m1s")], [("start", "1"), ("end", "2"), ("step", "NaN")], [("start", "1"), ("end", "2"), ("step", "1e300")], [("start", "1.0005"), ("end", "2"), ("step", "0.0004")]):
        yield Probe("GET", api + "/query_range", [("query", "vector(1)"), *params], how="exact" if ("end", "11000") not in params else "status")
    yield Probe("GET", api + "/query_range", [("query", "memory_bytes[5m]"), ("start", "1"), ("end", "2"), ("step", "1")])
    yield Probe("GET", api + "/query_range", [("query", '"a"'), ("start", "1"), ("end", "2"), ("step", "1")])
    yield Probe("POST", api + "/query_range", [("query", "vector(1)")], form=[("start", "1"), ("end", "2"), ("step", "1")])
    yield Probe("POST", api + "/query", [("query", "1"), ("time", "1")], form=[("query", "2"), ("time", "2")])
    for query in ("request_duration_seconds_bucket", 'request_duration_seconds_bucket{job="api"}', "histogram_quantile(0.9, sum by (le) (rate(request_duration_seconds_bucket[5m])))", "test", "memory_bytes", "1", "sum(", "",
                  'request_duration_seconds_bucket{le="0.1"} or request_duration_seconds_bucket{le="0.25"}', "rate(request_duration_seconds_bucket[5m] offset 1h @ 5)", "{a=\"\"}"):
        yield Probe("GET", api + "/query_exemplars", [("query", query), *window], how="exemplars")
        yield Probe("POST", api + "/query_exemplars", form=[("query", query), *window], how="exemplars")
    yield Probe("GET", api + "/query_exemplars", [("query", "request_duration_seconds_bucket")], how="exemplars")
    yield Probe("GET", api + "/query_exemplars", [("query", "test"), ("start", f"{start_s * 1000:.0f}"), ("end", f"{end_s * 1000:.0f}")])
    for query in ("memory_bytes", "sum(rate(http_requests_total[5m]))", "memory_bytes offset 5m", f"memory_bytes @ {middle_s:.0f}", f"rate(http_requests_total[1m] @ {middle_s:.0f})", "latency_native", "rate(latency_native[2m])", "1", "vector(1)",
                  "max_over_time(sum(rate(http_requests_total[1m]))[5m:30s])", "max_over_time(memory_bytes[10m:1m] offset 1m)", f"sum_over_time(memory_bytes[5m:30s] @ {middle_s:.0f})", "timestamp(memory_bytes)", "topk(2, memory_bytes)",
                  "increase(http_requests_total[5m] anchored)", "increase(http_requests_total[5m] smoothed)", "memory_bytes / on (instance) group_left () build_info", "avg_over_time(max_over_time(memory_bytes[1m:20s])[3m:40s])", "nothing"):
        yield Probe("GET", api + "/query", [("query", query), ("stats", "all"), *at], how="stats")
        yield Probe("GET", api + "/query_range", [("query", query), ("stats", "all"), ("start", f"{middle_s:.0f}"), ("end", f"{middle_s + 300:.0f}"), ("step", "37")], how="stats")
    yield Probe("GET", api + "/query", [("query", "memory_bytes"), ("stats", "true"), *at], how="stats")
    for expression in EXPRESSIONS + ["", "sum(", "foo bar"]:
        yield Probe("GET", api + "/format_query", [("query", expression)])
        yield Probe("GET", api + "/parse_query", [("query", expression)])
    yield Probe("POST", api + "/format_query", form=[("query", "a+b")])
    yield Probe("POST", api + "/parse_query", form=[("query", "a+b")])
    yield Probe("GET", api + "/rules")
    for params in ([("type", "alert")], [("type", "record")], [("type", "x")], [("exclude_alerts", "true")], [("exclude_alerts", "x")], [("group_limit", "1")], [("group_limit", "x")], [("group_limit", "-1")], [("group_next_token", "x")], [("group_limit", "1"), ("group_next_token", "x")],
                   [("match[]", "{")], [("match[]", '{a=""}')], [("rule_name[]", "a"), ("file[]", "b"), ("rule_group[]", "c")]):
        yield Probe("GET", api + "/rules", params)
    yield Probe("GET", api + "/alerts")
    yield Probe("GET", api + "/alertmanagers")
    yield Probe("GET", api + "/scrape_pools")
    for params in ([], [("state", "active")], [("state", "dropped")], [("state", "any")], [("state", "ACTIVE")], [("state", "x")], [("scrapePool", "page")], [("scrapePool", "x")]):
        yield Probe("GET", api + "/targets", params, how="targets")
    for params in ([("metric", "page_requests_total")], [("metric", "page_requests")], [("metric", "x")], [("match_target", '{job="page"}'), ("metric", "page_requests_total")], [("match_target", '{job="x"}')], [("match_target", "{")], [("match_target", "")], [("limit", "x")]):
        yield Probe("GET", api + "/targets/metadata", params, how="list")
    for params in ([("metric", "page_requests_total")], [("metric", "page_seconds")], [("metric", "x")], [("limit", "x")], [("limit_per_metric", "x")], [("metric", "page_seconds"), ("limit", "0")], [("metric", "page_seconds"), ("limit_per_metric", "1")]):
        yield Probe("GET", api + "/metadata", params)
    for path in ("/status/buildinfo", "/status/runtimeinfo", "/status/config", "/status/tsdb", "/status/walreplay"):
        yield Probe("GET", api + path, how="shape")
    yield Probe("GET", api + "/status/tsdb", [("limit", "10001")])
    yield Probe("GET", api + "/status/flags", how="status")
    yield Probe("GET", api + "/status/tsdb/blocks", how="status")
    yield Probe("GET", api + "/features", how="features")
    yield Probe("GET", api + "/notifications")
    for match in (["memory_bytes"], ['{job="api"}'], ["odd_value"], ['{"my.utf8/metric"}'], ["nothing"], ["up{"], [], ["1"], ['{a=""}'], ["page_requests_total"]):
        yield Probe("GET", "/federate", [("match[]", m) for m in match], how="federate")
        yield Probe("GET", "/federate", [("match[]", m) for m in match], how="federate", headers={"Accept": "text/plain;version=1.0.0;escaping=allow-utf-8"})
    for path in ("/-/healthy", "/-/ready"):
        yield Probe("GET", path)
        yield Probe("HEAD", path)
        yield Probe("POST", path, form=[], how="status")
    yield Probe("GET", "/-/reload")
    yield Probe("GET", "/-/quit")
    for path in ("/nosuch", "/query/x", "/label/job", "/admin/tsdb/x"):
        yield Probe("GET", api + path)
    for method, path in (("PUT", "/query"), ("DELETE", "/query_range"), ("POST", "/label/job/values"), ("POST", "/metadata"), ("POST", "/targets"), ("GET", "/admin/tsdb/snapshot"), ("GET", "/read"), ("HEAD", "/query"), ("POST", "/rules"), ("GET", "/write")):
        yield Probe(method, api + path, form=[] if method in ("POST", "PUT") else None)
    origin = {"Origin": "http://other.example"}
    yield Probe("GET", api + "/query", [("query", "1"), ("time", "1")], headers=origin)
    yield Probe("OPTIONS", api + "/query", headers=origin)
    yield Probe("OPTIONS", api + "/nosuch", headers=origin)
    yield Probe("GET", api + "/query", [("query", "sum("), ("time", "1")], headers=origin)
    yield Probe("GET", api + "/status/walreplay", headers=origin, how="shape")
    big = [("query", "http_requests_total"), ("step", "60"), *window]
    for accept in ("gzip", "deflate", "gzip, deflate", "deflate, gzip", "br", "gzip;q=0", "*"):
        yield Probe("GET", api + "/query_range", big, how="status", headers={"Accept-Encoding": accept})
    for accept in ("application/json", "text/html", "application/x-protobuf"):
        yield Probe("GET", api + "/query", [("query", "1"), ("time", "1")], headers={"Accept": accept})
