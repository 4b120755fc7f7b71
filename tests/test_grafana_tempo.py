"""A person at Grafana's Tempo data source, end to end: connection, search builder, trace view, streaming, service map,
and the queries of the drilldown app. The client is grafana_tempo.py."""
import os
import time

import otlp
from grafana_tempo import ServiceMap, TempoDataSource
from harness import SightlineTest, eventually, free_port, get, request

SPAN_COUNT = 40   # traces of each kind

OTELCOL = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{collector}"}}}}}}
connectors:
  spanmetrics:
    namespace: traces_spanmetrics
    histogram: {{unit: s}}
  servicegraph: {{store: {{ttl: 1s, max_items: 1000}}, virtual_node_peer_attributes: [db.system]}}
exporters:
  otlphttp: {{endpoint: "http://127.0.0.1:{otlp}"}}
  prometheus: {{endpoint: "127.0.0.1:{metrics}", enable_open_metrics: true}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlphttp, spanmetrics, servicegraph]}}
    metrics: {{receivers: [spanmetrics, servicegraph], exporters: [prometheus]}}
"""
TEMPO = """
server: {{http_listen_port: {tempo}}}
distributor: {{receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}}}
storage: {{trace: {{backend: local, wal: {{path: {dir}/wal}}, local: {{path: {dir}/blocks}}}}}}
"""
# What is named otherwise by Tempo's own generator is named as the data source expects it.
PROMETHEUS = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: collector
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{metrics}"]}}]
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: traces_spanmetrics_duration_seconds_(.*)
        target_label: __name__
        replacement: traces_spanmetrics_latency_$1
"""


class Grafana(SightlineTest):
    def setUp(self):
        super().setUp()
        self.ports = {name: free_port() for name in ("collector", "otlp", "metrics", "tempo", "prometheus", "ui")}
        files = {name: self.write(f"{name}.yaml", text.format(dir=self.dir, **self.ports))
                 for name, text in (("otelcol", OTELCOL), ("tempo", TEMPO), ("prometheus", PROMETHEUS))}
        program = self.start(["run", "--otelcol-config", files["otelcol"], "--tempo-config", files["tempo"], "--prometheus-config",
                              files["prometheus"], "--data-dir", os.path.join(self.dir, "data"), "--ui.listen-address",
                              f"127.0.0.1:{self.ports['ui']}", "--web.listen-address", f"127.0.0.1:{self.ports['prometheus']}"])
        self.source = TempoDataSource(self.ports["tempo"])
        self.ready(program, self.source.base + "/ready")
        now = int(time.time())
        self.range = {"start": now - 900, "end": now + 60}

    def send(self, count: int, age_seconds: int = 30):
        """A shop: web calls api, which asks its database; every tenth request fails there."""
        newest = time.time_ns() - age_seconds * 10**9
        web, api = [], []
        self.ids = []
        for i in range(count):
            trace, at = os.urandom(16), newest - i * 10**9
            self.ids.append(trace.hex())
            root, call, served, asked = (bytes([n]) * 8 for n in range(1, 5))
            web.append(otlp.span("GET /shop", trace, root, kind=2, start_ns=at, duration_ns=300_000_000,
                                 attributes={"http.request.method": "GET", "user.id": f"user-{i}"}))
            web.append(otlp.span("call", trace, call, root, kind=3, start_ns=at + 10_000_000, duration_ns=200_000_000))
            api.append(otlp.span("GET /api", trace, served, call, kind=2, start_ns=at + 20_000_000, duration_ns=150_000_000,
                                 attributes={"http.response.status_code": 500 if i % 10 == 0 else 200}, error=i % 10 == 0))
            api.append(otlp.span("SELECT", trace, asked, served, kind=3, start_ns=at + 30_000_000, duration_ns=50_000_000,
                                 attributes={"db.system": "postgresql"}))
        for spans, service in ((web, "web"), (api, "api")):
            answer = request("POST", f"http://127.0.0.1:{self.ports['collector']}/v1/traces", otlp.export_request(spans, service),
                             {"Content-Type": "application/x-protobuf"}, timeout=30)
            self.assertEqual(answer.status, 200, answer.text)
        eventually("the spans", 10, lambda: len(self.source.search("{ }", limit=1000, **self.range)) == count)

    def test_connection_and_search_builder(self):
        self.assertIn("successfully", self.source.test_connection())
        self.assertEqual(self.source.features(), {"search streaming": True, "metrics streaming": True})
        self.send(SPAN_COUNT)
        names = self.source.tag_names(**self.range)
        self.assertEqual(names["resource"], ["service.name"])
        self.assertEqual(names["span"], ["db.system", "http.request.method", "http.response.status_code", "user.id"])
        self.assertIn("trace:rootService", names["intrinsic"])
        self.assertEqual(self.source.tag_names("resource", **self.range), {"resource": ["service.name"]})
        values = lambda tag, query="": [v["value"] for v in self.source.tag_values(tag, query, **self.range)]
        self.assertEqual(values("resource.service.name"), ["api", "web"])
        self.assertEqual(values("name", '{resource.service.name="api" && }'), ["GET /api", "SELECT"])
        self.assertEqual(values("status"), ["error", "unset", "ok"])
        self.assertEqual(len(values("span.user.id")), SPAN_COUNT)
        # v1, which older versions of it ask for
        self.assertIn("user.id", get(self.source.base + "/api/search/tags").json["tagNames"])
        self.assertEqual(get(self.source.base + "/api/search/tag/service.name/values").json["tagValues"], ["api", "web"])
        # The builder's own filters: service, span name, status, duration, a tag
        query = '{resource.service.name="api" && name="GET /api" && status=error && duration>100ms && span.http.response.status_code=500}'
        self.assertEqual(self.source.kind_of(query), "search")
        found = self.source.search(query, **self.range)
        self.assertEqual([t["traceID"] for t in found], self.ids[::10])
        self.assertEqual(found[0]["rootTraceName"], "GET /shop")
        self.assertEqual(found[0]["spanSets"][0]["spans"][0]["attributes"][-1], {"key": "http.response.status_code", "value": {"intValue": "500"}})

    def test_trace_view(self):
        self.send(3)
        self.assertEqual(self.source.kind_of(self.ids[1]), "traceId")
        rows = self.source.trace(self.ids[1])
        self.assertEqual([(r["serviceName"], r["operationName"], r["kind"]) for r in rows],
                         [("web", "GET /shop", "server"), ("web", "call", "client"), ("api", "GET /api", "server"), ("api", "SELECT", "client")])
        self.assertEqual([r["parentSpanID"] for r in rows], [""] + [r["spanID"] for r in rows[:3]])
        self.assertEqual(rows[0]["tags"], {"http.request.method": "GET", "user.id": "user-1"})
        self.assertEqual(rows[0]["instrumentationLibraryName"], "tests")
        self.assertAlmostEqual(rows[0]["duration"], 300, places=3)
        self.assertEqual(self.source.trace(self.ids[0])[2]["statusCode"], 2)
        self.assertIsNone(self.source.trace("1" * 32))

    def test_streaming(self):
        self.send(SPAN_COUNT)
        for query in ("{ }", '{ .user.id =~ "user-.*" } | select(span.user.id)', "{ status = error }", '{ name = "nothing" }'):
            streamed = self.source.search_streaming(query, limit=20, **self.range)
            asked = self.source.search(query, limit=20, **self.range)
            self.assertEqual([t["traceID"] for t in streamed], [t["traceID"] for t in asked], query)
            for one, other in zip(streamed, asked):
                self.assertEqual([[s for s, _ in spanset] for spanset in one["spanSets"]],
                                 [[s["spanID"] for s in spanset["spans"]] for spanset in other["spanSets"]])
        for query in ("{ } | rate() by(name)", "{ } | quantile_over_time(duration, .5, .9)"):
            streamed = self.source.metrics_streaming(query, **self.range)
            asked = self.source.metrics(query, **self.range)
            self.assertEqual({n: f["samples"] for n, f in streamed.items()}, {n: f["samples"] for n, f in asked.items()}, query)

    def test_drilldown(self):
        self.send(SPAN_COUNT)
        self.assertEqual(self.source.kind_of("{nestedSetParent<0} | rate()"), "metrics")
        rate = self.source.metrics("{nestedSetParent<0 && true} | rate() with(sample=true)", **self.range)["rate"]
        self.assertAlmostEqual(sum(rate["samples"].values()) * 60, SPAN_COUNT, places=6)
        self.assertLessEqual(set(rate["traces"]), set(self.ids))
        self.assertTrue(rate["traces"])
        by_service = self.source.metrics("{true && status=error} | rate() by(resource.service.name)", **self.range)
        self.assertEqual(set(by_service), {"api"})
        heat = self.source.metrics("{nestedSetParent<0} | histogram_over_time(duration) with(sample=true)", **self.range)
        self.assertEqual({round(float(name), 6) for name in heat}, {0.536871})
        breakdown = self.source.metrics("{nestedSetParent<0} | compare({status=error})", exemplars=0, **self.range)
        self.assertEqual({f["labels"]["__meta_type"] for f in breakdown.values() if "__meta_type" in f["labels"]} & {"baseline", "baseline_total"},
                         {"baseline", "baseline_total"})
        structure = self.source.search('{nestedSetParent<0 && true && status=unset} &>> { status = error } | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)',
                                       limit=50, spss=20, **self.range)
        self.assertEqual([t["traceID"] for t in structure], self.ids[::10])
        keys = {a["key"] for s in structure[0]["spanSets"][0]["spans"] for a in s["attributes"]}
        self.assertLessEqual({"nestedSetParent", "nestedSetLeft", "nestedSetRight", "service.name", "status"}, keys)
        self.assertEqual(self.source.instant("{} | count_over_time()", **self.range), {"count_over_time": 4 * SPAN_COUNT})

    def test_service_map(self):
        graph = ServiceMap(f"http://127.0.0.1:{self.ports['prometheus']}")
        self.send(SPAN_COUNT)
        eventually("the edge", 15, lambda: graph.query(ServiceMap.TOTAL))
        time_to_grow = lambda: graph.edges("1m").get(("web", "api"), {}).get(ServiceMap.TOTAL, 0) > 0
        def more():
            self.send_more()
            return time_to_grow()
        eventually("a rate of the edge", 20, more, every=1)
        edges = graph.edges("1m")
        self.assertGreater(edges["web", "api"][ServiceMap.SECONDS + "_sum"], 0)
        self.assertEqual(edges["web", "api"]["type"], "")
        table = graph.table("1m")
        self.assertEqual(set(table), {"GET /shop", "GET /api"})
        self.assertGreater(table["GET /api"]["errors"], 0)
        self.assertGreater(table["GET /shop"]["p90"], table["GET /api"]["p90"])

    def send_more(self):
        trace, at = os.urandom(16), time.time_ns() - 10**9
        root, call, served = (bytes([n]) * 8 for n in range(1, 4))
        for service, spans in (("web", [otlp.span("GET /shop", trace, root, start_ns=at, duration_ns=300_000_000),
                                        otlp.span("call", trace, call, root, kind=3, start_ns=at, duration_ns=200_000_000)]),
                               ("api", [otlp.span("GET /api", trace, served, call, start_ns=at, duration_ns=150_000_000, error=True)])):
            request("POST", f"http://127.0.0.1:{self.ports['collector']}/v1/traces", otlp.export_request(spans, service),
                    {"Content-Type": "application/x-protobuf"})
