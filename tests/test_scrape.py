"""Targets of our own that are scraped: the protobuf exposition with native histograms, and what a target may not exceed."""
import http.server
import struct
import threading
import time

import otlp
from harness import SightlineTest, eventually, free_port, get

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GAUGE, HISTOGRAM = 1, 4


def double(number: int, value: float) -> bytes:
    return otlp.fixed64(number, struct.unpack("<Q", struct.pack("<d", value))[0])


def zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def label(name: str, value: str) -> bytes:
    return otlp.field(1, name) + otlp.field(2, value)


def family(name: str, kind: int, metrics: list[bytes]) -> bytes:
    message = otlp.field(1, name) + otlp.field(2, "Help.") + otlp.integer(3, kind) + b"".join(otlp.field(4, m) for m in metrics)
    return otlp.varint(len(message)) + message


def native_histogram(in_bucket: int, exemplar_at: float) -> bytes:
    """Of schema 0 with a zero bucket, and `in_bucket` observations of each of (1,2] and (2,4], the latter led to by an exemplar."""
    seconds, nanos = int(exemplar_at), int(exemplar_at % 1 * 1e9)
    exemplar = otlp.field(1, label("trace_id", TRACE)) + double(2, 3.5) + otlp.field(3, otlp.integer(1, seconds) + otlp.integer(2, nanos))
    return (otlp.integer(1, 2 * in_bucket) + double(2, 4.5 * in_bucket) + otlp.integer(5, zigzag(0)) + double(6, 0.001)
            + otlp.field(12, otlp.integer(1, zigzag(1)) + otlp.integer(2, 2))
            + otlp.field(13, otlp.varint(zigzag(in_bucket)) + otlp.varint(zigzag(0))) + otlp.field(16, exemplar))


class Exposed(http.server.ThreadingHTTPServer):
    """A target: what its paths answer is (content type, body), or a function that gives it."""
    daemon_threads = True

    def __init__(self, answers: dict):
        self.accepted: list[str] = []
        answered = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answered.accepted.append(self.headers.get("Accept"))
                kind, body = answers[self.path]
                body = body() if callable(body) else body
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", free_port()), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class ScrapeTest(SightlineTest):
    def expose(self, answers: dict) -> Exposed:
        target = Exposed(answers)
        self.addCleanup(target.server_close)
        self.addCleanup(target.shutdown)
        return target

    def run_sightline(self, scrape_configs: str, collector: str = ""):
        self.prometheus, ui = free_port(), free_port()
        config = self.write("sightline.yaml", f"""
server: {{ui: 127.0.0.1:{ui}, prometheus: 127.0.0.1:{self.prometheus}}}
{collector}
prometheus:
  global: {{scrape_interval: 1s}}
  scrape_configs: [{scrape_configs}]
""")
        program = self.start(["run", "--config", config, "--data-dir", self.dir + "/data"])
        self.ready(program, f"http://localhost:{self.prometheus}/-/ready")

    def ask(self, path: str, **params) -> dict:
        return get(f"http://localhost:{self.prometheus}/api/v1/{path}", params).json["data"]

    def value(self, query: str) -> float | None:
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None


class NativeHistograms(ScrapeTest):
    def setUp(self):
        super().setUp()
        self.began = time.time()
        self.target = self.expose({"/metrics": (PROTOBUF, self.exposition)})

    def exposition(self) -> bytes:
        now = time.time()
        observed = 10 + int(now - self.began) * 10
        metric = otlp.field(1, label("route", "/buy")) + otlp.field(7, native_histogram(observed, now))
        return family("request_seconds", HISTOGRAM, [metric]) + family("temperature", GAUGE, [otlp.field(2, double(1, 21.5))])

    def check(self, where: str):
        eventually("the median", 15, lambda: self.value(f"histogram_quantile(0.5, request_seconds{where})") == 2)
        self.assertEqual(self.value(f"histogram_fraction(0, 2, request_seconds{where})"), 0.5)
        self.assertEqual(self.value(f"histogram_avg(request_seconds{where})"), 2.25)
        # (2,4] is entered at three quarters of all, on a logarithmic scale.
        rate = f"histogram_quantile(0.75, sum(rate(request_seconds{where}[1m])))"
        self.assertAlmostEqual(eventually("a rate", 15, lambda: self.value(rate)), 2 ** 1.5)
        self.assertIsNone(self.value(f"request_seconds_count{where}"))
        found = self.ask("query_exemplars", query=f"histogram_quantile(0.9, rate(request_seconds{where}[1m]))", start=self.began - 60, end=time.time() + 60)
        self.assertEqual({e["labels"]["trace_id"] for series in found for e in series["exemplars"]}, {TRACE})
        self.assertGreaterEqual(found[0]["exemplars"][0]["timestamp"], self.began - 1)
        self.assertEqual(found[0]["exemplars"][0]["value"], "3.5")

    def test_are_asked_for_scraped_and_queried_with_their_exemplars(self):
        self.run_sightline(f'{{job_name: app, scrape_native_histograms: true, static_configs: [{{targets: ["{self.target.address}"]}}]}}')
        self.check('{job="app"}')
        self.assertEqual(self.target.accepted[0].split(",")[0],
                         "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6")
        self.assertEqual(self.value('temperature{job="app"}'), 21.5)
        self.assertEqual(self.ask("metadata", metric="request_seconds"), {"request_seconds": [{"type": "histogram", "unit": "", "help": "Help."}]})

    def test_pass_through_a_collector_pipeline(self):
        self.run_sightline("", f"""
otelcol:
  receivers:
    prometheus: {{config: {{scrape_configs: [{{job_name: app, scrape_interval: 1s, scrape_native_histograms: true, static_configs: [{{targets: ["{self.target.address}"]}}]}}]}}}}
  processors: {{attributes: {{actions: [{{key: env, value: prod, action: insert}}]}}}}
  exporters: {{sightline: {{}}}}
  service:
    pipelines:
      metrics: {{receivers: [prometheus], processors: [attributes], exporters: [sightline]}}
""")
        self.check('{env="prod"}')

    def test_are_not_asked_for_unless_wanted(self):
        self.run_sightline(f'{{job_name: app, static_configs: [{{targets: ["{self.target.address}"]}}]}}')
        eventually("a scrape", 10, lambda: self.value('request_seconds_bucket{le="+Inf"}'))
        self.assertNotIn("protobuf", self.target.accepted[0])
        self.assertEqual(self.ask("query", query="request_seconds")["result"], [])


class Limits(ScrapeTest):
    LIMITS = {
        "samples": ("sample_limit: 2", "a 1\nb 1\nc 1\n", "sample limit exceeded", "prometheus_target_scrapes_exceeded_sample_limit_total"),
        "labels": ("label_limit: 3", 'a{x="1"} 1\n', "label_limit exceeded (metric: a, number of labels: 4, limit: 3)",
                   "prometheus_target_scrape_pool_exceeded_label_limits_total"),
        "names": ("label_name_length_limit: 10", 'a{elevenlette="1"} 1\n',
                  "label_name_length_limit exceeded (metric: a, label name: elevenlette, length: 11, limit: 10)", None),
        "values": ("label_value_length_limit: 20", 'a{x="%s"} 1\n' % ("v" * 21),
                   f'label_value_length_limit exceeded (metric: a, label name: x, value: "{"v" * 21}", length: 21, limit: 20)', None),
        "body": ("body_size_limit: 1KB", "# " + "x" * 1100 + "\na 1\n", "body size limit exceeded", "prometheus_target_scrapes_exceeded_body_size_limit_total"),
        "damaged": ("scrape_native_histograms: true", family("h", GAUGE, [b"\x0a\x7f"]), "byte 17: length runs past the end of the message", None),
    }

    def test_a_target_beyond_one_is_down_and_says_why(self):
        answers = {f"/{name}": (PROTOBUF if isinstance(body, bytes) else "text/plain; version=0.0.4", body if isinstance(body, bytes) else body.encode())
                   for name, (_, body, _, _) in self.LIMITS.items()}
        target = self.expose(answers)
        jobs = [f'{{job_name: {name}, {limit}, metrics_path: /{name}, static_configs: [{{targets: ["{target.address}"]}}]}}' for name, (limit, _, _, _) in self.LIMITS.items()]
        jobs.append(f'{{job_name: targets, target_limit: 1, keep_dropped_targets: 1, static_configs: [{{targets: ["{target.address}", "127.0.0.1:1", "drop:1", "drop:2"]}}], '
                    'relabel_configs: [{source_labels: [__address__], regex: "drop:.*", action: drop}]}')
        self.run_sightline(", ".join(jobs))
        wanted = {name: error for name, (_, _, error, _) in self.LIMITS.items()}

        def down():
            found = self.ask("targets")["activeTargets"]
            return {t["labels"]["job"]: t["lastError"] for t in found if t["health"] == "down"} if all(t["health"] != "unknown" for t in found) else None
        errors = eventually("all were scraped", 15, down)
        self.assertEqual(errors.pop("targets"), "target_limit exceeded (number of targets: 2, limit: 1)")
        self.assertEqual(errors, wanted)
        self.assertEqual(self.ask("query", query="count(up == 0)")["result"][0]["value"][1], str(len(wanted) + 2))
        self.assertEqual(self.ask("query", query="{__name__=~'a|b|c|h'}")["result"], [])
        targets = self.ask("targets", state="dropped")
        self.assertEqual(len(targets["droppedTargets"]), 1)
        self.assertEqual(targets["droppedTargetCounts"]["targets"], 2)
        own = get(f"http://localhost:{self.prometheus}/metrics").text
        for counter in filter(None, [c for _, _, _, c in self.LIMITS.values()] + ["prometheus_target_scrape_pool_exceeded_target_limit_total"]):
            line = next(l for l in own.splitlines() if l.startswith(counter + " "))
            self.assertGreaterEqual(float(line.split()[1]), 1, line)
