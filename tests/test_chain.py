"""The main job: the demo's three files and provisioning in one process, and every step from request to trace."""
import json
import re
import time

from harness import ROOT, SHARED, Ports, SightlineTest, eventually, get, port_is_free

QUERY = 'sum by (http_method, job) (traces_span_metrics_calls_total{span_name="GET /slow"})'
OPENMETRICS = {"Accept": "application/openmetrics-text"}


class ChainSteps(SightlineTest):
    """What must be true after `curl /slow`, wherever the parts run. Subclasses start them."""
    ports: Ports

    def check_exposition(self, within: float):
        url = f"http://localhost:{self.ports.metrics}/metrics"

        def shown():
            text = get(url, headers=OPENMETRICS).text
            return text if re.search(r'_calls_total\{[^}]*span_name="GET /slow"[^}]*\} 1\.0 ', text) else None
        text = eventually("GET /slow is exposed", within, shown)
        self.assertTrue(text.endswith("# EOF\n"))
        for family, kind in [("target_info", "gauge"), ("traces_span_metrics_calls", "counter"),
                             ("traces_span_metrics_duration_milliseconds", "histogram")]:
            self.assertIn(f"# TYPE {family} {kind}\n", text)
        slow = next(l for l in text.splitlines() if l.startswith("traces_span_metrics_calls_total{") and 'span_name="GET /slow"' in l)
        names = re.findall(r'(\w+)="', slow.split("} ")[0])
        self.assertEqual(names, ["collector_instance_id", "http_method", "http_status_code", "instance", "job", "otel_scope_name",
                                 "otel_scope_schema_url", "otel_scope_version", "service_name", "span_kind", "span_name", "status_code"])
        self.assertRegex(slow, r'\} 1\.0 1\.\d+e\+09 # \{trace_id="[0-9a-f]{32}",span_id="[0-9a-f]{16}"\} [0-9.]+ 1\.\d+e\+09$')
        bounds = re.findall(r'_bucket\{[^}]*span_name="GET /slow"[^}]*le="([^"]+)"', text)
        self.assertEqual(bounds, ["2.0", "4.0", "6.0", "10.0", "50.0", "100.0", "200.0", "500.0", "1000.0", "2000.0", "+Inf"])
        classic = get(url)
        self.assertTrue(classic.headers["Content-Type"].startswith("text/plain"))
        self.assertNotIn("# {", classic.text)
        self.assertNotIn("# EOF", classic.text)
        self.assertIn("# TYPE traces_span_metrics_calls_total counter\n", classic.text)

    def check_query(self, within: float, base: str | None = None):
        base = base or f"http://localhost:{self.ports.prometheus}"

        def answered():
            answer = get(base + "/api/v1/query", {"query": QUERY}).json
            return answer["data"]["result"] or None
        result = eventually("the dashboard's query", within, answered)
        self.assertEqual(result[0]["metric"], {"http_method": "GET", "job": "demo-service"})
        self.assertEqual(result[0]["value"][1], "1")

    def check_exemplars(self, within: float) -> dict:
        def answered():
            now = time.time()
            data = get(f"http://localhost:{self.ports.prometheus}/api/v1/query_exemplars",
                       {"query": 'traces_span_metrics_duration_milliseconds_bucket{span_name="GET /slow"}',
                        "start": now - 300, "end": now + 1}).json["data"]
            return data or None
        series = eventually("exemplars", within, answered)
        exemplar = series[0]["exemplars"][-1]
        self.assertEqual(exemplar["labels"]["trace_id"], exemplar["labels"]["traceID"])
        self.assertGreater(float(exemplar["value"]), 500)
        self.assertEqual(set(exemplar), {"labels", "value", "timestamp"})
        return exemplar

    def check_trace(self, trace_id: str, span_id: str, within: float):
        base = f"http://localhost:{self.ports.tempo}"
        trace = eventually("the trace", within, lambda: get(f"{base}/api/v2/traces/{trace_id}").json["trace"].get("resourceSpans"))
        spans = [s for r in trace for scope in r["scopeSpans"] for s in scope["spans"]]
        self.assertEqual(sorted(s["name"] for s in spans), ["GET /slow", "slow-span"])
        server = next(s for s in spans if s["name"] == "GET /slow")
        self.assertEqual(server["kind"], "SPAN_KIND_SERVER")
        self.assertEqual({a["key"] for a in server["attributes"]} >= {"http.method", "http.status_code", "http.route", "net.host.port"}, True)
        v1 = get(f"{base}/api/traces/{trace_id}").json
        self.assertEqual(v1["batches"], trace)
        for version in ("", "v2/"):
            binary = get(f"{base}/api/{version}traces/{trace_id}", headers={"Accept": "application/protobuf"})
            self.assertEqual(binary.headers["Content-Type"], "application/protobuf")
            self.assertIn(bytes.fromhex(trace_id), binary.body)
            self.assertIn(bytes.fromhex(span_id), binary.body)

    def check_search(self, trace_id: str, within: float):
        base = f"http://localhost:{self.ports.tempo}"

        def ids(params):
            return [t["traceID"].rjust(32, "0") for t in get(base + "/api/search", params).json["traces"]]
        eventually("search by TraceQL", within, lambda: trace_id in ids({"q": '{name="GET /slow"}'}))
        self.assertIn(trace_id, ids({"tags": "service.name=demo-service http.method=GET", "minDuration": "400ms"}))
        found = get(base + "/api/search", {"q": '{name="GET /slow"}'}).json["traces"][0]
        self.assertEqual(found["rootTraceName"], "GET /slow")
        self.assertEqual(found["rootServiceName"], "demo-service")
        self.assertEqual(found["spanSets"][0]["matched"], 1)
        self.assertEqual(found["spanSet"], found["spanSets"][0])
        tags = get(base + "/api/v2/search/tags").json["scopes"]
        self.assertIn("http.method", next(s["tags"] for s in tags if s["name"] == "span"))
        values = get(base + "/api/v2/search/tag/span.http.method/values").json["tagValues"]
        self.assertEqual(values, [{"type": "string", "value": "GET"}])

    def check_ui_api(self):
        base = f"http://localhost:{self.ports.ui}"
        dashboards = get(base + "/api/ui/dashboards").json
        self.assertTrue(dashboards)
        dashboard = get(f"{base}/api/ui/dashboards/{dashboards[0]['uid']}").json["dashboard"]
        self.assertIn(QUERY, json.dumps(dashboard).replace('\\"', '"'))
        sources = {s["type"]: s for s in get(base + "/api/ui/datasources").json}
        self.check_query(5, f"{base}/api/datasources/proxy/uid/{sources['prometheus']['uid']}")
        self.assertEqual(get(f"{base}/api/datasources/proxy/uid/{sources['tempo']['uid']}/api/echo").text.strip(), "echo")

    def check_all(self, exposition: float, scraped: float):
        started = time.monotonic()
        self.assertEqual(get(f"http://localhost:{self.ports.demo}/slow").status, 200)
        self.check_exposition(exposition)
        self.check_query(scraped)
        exemplar = self.check_exemplars(scraped)
        labels = exemplar["labels"]
        self.check_trace(labels["trace_id"], labels["span_id"], exposition)
        self.check_search(labels["trace_id"], exposition)
        self.check_ui_api()
        return time.monotonic() - started


class OneProcess(ChainSteps):
    def test_the_demos_files_in_one_process(self):
        self.ports = Ports()
        files = self.chain_files(self.ports)
        sightline = self.start(["run", "--otelcol-config", files["otelcol-config"], "--tempo-config", files["tempo"],
                                "--prometheus-config", files["prometheus"], "--provisioning", files["provisioning"],
                                "--web.listen-address", f"127.0.0.1:{self.ports.prometheus}",
                                "--ui.listen-address", f"127.0.0.1:{self.ports.ui}", "--data-dir", self.dir + "/data"])
        self.ready(sightline, f"http://localhost:{self.ports.prometheus}/-/ready")
        self.ready(sightline, f"http://localhost:{self.ports.tempo}/ready")
        self.start(["demo", "--listen-address", f"127.0.0.1:{self.ports.demo}", "--otlp-endpoint", f"localhost:{self.ports.otlp_grpc}"], "demo")
        eventually("the demo service", 5, lambda: get(f"http://localhost:{self.ports.demo}/").status == 200)
        self.check_all(exposition=2, scraped=17)
        up = get(f"http://localhost:{self.ports.prometheus}/api/v1/query", {"query": "up"}).json["data"]["result"]
        self.assertEqual([(r["metric"]["job"], r["value"][1]) for r in up], [("otelcol", "1")])
        targets = get(f"http://localhost:{self.ports.prometheus}/api/v1/targets").json["data"]["activeTargets"]
        self.assertEqual([(t["scrapePool"], t["health"]) for t in targets], [("otelcol", "up")])
        self.assertEqual(sightline.stop(), 0)
        self.restart_keeps_everything(files)

    def restart_keeps_everything(self, files):
        sightline = self.start(["run", "--tempo-config", files["tempo"], "--prometheus-config", files["prometheus"],
                                "--web.listen-address", f"127.0.0.1:{self.ports.prometheus}", "--data-dir", self.dir + "/data"], "again")
        self.ready(sightline, f"http://localhost:{self.ports.prometheus}/-/ready")
        self.ready(sightline, f"http://localhost:{self.ports.tempo}/ready")
        self.check_query(2)
        labels = self.check_exemplars(2)["labels"]
        self.check_trace(labels["trace_id"], labels["span_id"], 2)
        self.check_search(labels["trace_id"], 2)

    def test_the_files_as_they_stand(self):
        """Fixed ports, nothing rewritten: as script/demo starts it. From shared/seed where that lies beside us."""
        self.ports = Ports(free=False)
        taken = [p for p in Ports.CHAIN.values() if not port_is_free(p)]
        if taken:
            self.skipTest(f"ports {taken} are in use by others")
        seed = SHARED / "seed" if (SHARED / "seed").is_dir() else ROOT / "demo"
        provisioning = self.chain_files(self.ports)["provisioning"]
        sightline = self.start(["run", "--otelcol-config", str(seed / "otelcol-config.yaml"), "--tempo-config", str(seed / "tempo.yaml"),
                                "--prometheus-config", str(seed / "prometheus.yaml"), "--provisioning", provisioning])
        self.ready(sightline, "http://localhost:9090/-/ready")
        self.start(["demo"], "demo")
        eventually("the demo service", 5, lambda: get("http://localhost:5000/").status == 200)
        self.check_all(exposition=2, scraped=17)


class ThreeProcesses(ChainSteps):
    def test_each_role_alone_answers_the_same(self):
        self.ports = Ports()
        files = self.chain_files(self.ports)
        roles = {"tempo": ["--tempo-config", files["tempo"]],
                 "collector": ["--otelcol-config", files["otelcol-config"]],
                 "prometheus": ["--prometheus-config", files["prometheus"], "--web.listen-address", f"127.0.0.1:{self.ports.prometheus}"],
                 "grafana": ["--provisioning", files["provisioning"]]}
        for name, args in roles.items():
            ui = ["--ui.listen-address", f"127.0.0.1:{self.ports.ui}"] if name == "grafana" else []
            self.start(["run", *args, *ui, "--data-dir", f"{self.dir}/{name}"], name)
        for port, path in [(self.ports.prometheus, "/-/ready"), (self.ports.tempo, "/ready"), (self.ports.metrics, "/metrics")]:
            eventually(path, 10, lambda: get(f"http://localhost:{port}{path}").status == 200)
        self.start(["demo", "--listen-address", f"127.0.0.1:{self.ports.demo}", "--otlp-endpoint", f"localhost:{self.ports.otlp_grpc}"], "demo")
        eventually("the demo service", 5, lambda: get(f"http://localhost:{self.ports.demo}/").status == 200)
        self.check_all(exposition=2, scraped=17)


class ZeroArguments(ChainSteps):
    def test_everything_within_a_second(self):
        ports = [3000, 3200, 4317, 4318, 9090, 9464]
        taken = [p for p in ports if not port_is_free(p)]
        if taken:
            self.skipTest(f"ports {taken} are in use by others")
        self.ports = Ports(free=False)
        self.ports.demo = Ports().demo
        sightline = self.start([])
        self.ready(sightline, "http://localhost:9090/-/ready")
        eventually("a log line per listener", 2, lambda: all(f":{port}" in sightline.output() for port in ports))
        self.start(["demo", "--listen-address", f"127.0.0.1:{self.ports.demo}"], "demo")
        eventually("the demo service", 5, lambda: get(f"http://localhost:{self.ports.demo}/").status == 200)
        self.assertEqual(get(f"http://localhost:{self.ports.demo}/slow").status, 200)
        self.check_query(1)
        labels = self.check_exemplars(1)["labels"]
        self.check_trace(labels["trace_id"], labels["span_id"], 1)
        self.check_search(labels["trace_id"], 1)
        self.check_ui_api()
        self.assertEqual(sightline.stop(), 0)
