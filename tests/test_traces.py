"""The trace store alone, asked by its clients: Grafana's Tempo data source as it speaks, Jaeger's UI, and our own
command line."""
import os
import subprocess
import time
import urllib.parse

import h2
import otlp
from harness import BINARY, SightlineTest, eventually, free_port, get, request

TEMPO = """
server:
  http_listen_port: {http}
distributor:
  receivers:
    otlp:
      protocols:
        http:
          endpoint: 127.0.0.1:{otlp}
storage:
  trace:
    backend: local
    wal:
      path: {dir}/wal
    local:
      path: {dir}/blocks
"""


class TraceClients(SightlineTest):
    def setUp(self):
        super().setUp()
        self.port, receiver = free_port(), free_port()
        config = self.write("tempo.yaml", TEMPO.format(http=self.port, otlp=receiver, dir=self.dir))
        self.base = f"http://127.0.0.1:{self.port}"
        program = self.start(["run", "--tempo-config", config, "--data-dir", os.path.join(self.dir, "data")])
        self.ready(program, self.base + "/ready")
        self.start_ns = time.time_ns() - 60_000_000_000
        self.trace, root, child = bytes(range(1, 17)), b"\x01" * 8, b"\x02" * 8
        self.trace_id = self.trace.hex()
        frontend = [otlp.span("GET /cart", self.trace, root, start_ns=self.start_ns, duration_ns=250_000_000,
                              attributes={"http.status_code": 500, "odd name": "x"}, error=True)]
        cart = [otlp.span("query", self.trace, child, root, kind=3, start_ns=self.start_ns + 1_000_000, duration_ns=100_000_000,
                          attributes={"db.system": "postgresql"})]
        for service, spans in (("frontend", frontend), ("cart", cart)):
            answer = request("POST", f"http://127.0.0.1:{receiver}/v1/traces", otlp.export_request(spans, service),
                             {"Content-Type": "application/x-protobuf"})
            self.assertEqual(answer.status, 200, answer.text)
        eventually("the trace", 5, lambda: get(f"{self.base}/api/traces/{self.trace_id}").status == 200)
        now = int(time.time())
        self.range = {"start": now - 900, "end": now + 1}

    def test_grafana_data_source(self):
        # Save & test, feature detection
        self.assertEqual(get(self.base + "/api/echo").text, "echo\n")
        version = get(self.base + "/api/status/buildinfo").json["version"]
        self.assertGreaterEqual([int(p) for p in version.split(".")], [2, 7, 0])
        # Search builder, with its tags and values
        search = {"q": '{resource.service.name="frontend" && name="GET /cart"}', "limit": 20, "spss": 3, **self.range}
        answer = get(self.base + "/api/search", search)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        traces = answer.json["traces"]
        self.assertEqual([t["traceID"] for t in traces], [self.trace_id])
        self.assertEqual(traces[0]["rootServiceName"], "frontend")
        self.assertEqual(traces[0]["durationMs"], 250)
        self.assertEqual(traces[0]["spanSets"][0]["matched"], 1)
        self.assertEqual(traces[0]["serviceStats"], {"cart": {"spanCount": 1}, "frontend": {"spanCount": 1, "errorCount": 1}})
        scopes = {s["name"]: s["tags"] for s in get(self.base + "/api/v2/search/tags", {"limit": 100, **self.range}).json["scopes"]}
        self.assertEqual(scopes["span"], ["db.system", "http.status_code", "odd name"])
        self.assertIn("trace:rootService", scopes["intrinsic"])
        for tag, want in (("resource.service.name", ["cart", "frontend"]), ('span."odd name"', ["x"]), ("span.http.status_code", ["500"])):
            for encoded in (urllib.parse.quote(tag, safe=""), urllib.parse.quote(urllib.parse.quote(tag, safe=""), safe="")):
                values = get(f"{self.base}/api/v2/search/tag/{encoded}/values").json["tagValues"]
                self.assertEqual([v["value"] for v in values], want, encoded)
        unfinished = get(f"{self.base}/api/v2/search/tag/name/values", {"q": '{resource.service.name="cart" && }', **self.range}).json
        self.assertEqual(unfinished["tagValues"], [{"type": "string", "value": "query"}])
        # A trace, as protobuf and as JSON; one that is not there
        protobuf = get(f"{self.base}/api/v2/traces/{self.trace_id}", headers={"Accept": "application/protobuf"})
        self.assertEqual(protobuf.headers["Content-Type"], "application/protobuf")
        self.assertIn(b"GET /cart", protobuf.body)
        self.assertEqual(get(f"{self.base}/api/v2/traces/{'1' * 32}").json, {"trace": {}, "metrics": {}})
        self.assertEqual(get(f"{self.base}/api/traces/{'1' * 32}").status, 404)
        # Metrics, over a range and at once
        query = "{nestedSetParent<0 && true && resource.service.name != nil} | rate() by(resource.service.name)"
        series = get(self.base + "/api/metrics/query_range", {"q": query, "step": "60", **self.range}).json["series"]
        self.assertEqual(series[0]["labels"], [{"key": "resource.service.name", "value": {"stringValue": "frontend"}}])
        self.assertEqual(len([s for s in series[0]["samples"] if "value" in s]), 1)
        self.assertEqual(series[0]["exemplars"][0]["labels"][0], {"key": "trace:id", "value": {"stringValue": self.trace_id}})
        instant = get(self.base + "/api/metrics/query", {"q": "{} | count_over_time()", **self.range}).json
        self.assertEqual(set(instant), {"series", "metrics"})
        self.assertEqual(instant["series"], [{"labels": [{"key": "__name__", "value": {"stringValue": "count_over_time"}}], "value": 2}])
        # A mistake
        bad = get(self.base + "/api/search", {"q": "{foo"})
        self.assertEqual((bad.status, bad.text), (400, "invalid TraceQL query: parse error at line 1, col 2: unknown identifier: foo"))

    def test_streaming_on_the_same_port(self):
        found = h2.grpc_call(self.port, "/tempopb.StreamingQuerier/Search",
                             otlp.field(8, '{ name = "GET /cart" }') + otlp.integer(4, 20) + otlp.integer(9, 3), {"x-scope-orgid": "1"})
        self.assertIn(self.trace_id.encode(), b"".join(found))
        counted = h2.grpc_call(self.port, "/tempopb.StreamingQuerier/MetricsQueryRange",
                               otlp.field(1, "{ } | rate() by(name)") + otlp.integer(2, self.range["start"] * 10**9) +
                               otlp.integer(3, self.range["end"] * 10**9) + otlp.integer(4, 60 * 10**9))
        self.assertIn(b"query", b"".join(counted))
        services = h2.grpc_call(self.port, "/jaeger.api_v3.QueryService/GetServices", b"")
        self.assertEqual(services, [otlp.field(1, "cart") + otlp.field(1, "frontend")])
        self.assertEqual(get(self.base + "/api/echo").status, 200)   # and HTTP/1.1 still

    def test_jaeger(self):
        self.assertEqual(get(self.base + "/jaeger/api/services").json["data"], ["cart", "frontend"])
        traces = get(self.base + "/jaeger/api/traces", {"service": "cart", "tags": '{"db.system":"postgresql"}', "lookback": "1h"}).json["data"]
        self.assertEqual([t["traceID"] for t in traces], [self.trace_id])
        self.assertEqual(get(self.base + "/jaeger/api/dependencies", {"endTs": int(time.time() * 1000), "lookback": 3_600_000}).json["data"],
                         [{"parent": "frontend", "child": "cart", "callCount": 1}])

    def test_command_line(self):
        def query(*args: str) -> tuple[int, str]:
            done = subprocess.run([BINARY, "query", *args, "--url", self.base], capture_output=True, text=True, timeout=20)
            return done.returncode, done.stdout + done.stderr
        status, text = query("traceql", "{ status = error }")
        self.assertEqual(status, 0, text)
        self.assertIn(self.trace_id, text)
        self.assertIn("250ms", text)
        status, text = query("trace", self.trace_id)
        self.assertEqual(status, 0, text)
        self.assertIn("└ cart: query", text)
        self.assertNotIn("\x1b", text)
        status, text = query("traceql", "{ } | rate() by(name)", "--since", "10m")
        self.assertIn("{name=query}", text)
        self.assertEqual(query("trace", "1234")[0], 1)
        self.assertEqual(query("traceql", "{ foo }")[0], 1)
