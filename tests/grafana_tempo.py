"""Grafana's Tempo data source as a client: what it sends for each thing a person does, and what it makes of the answers.
Written from the field numbers of tempopb and the requests its back end is seen to make, not from its sources."""
import re
import urllib.parse

import h2
import otlp
from harness import get
from protobuf import Message

SPAN_KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]


def any_value(value: Message):
    """opentelemetry.proto.common.v1.AnyValue."""
    readers = {1: value.text, 2: lambda n: bool(value.integer(n)), 3: value.integer, 4: value.double,
               5: lambda n: [any_value(v) for v in value.message(n).messages(1)]}
    for number in value.fields:
        return readers[number](number)
    return None


def key_values(pairs: list[Message]) -> dict:
    return {pair.text(1): any_value(pair.message(2)) for pair in pairs}


class TempoDataSource:
    def __init__(self, port: int, headers: dict | None = None):
        self.port, self.base, self.headers = port, f"http://127.0.0.1:{port}", headers or {}

    def ask(self, path: str, params: dict | None = None, accept: str | None = None):
        return get(self.base + path, params, {**self.headers, **({"Accept": accept} if accept else {})})

    def stream(self, method: str, request: bytes) -> list[Message]:
        metadata = {name.lower(): value for name, value in self.headers.items()}
        return [Message(m) for m in h2.grpc_call(self.port, "/tempopb.StreamingQuerier/" + method, request, metadata)]

    # Save & test; feature detection.
    def test_connection(self, streaming: bool = True) -> str:
        echo = self.ask("/api/echo")
        assert (echo.status, echo.text) == (200, "echo\n"), echo.text
        if streaming:
            assert self.stream("Search", otlp.field(8, "{}") + otlp.integer(4, 1)), "no streamed answer"
        return "Data source successfully connected."

    def features(self) -> dict[str, bool]:
        version = [int(part) for part in self.ask("/api/status/buildinfo").json["version"].split(".")[:3]]
        return {"search streaming": version >= [2, 2, 0], "metrics streaming": version >= [2, 7, 0]}

    # The search builder: names and values of tags, v2 with v1 behind it.
    def tag_names(self, scope: str = "", start: int = 0, end: int = 0, limit: int = 5000) -> dict[str, list[str]]:
        params = {"limit": limit} | ({"scope": scope} if scope else {}) | ({"start": start, "end": end} if end else {})
        answer = self.ask("/api/v2/search/tags", params)
        if answer.status == 404:
            return {"": self.ask("/api/search/tags", params).json["tagNames"]}
        return {s["name"]: s["tags"] for s in answer.json["scopes"]}

    def tag_values(self, tag: str, query: str = "", start: int = 0, end: int = 0) -> list[dict]:
        twice = urllib.parse.quote(urllib.parse.quote(tag, safe=""), safe="")
        params = ({"q": query} if query else {}) | ({"start": start, "end": end} if end else {})
        return self.ask(f"/api/v2/search/tag/{twice}/values", params).json["tagValues"]

    # A query of the editor: a trace's id, metrics, or a search.
    def kind_of(self, query: str) -> str:
        if re.fullmatch(r"[0-9A-Fa-f]+", query.strip()):
            return "traceId"
        functions = "rate|count_over_time|min_over_time|max_over_time|avg_over_time|sum_over_time|quantile_over_time|histogram_over_time|compare"
        return "metrics" if re.search(rf"\|\s*({functions})\b", query) else "search"

    def trace(self, trace_id: str) -> list[dict] | None:
        """The rows of the trace view, parents before their children; None when it is not there."""
        answer = self.ask(f"/api/v2/traces/{trace_id}", accept="application/protobuf")
        if answer.status == 404:
            answer = self.ask(f"/api/traces/{trace_id}", accept="application/protobuf")
            trace = Message(answer.body)
        else:
            assert answer.headers["Content-Type"] == "application/protobuf", answer.headers
            trace = Message(answer.body).message(1)
        rows = []
        for resource_spans in trace.messages(1):
            tags = key_values(resource_spans.message(1).messages(1))
            for scope_spans in resource_spans.messages(2):
                scope = scope_spans.message(1)
                for span in scope_spans.messages(2):
                    rows.append({
                        "traceID": span.data(1).hex(), "spanID": span.data(2).hex(), "parentSpanID": span.data(4).hex(),
                        "operationName": span.text(5), "kind": SPAN_KINDS[span.integer(6)], "serviceName": tags.get("service.name"),
                        "serviceTags": tags, "instrumentationLibraryName": scope.text(1), "instrumentationLibraryVersion": scope.text(2),
                        "startTime": span.fixed64(7) / 1e6, "duration": (span.fixed64(8) - span.fixed64(7)) / 1e6,
                        "tags": key_values(span.messages(9)), "traceState": span.text(3),
                        "logs": [{"timestamp": e.fixed64(1) / 1e6, "name": e.text(2), "fields": key_values(e.messages(3))} for e in span.messages(11)],
                        "references": [{"traceID": r.data(1).hex(), "spanID": r.data(2).hex()} for r in span.messages(13)],
                        "statusCode": span.message(15).integer(3), "statusMessage": span.message(15).text(2)})
        return sorted(rows, key=lambda row: row["startTime"]) or None

    def search(self, query: str, start: int, end: int, limit: int = 20, spss: int = 3) -> list[dict]:
        return self.ask("/api/search", {"q": query, "limit": limit, "spss": spss, "start": start, "end": end}).json["traces"]

    def search_streaming(self, query: str, start: int, end: int, limit: int = 20, spss: int = 3) -> list[dict]:
        """Merged by trace id; the first copy of a trace wins."""
        request = (otlp.field(8, query) + otlp.integer(4, limit) + otlp.integer(9, spss) + otlp.integer(5, start) + otlp.integer(6, end))
        traces, done = {}, False
        for message in self.stream("Search", request):
            metrics = message.message(2)
            done = metrics.integer(4) == metrics.integer(5)
            for trace in message.messages(1):
                traces.setdefault(trace.text(1), {
                    "traceID": trace.text(1), "rootServiceName": trace.text(2), "rootTraceName": trace.text(3),
                    "startTimeUnixNano": str(trace.integer(4)), "durationMs": trace.integer(5),
                    "spanSets": [[(s.text(1), key_values(s.messages(5))) for s in spanset.messages(1)] for spanset in trace.messages(7)]})
        assert done, "the last message does not say that it is the last"
        return sorted(traces.values(), key=lambda t: int(t["startTimeUnixNano"]), reverse=True)

    def metrics(self, query: str, start: int, end: int, step: str = "60s", exemplars: int = 100) -> dict[str, dict]:
        answer = self.ask("/api/metrics/query_range", {"q": query, "start": start, "end": end, "step": step, "exemplars": exemplars})
        assert answer.status == 200, answer.text
        frames = {}
        for series in answer.json["series"]:
            labels = {label["key"]: next(iter(label["value"].values())) for label in series["labels"]}
            frames[series_name(labels)] = {
                "labels": labels, "samples": {int(s["timestampMs"]): s.get("value", 0) for s in series["samples"]},
                "traces": [next(l["value"]["stringValue"] for l in e["labels"] if l["key"] == "trace:id").strip('"')
                           for e in series.get("exemplars", [])]}
        return frames

    def metrics_streaming(self, query: str, start: int, end: int, step_ns: int = 60 * 10**9) -> dict[str, dict]:
        request = (otlp.field(1, query) + otlp.integer(2, start * 10**9) + otlp.integer(3, end * 10**9) + otlp.integer(4, step_ns))
        frames, done = {}, False
        for message in self.stream("MetricsQueryRange", request):
            metrics = message.message(2)
            done = metrics.integer(4) == metrics.integer(5)
            for series in message.messages(1):
                labels = key_values(series.messages(1))
                frames[series_name(labels)] = {"labels": labels, "samples": {s.integer(2): s.double(1) for s in series.messages(2)}}
        assert done, "the last message does not say that it is the last"
        return frames

    def instant(self, query: str, start: int, end: int) -> dict[str, float]:
        answer = self.ask("/api/metrics/query", {"q": query, "start": start, "end": end}).json
        known = {"series", "metrics", "status", "message"}
        assert set(answer) <= known and all(set(s) <= {"labels", "value", "promLabels"} for s in answer["series"]), answer   # decoded strictly
        return {series_name({l["key"]: next(iter(l["value"].values())) for l in s["labels"]}): s.get("value", 0) for s in answer["series"]}


def series_name(labels: dict) -> str:
    if len(labels) == 1:
        return str(next(iter(labels.values())))
    return "{" + ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"


class ServiceMap:
    """The node graph and the table below it, asked of the Prometheus data source that the trace one names."""
    TOTAL, FAILED = "traces_service_graph_request_total", "traces_service_graph_request_failed_total"
    SECONDS = "traces_service_graph_request_server_seconds"

    def __init__(self, base: str):
        self.base = base

    def query(self, expression: str) -> list[dict]:
        answer = get(self.base + "/api/v1/query", {"query": expression}).json
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def edges(self, window: str) -> dict[tuple[str, str], dict[str, float]]:
        names = [self.TOTAL, self.FAILED, self.SECONDS + "_sum"]
        rates = self.query(" OR ".join(f'label_replace(sum by (client, server) (rate({n}[{window}])), "metric", "{n}", "", "")' for n in names))
        edges: dict = {}
        for series in rates:
            labels = series["metric"]
            edges.setdefault((labels["client"], labels["server"]), {})[labels["metric"]] = float(series["value"][1])
        for series in self.query(f"group by (client, connection_type, server) ({self.TOTAL})"):
            edges[series["metric"]["client"], series["metric"]["server"]]["type"] = series["metric"].get("connection_type", "")
        return edges

    def table(self, window: str) -> dict[str, dict[str, float]]:
        calls = "traces_spanmetrics_calls_total"
        rows = {s["metric"]["span_name"]: {"rate": float(s["value"][1])} for s in
                self.query(f'topk(5, sum(rate({calls}{{span_kind="SPAN_KIND_SERVER"}}[{window}])) by (span_name))')}
        for series in self.query(f'topk(5, sum(rate({calls}{{status_code="STATUS_CODE_ERROR",span_name=~"{"|".join(rows)}"}}[{window}])) by (span_name))'):
            rows[series["metric"]["span_name"]]["errors"] = float(series["value"][1])
        for name, row in rows.items():
            for series in self.query(f'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{{span_name="{name}"}}[{window}])) by (le))'):
                row["p90"] = float(series["value"][1])
        return rows
