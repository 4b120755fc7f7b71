"""The trace store with tenants: X-Scope-OrgID on the way in and on every way out."""
import os
import subprocess
import time

import h2
import otlp
from harness import BINARY, SightlineTest, eventually, free_port, get, request

TEMPO = """
multitenancy_enabled: true
server:
  http_listen_port: {http}
distributor:
  receivers:
    otlp:
      protocols:
        http:
          endpoint: 127.0.0.1:{otlp}
        grpc:
          endpoint: 127.0.0.1:{grpc}
storage:
  trace:
    backend: local
    wal:
      path: {dir}/wal
    local:
      path: {dir}/blocks
overrides:
  per_tenant_override_config: {dir}/tenants.yaml
  per_tenant_override_period: 1s
"""
COLLECTOR = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{collector}
exporters:
  otlphttp:
    endpoint: http://127.0.0.1:{otlp}
    headers:
      x-scope-orgid: team-b
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlphttp]}}
"""
LIMITED = """
overrides:
  small:
    ingestion: {{rate_limit_bytes: {rate}, burst_size_bytes: {rate}}}
    read: {{max_search_duration: 1h}}
"""
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Tenants(SightlineTest):
    def setUp(self):
        super().setUp()
        self.port, self.receiver, self.grpc, self.collector = (free_port() for _ in range(4))
        self.write("tenants.yaml", LIMITED.format(rate=10))
        self.tempo = self.write("tempo.yaml", TEMPO.format(http=self.port, otlp=self.receiver, grpc=self.grpc, dir=self.dir))
        self.otelcol = self.write("otelcol.yaml", COLLECTOR.format(collector=self.collector, otlp=self.receiver))
        self.base = f"http://127.0.0.1:{self.port}"
        self.program = self.run_program()

    def run_program(self):
        program = self.start(["run", "--tempo-config", self.tempo, "--otelcol-config", self.otelcol,
                              "--data-dir", os.path.join(self.dir, "data"), "--ui.listen-address", f"127.0.0.1:{free_port()}"])
        self.ready(program, self.base + "/ready")
        return program

    def send(self, tenant: str | None, trace: bytes, port: int | None = None):
        headers = {"Content-Type": "application/x-protobuf"} | ({"X-Scope-OrgID": tenant} if tenant else {})
        body = otlp.export_request([otlp.span(f"GET /{tenant}", trace)], f"service-{tenant}")
        return request("POST", f"http://127.0.0.1:{port or self.receiver}/v1/traces", body, headers)

    def ask(self, path: str, tenant: str | None, params: dict | None = None):
        return get(self.base + path, params, {"X-Scope-OrgID": tenant} if tenant else {})

    def found(self, tenant: str) -> list[str]:
        return sorted(t["traceID"] for t in self.ask("/api/search", tenant, {"q": "{ }"}).json["traces"])

    def test_traces_are_their_tenants_own(self):
        a, b, c = (bytes([n]) * 16 for n in (1, 2, 3))
        self.assertEqual(self.send("team-a", a).status, 200)
        # By gRPC metadata, and by the headers of a collector's exporter in this very process.
        h2.grpc_call(self.grpc, EXPORT, otlp.export_request([otlp.span("GET /b", b)], "service-b"), {"x-scope-orgid": "team-b"})
        self.assertEqual(self.send(None, c, self.collector).status, 200)
        for again in range(2):
            self.assertEqual(self.found("team-a"), [a.hex()])
            self.assertEqual(self.found("team-b"), [b.hex(), c.hex()])
            self.assertEqual(self.found("team-b|team-a"), [a.hex(), b.hex(), c.hex()])
            self.assertEqual(self.found("nobody"), [])
            self.assertEqual(self.ask(f"/api/traces/{a.hex()}", "team-b").status, 404)
            self.assertEqual(self.ask(f"/api/traces/{a.hex()}", "team-a|team-b").status, 200)
            names = self.ask("/api/v2/search/tag/resource.service.name/values", "team-a").json["tagValues"]
            self.assertEqual([n["value"] for n in names], ["service-team-a"])
            rate = self.ask("/api/metrics/query", "team-a|team-b", {"q": "{ } | count_over_time()"}).json["series"]
            self.assertEqual(rate[0]["value"], 3)
            self.assertEqual(self.ask("/jaeger/api/services", "team-a").json["data"], ["service-team-a"])
            search = otlp.field(8, "{ }") + otlp.integer(4, 20)
            streamed = b"".join(h2.grpc_call(self.port, "/tempopb.StreamingQuerier/Search", search, {"x-scope-orgid": "team-a"}))
            self.assertIn(a.hex().encode(), streamed)
            self.assertNotIn(b.hex().encode(), streamed)
            if not again:
                self.program.stop()
                self.program = self.run_program()
        done = subprocess.run([BINARY, "query", "traceql", "{ }", "--tenant", "team-a", "--url", self.base], capture_output=True, text=True)
        self.assertIn(a.hex(), done.stdout)

    def test_who_says_no_name_or_a_wrong_one(self):
        paths = ("/api/search", "/api/traces/1", "/api/v2/traces/1", "/api/search/tags", "/api/v2/search/tags",
                 "/api/search/tag/name/values", "/api/v2/search/tag/name/values", "/api/metrics/query_range?q={}|rate()",
                 "/api/metrics/query?q={}|rate()", "/jaeger/api/services")
        for path in paths:
            self.assertEqual(self.ask(path, None).status, 401, path)
        self.assertEqual(self.ask("/api/search", None).text, "no org id")
        for path in ("/api/echo", "/ready", "/api/status/buildinfo", "/status"):
            self.assertEqual(self.ask(path, None).status, 200, path)
        for tenant, text in (("a|", "no org id"), ("..", "tenant ID is '.' or '..'"), ("a" * 151, "tenant ID is too long: max 150 characters"),
                             ("a/b", "tenant ID 'a/b' contains unsupported character '/'")):
            answer = self.ask("/api/search", tenant)
            self.assertEqual((answer.status, answer.text), (400, text))
        refused = self.send(None, b"\x01" * 16)
        self.assertEqual(refused.status, 400)
        self.assertIn(b"no org id", refused.body)
        self.assertEqual(self.send("a|b", b"\x01" * 16).status, 400)
        self.assertEqual(h2.grpc_call(self.port, "/tempopb.StreamingQuerier/Search", otlp.field(8, "{ }")), [])
        self.assertEqual(h2.grpc_call(self.grpc, EXPORT, otlp.export_request([otlp.span("x")])), [])

    def test_a_tenants_limits_are_read_while_it_runs(self):
        trace = b"\x07" * 16
        refused = self.send("small", trace)
        self.assertEqual(refused.status, 429)
        self.assertIn(b"RATE_LIMITED: batch size", refused.body)
        self.assertEqual(refused.headers["Retry-After"], "1")
        self.assertEqual(self.send("large", trace).status, 200)
        now = int(time.time())
        long = self.ask("/api/search", "small", {"q": "{ }", "start": now - 7200, "end": now})
        self.assertEqual((long.status, long.text), (400, f"range specified by start and end exceeds 1h0m0s. received start={now - 7200} end={now}"))
        self.assertEqual(self.ask("/api/search", "large", {"q": "{ }", "start": now - 7200, "end": now}).status, 200)
        self.assertIn("rate_limit_bytes: 10\n", get(self.base + "/status/overrides/small").text)
        self.write("tenants.yaml", "overrides: {small: {ingestion: {rate_limit_byte: 1}}}")   # a typing error changes nothing
        eventually("the log", 10, lambda: "did you mean" in self.program.output())
        self.assertEqual(self.send("small", trace).status, 429)
        self.write("tenants.yaml", LIMITED.format(rate=1_000_000))
        eventually("the new limit", 10, lambda: self.send("small", trace).status == 200)
