"""The collector as others meet it: what comes in by the newer receivers and leaves by the newer exporters, and clients that
mean no good."""
import collections
import http.client
import http.server
import os
import pathlib
import re
import resource
import socket
import struct
import threading
import time

import h2
import otlp
from harness import SightlineTest, eventually, free_port, get, request

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def thrift_batch(service: str, trace_low: int, name: str) -> bytes:
    """A jaeger.thrift Batch of one span, in the binary protocol."""
    text = lambda field, value: struct.pack(">bhi", 11, field, len(value)) + value.encode()
    i64 = lambda field, value: struct.pack(">bhq", 10, field, value)
    now = int(time.time() * 1_000_000)
    span = i64(1, trace_low) + i64(2, 7) + i64(3, 9) + i64(4, 0) + text(5, name) + i64(8, now) + i64(9, 5_000) + b"\0"
    return struct.pack(">bh", 12, 1) + text(1, service) + b"\0" + struct.pack(">bhbi", 15, 2, 12, 1) + span + b"\0"


class CollectorTest(SightlineTest):
    def setUp(self):
        super().setUp()
        self.http, self.grpc, self.jaeger, self.metrics, self.prometheus, self.ui, self.tempo = (free_port() for _ in range(7))

    def run_sightline(self, collector: str, rest: str = ""):
        config = self.write("sightline.yaml", f"""
server:
  ui: 127.0.0.1:{self.ui}
  prometheus: 127.0.0.1:{self.prometheus}
otelcol:
{collector}
prometheus:
  global: {{scrape_interval: 1s}}
{rest}""")
        program = self.start(["run", "--config", config, "--data-dir", self.dir + "/data"])
        self.ready(program, f"http://localhost:{self.prometheus}/-/ready")
        return program

    def query(self, text: str) -> list[dict]:
        return get(f"http://localhost:{self.prometheus}/api/v1/query", {"query": text}).json["data"]["result"]

    def value(self, text: str) -> float | None:
        found = self.query(text)
        return float(found[0]["value"][1]) if found else None


class MetricsInAndOut(CollectorTest):
    def test_jaeger_to_remote_write_and_a_scrape_of_ourselves(self):
        self.run_sightline(f"""
  receivers:
    jaeger: {{protocols: {{thrift_http: {{endpoint: "127.0.0.1:{self.jaeger}"}}}}}}
    prometheus:
      config:
        scrape_configs:
          - {{job_name: own, scrape_interval: 1s, static_configs: [{{targets: ["127.0.0.1:{self.metrics}"]}}]}}
  processors:
    attributes: {{actions: [{{key: env, value: test, action: insert}}]}}
  connectors:
    spanmetrics: {{metrics_flush_interval: 1s, exemplars: {{enabled: true}}}}
  exporters:
    prometheus: {{endpoint: "127.0.0.1:{self.metrics}", enable_open_metrics: true}}
    prometheusremotewrite: {{endpoint: "http://127.0.0.1:{self.prometheus}/api/v1/write", external_labels: {{via: write}}}}
    sightline:
    file: {{path: {self.dir}/scraped.json, flush_interval: 0s}}
  service:
    pipelines:
      traces: {{receivers: [jaeger], exporters: [spanmetrics]}}
      metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
      metrics/write: {{receivers: [spanmetrics], processors: [attributes], exporters: [prometheusremotewrite]}}
      metrics/scrape: {{receivers: [prometheus], exporters: [sightline]}}
      metrics/file: {{receivers: [prometheus], processors: [attributes], exporters: [file]}}
""")
        for i in range(3):
            answer = request("POST", f"http://localhost:{self.jaeger}/api/traces", thrift_batch("old", i + 1, "buy"),
                             {"Content-Type": "application/x-thrift"})
            self.assertEqual(answer.status, 202, answer.text)
        self.assertEqual(request("POST", f"http://localhost:{self.jaeger}/api/traces", b"x", {"Content-Type": "application/x-thrift"}).status, 400)
        written = 'traces_span_metrics_calls_total{service_name="old",span_name="buy",env="test",via="write"}'
        eventually("calls by remote write", 15, lambda: self.value(written) == 3)
        eventually("calls by scraping", 15, lambda: self.value('traces_span_metrics_calls_total{service_name="old",env=""}') == 3)
        eventually("up", 5, lambda: self.value('up{job="own"}') == 1)
        exemplars = get(f"http://localhost:{self.prometheus}/api/v1/query_exemplars",
                        {"query": 'traces_span_metrics_calls_total{via="write"}', "start": time.time() - 600, "end": time.time() + 60}).json
        self.assertTrue(exemplars["data"], exemplars)
        eventually("the file", 10, lambda: '"name":"up","description":"The scraping was successful"' in pathlib.Path(self.dir, "scraped.json").read_text())


class Strict(CollectorTest):
    def test_the_state_of_the_last_flush_is_shown(self):
        self.run_sightline(f"""
  receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.http}"}}}}}}}}
  connectors: {{spanmetrics: {{metrics_flush_interval: 1s}}}}
  exporters: {{prometheus: {{endpoint: "127.0.0.1:{self.metrics}"}}}}
  service:
    compatibility: strict
    pipelines:
      traces: {{receivers: [otlp], exporters: [spanmetrics]}}
      metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
""")
        self.assertEqual(request("POST", f"http://localhost:{self.http}/v1/traces", otlp.export_request([otlp.span("a")]), PROTOBUF).status, 200)
        shown = set()

        def seen(value):
            for line in get(f"http://localhost:{self.metrics}/metrics").text.splitlines():
                if line.startswith("traces_span_metrics_calls_total{"):
                    shown.add(float(line.rsplit(" ", 1)[1]))
            return value in shown
        eventually("one call", 10, lambda: seen(1.0), every=0.02)
        self.assertIn(0.0, shown)  # the first flush


class Abuse(CollectorTest):
    """Clients that hold on, flood or lie: bounded, and others are served meanwhile."""

    def setUp(self):
        super().setUp()
        self.program = self.run_sightline(f"""
  receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.http}", read_header_timeout: 2s, read_timeout: 3s}}, grpc: {{endpoint: "127.0.0.1:{self.grpc}"}}}}}}}}
  exporters: {{nop: }}
  service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [nop]}}}}}}
""")

    def resident_mib(self) -> float:
        fields = pathlib.Path(f"/proc/{self.program.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)

    def serves(self):
        started = time.monotonic()
        message = otlp.export_request([otlp.span("good")])
        self.assertEqual(request("POST", f"http://localhost:{self.http}/v1/traces", message, PROTOBUF, timeout=20).status, 200)
        h2.grpc_call(self.grpc, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", message, timeout=20)
        return time.monotonic() - started

    def cut_off_slow_clients(self, begin: bytes, seconds: float, more_mib: float | None = None) -> list[socket.socket]:
        """200 clients that send `begin` and then a byte now and then: others are served until those are cut off."""
        slow = [socket.create_connection(("127.0.0.1", self.http)) for _ in range(200)]
        for s in slow:
            s.sendall(begin)
        before, deadline = self.resident_mib(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.serves()
            try:
                for s in slow:
                    s.sendall(b"x")
            except OSError:
                break
            time.sleep(0.3)
        else:
            self.fail("slow clients were never cut off")
        if more_mib is not None:
            self.assertLess(self.resident_mib() - before, more_mib)
        return slow

    def test_slow_headers_are_cut_off(self):
        for s in self.cut_off_slow_clients(b"POST /v1/traces HTTP/1.1\r\n", 15):
            s.close()

    def test_slow_bodies_are_cut_off(self):
        head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n"
        for s in self.cut_off_slow_clients(head, 20, more_mib=20):
            s.close()

    def test_idle_connections_are_bounded(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the program does the same, and says when that is too few
        count = min(10_000, hard * 3 // 4 - 100)
        eventually("its log", 20, lambda: " ready\n" in self.program.output())
        told = "files and connections, so a listener takes" in self.program.output()
        self.assertEqual(told, hard * 3 // 4 < 16_384)
        before = self.resident_mib()
        for protocol, port in (("http", self.http), ("grpc", self.grpc)):
            with self.subTest(protocol):
                idle = []
                try:
                    for i in range(count):
                        idle.append(socket.create_connection(("127.0.0.1", port), timeout=20))
                        if protocol == "grpc":
                            idle[-1].sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0))
                        if i % 2_500 == 0:
                            self.serves()
                    self.serves()  # within its timeout
                    print(f"    {count} idle {protocol} connections: {self.resident_mib() - before:.0f} MiB more")
                    self.assertLess(self.resident_mib() - before, 60 + count * (0.012 if protocol == "http" else 0.06))
                finally:
                    for s in idle:
                        s.close()

    def test_rapid_reset_and_floods_of_pings(self):
        before = self.resident_mib()
        fields = {":method": "POST", ":scheme": "http", ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                  ":authority": "x", "content-type": "application/grpc", "te": "trailers"}
        block = b"".join(h2.header(k, v) for k, v in fields.items())
        for attack in ("reset", "ping"):
            with self.subTest(attack), socket.create_connection(("127.0.0.1", self.grpc), timeout=10) as s:
                s.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0))
                try:
                    for i in range(20_000):
                        stream = 2 * i + 1
                        s.sendall(h2.frame(h2.PING, 0, 0, b"12345678") if attack == "ping" else
                                  h2.frame(h2.HEADERS, h2.END_HEADERS, stream, block) + h2.frame(h2.RST_STREAM, 0, stream, struct.pack(">I", 8)))
                        if i % 5_000 == 4_999:
                            self.serves()
                except OSError:
                    pass  # told to go away: as good as being ignored
                self.serves()
        metrics = get(f"http://localhost:{self.ui}/metrics").text
        self.assertRegex(metrics, r'sightline_grpc_connections_closed_total\{listener="[^"]*"\} [1-9]')
        self.assertLess(self.resident_mib() - before, 100)

    def test_header_bombs(self):
        before = self.resident_mib()
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=20)
        connection.putrequest("POST", "/v1/traces")
        try:
            for i in range(20_000):
                connection.putheader(f"X-{i}", "y" * 100)
            connection.endheaders()
            self.assertEqual(connection.getresponse().status, 431)
        except OSError:
            pass  # cut off in the middle
        with socket.create_connection(("127.0.0.1", self.grpc), timeout=10) as s:
            block = b"".join(h2.header(f"k{i}", "v" * 120) for i in range(100))
            try:
                s.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0) + h2.frame(h2.HEADERS, 0, 1, block))
                for _ in range(2_000):
                    s.sendall(h2.frame(9, 0, 1, block))  # CONTINUATION without end
            except OSError:
                pass
        self.serves()
        self.assertLess(self.resident_mib() - before, 100)


class Overload(CollectorTest):
    def test_what_is_too_much_is_refused_and_counted_once(self):
        """A full queue behind a destination that is gone: refusals can be tried again, and nothing is counted twice."""
        gone = free_port()
        self.run_sightline(f"""
  receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.http}"}}}}}}}}
  connectors: {{spanmetrics: {{}}}}
  exporters:
    prometheus: {{endpoint: "127.0.0.1:{self.metrics}"}}
    otlphttp: {{endpoint: "http://127.0.0.1:{gone}", sending_queue: {{queue_size: 5, num_consumers: 1, storage: file_storage}}, retry_on_failure: {{initial_interval: 1s, max_interval: 1s}}}}
  extensions: {{file_storage: {{directory: {self.dir}/queue, create_directory: true}}}}
  service:
    extensions: [file_storage]
    pipelines:
      traces: {{receivers: [otlp], exporters: [otlphttp, spanmetrics]}}
      metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
""")
        accepted, refused = [0], [0]

        def send(count):
            for _ in range(count):
                answer = request("POST", f"http://localhost:{self.http}/v1/traces", otlp.export_request([otlp.span("a")] * 10), PROTOBUF)
                if answer.status == 200:
                    accepted[0] += 10
                else:
                    self.assertEqual(answer.status, 503, answer.body)
                    self.assertEqual(answer.headers["Retry-After"], "1")
                    refused[0] += 10
        threads = [threading.Thread(target=send, args=(25,)) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertGreater(refused[0], 0)
        self.assertGreaterEqual(accepted[0], 50)
        counted = [float(line.rsplit(" ", 1)[1]) for line in get(f"http://localhost:{self.metrics}/metrics").text.splitlines()
                   if line.startswith("traces_span_metrics_calls_total{")]
        self.assertEqual(sum(counted), accepted[0])
        waiting = [p for p in pathlib.Path(self.dir, "queue").rglob("*.batch")]
        self.assertEqual(len(waiting) * 10, accepted[0])


class Destination:
    """An OTLP/HTTP receiver that comes up late: refuses a few requests, then counts the traces it got."""

    def __init__(self, port: int, refusals: int):
        self.seen, self.refusals, self.lock = collections.Counter(), refusals, threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    outer.refusals -= 1
                    is_refused = outer.refusals >= 0
                    if not is_refused:
                        outer.seen.update(re.findall(rb"TRACE[0-9]{11}", body))
                self.send_response(503 if is_refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class DownstreamGone(CollectorTest):
    """SIGHTLINE_OVERLOAD_SECONDS says for how long."""
    SECONDS = float(os.environ.get("SIGHTLINE_OVERLOAD_SECONDS", "6"))

    def start_program(self):
        return self.run_sightline(f"""
  receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.http}"}}}}}}}}
  connectors: {{spanmetrics: {{}}}}
  exporters:
    prometheus: {{endpoint: "127.0.0.1:{self.metrics}"}}
    otlphttp:
      endpoint: "http://127.0.0.1:{self.destination}"
      compression: none
      sending_queue: {{queue_size: 100_000, storage: file_storage}}
      retry_on_failure: {{initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 0}}
  extensions: {{file_storage: {{directory: {self.dir}/queue, create_directory: true}}}}
  service:
    extensions: [file_storage]
    pipelines:
      traces: {{receivers: [otlp], exporters: [otlphttp, spanmetrics]}}
      metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
""")

    def send(self, seconds: float) -> int:
        """Traces of two spans each; answers how many requests were accepted, all of them."""
        deadline, sent = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            trace = b"TRACE%011d" % len(self.accepted)
            answer = request("POST", f"http://localhost:{self.http}/v1/traces", otlp.export_request([otlp.span("a", trace)] * 2), PROTOBUF)
            self.assertEqual(answer.status, 200, answer.body)
            self.accepted.append(trace)
            sent += 1
            time.sleep(0.01)
        return sent

    def counted(self) -> float:
        return sum(float(line.rsplit(" ", 1)[1]) for line in get(f"http://localhost:{self.metrics}/metrics").text.splitlines()
                   if line.startswith("traces_span_metrics_calls_total{"))

    def test_nothing_is_lost_and_nothing_counted_twice(self):
        self.accepted, self.destination = [], free_port()
        program = self.start_program()
        first = self.send(self.SECONDS / 2)
        self.assertEqual(self.counted(), 2 * first)
        program.kill()
        self.start_program()
        second = self.send(self.SECONDS / 2)
        self.assertEqual(self.counted(), 2 * second)
        self.assertEqual(len(list(pathlib.Path(self.dir, "queue").rglob("*.batch"))), first + second)
        destination = Destination(self.destination, refusals=20)
        self.addCleanup(destination.stop)
        eventually("all of it", 60 + self.SECONDS, lambda: sum(destination.seen.values()) >= 2 * len(self.accepted))
        self.assertEqual(destination.seen, {trace: 2 for trace in self.accepted})
        self.assertEqual(self.counted(), 2 * second)
        eventually("an empty queue", 10, lambda: not list(pathlib.Path(self.dir, "queue").rglob("*.batch")))
