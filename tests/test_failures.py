"""Bad input and a bad world: what the program says, how it ends, and what it keeps."""
import gzip
import http.client
import os
import random
import socket
import subprocess
import time

import otlp
from harness import BINARY, SightlineTest, eventually, free_port, get, request

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def own_file(otlp_port: int, tempo_port: int, prometheus_port: int, ui_port: int) -> str:
    """A sightline.yaml with every role, on our ports."""
    return f"""
server:
  ui: 127.0.0.1:{ui_port}
  prometheus: 127.0.0.1:{prometheus_port}
otelcol:
  receivers:
    otlp:
      protocols:
        http:
          endpoint: 127.0.0.1:{otlp_port}
          max_request_body_size: 4_000_000
  connectors:
    spanmetrics:
      exemplars:
        enabled: true
      dimensions:
        - name: http.method
  exporters:
    sightline:
  service:
    pipelines:
      traces:
        receivers: [otlp]
        exporters: [spanmetrics, sightline]
      metrics:
        receivers: [spanmetrics]
        exporters: [sightline]
tempo:
  server:
    http_listen_address: 127.0.0.1
    http_listen_port: {tempo_port}
  ingester:
    trace_idle_period: 1s
    max_block_duration: 2s
  storage:
    trace:
      backend: local
      wal:
        path: ./traces/wal
      local:
        path: ./traces/blocks
prometheus:
  global:
    scrape_interval: 15s
"""


class RunningTest(SightlineTest):
    def setUp(self):
        super().setUp()
        self.otlp, self.tempo, self.prometheus, self.ui = (free_port() for _ in range(4))
        self.config = self.write("sightline.yaml", own_file(self.otlp, self.tempo, self.prometheus, self.ui))

    def run_sightline(self, name="sightline", data_dir=None):
        program = self.start(["run", "--config", self.config, "--data-dir", data_dir or self.dir + "/data"], name)
        self.ready(program, f"http://localhost:{self.tempo}/ready")
        return program

    def send(self, body: bytes, headers=PROTOBUF):
        return request("POST", f"http://localhost:{self.otlp}/v1/traces", body, headers)

    def trace_spans(self, trace_id: bytes) -> list[dict]:
        answer = get(f"http://localhost:{self.tempo}/api/v2/traces/{trace_id.hex()}").json
        return [s for r in answer["trace"].get("resourceSpans", []) for scope in r["scopeSpans"] for s in scope["spans"]]


class BadInput(RunningTest):
    def test_every_bad_request_has_its_status_and_reason(self):
        self.run_sightline()
        good = otlp.export_request([otlp.span("good")])
        for what, body, headers, status in [
            ("malformed protobuf", b"\xff\xff\xff", PROTOBUF, 400),
            ("malformed JSON", b'{"resourceSpans":[', {"Content-Type": "application/json"}, 400),
            ("truncated gzip", gzip.compress(good)[:-9], {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
            ("wrong content type", good, {"Content-Type": "text/plain"}, 415),
            ("unknown encoding", good, {**PROTOBUF, "Content-Encoding": "br"}, 400),
            ("oversized", otlp.export_request([otlp.span("x" * 5_000_000)]), PROTOBUF, 413),
            ("decompression bomb", gzip.compress(b"\0" * 50_000_000), {**PROTOBUF, "Content-Encoding": "gzip"}, 413),
        ]:
            with self.subTest(what):
                answer = self.send(body, headers)
                self.assertEqual(answer.status, status, answer.body[:200])
                self.assertTrue(answer.body)
        self.assertEqual(self.send(good).status, 200)
        self.assertEqual(self.send(gzip.compress(good), {**PROTOBUF, "Content-Encoding": "gzip"}).status, 200)
        metrics = get(f"http://localhost:{self.ui}/metrics").text
        self.assertRegex(metrics, r'sightline_receiver_malformed_requests_total\{receiver="otlp",transport="http"\} [1-9]')

    def test_valid_spans_of_a_bad_request_are_kept(self):
        self.run_sightline()
        trace_id = os.urandom(16)
        spans = [otlp.span("good", trace_id), otlp.span("no trace id", bytes(16)), otlp.span("no span id", span_id=bytes(8)),
                 otlp.span("short id", b"\1\2\3"),
                 otlp.span("backwards", trace_id, duration_ns=-5_000_000),
                 otlp.span("many", trace_id, attributes={f"k{i}": i for i in range(100_000)}),
                 otlp.span("bad text \udcff".encode("utf-8", "surrogateescape").decode("latin-1"), trace_id),
                 otlp.span("nan", trace_id, attributes={"v": float("nan"), "http.method": "G\x00T"})]
        answer = self.send(otlp.export_request(spans))
        self.assertEqual(answer.status, 200)
        self.assertEqual(otlp.rejected_spans(answer.body), 3)
        found = eventually("the valid spans", 2, lambda: len(self.trace_spans(trace_id)) == 5 and self.trace_spans(trace_id))
        self.assertEqual({"good", "backwards", "many", "nan"} - {s["name"] for s in found}, set())

    def test_slow_clients_and_garbage_do_not_disturb(self):
        self.run_sightline()
        idle = [socket.create_connection(("127.0.0.1", self.otlp)) for _ in range(50)]
        for s in idle[:25]:
            s.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Le")
        for port in (self.otlp, self.tempo, self.prometheus, self.ui):
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(os.urandom(2000) + b"\r\n\r\n")
        self.assertEqual(self.send(otlp.export_request([otlp.span("good")])).status, 200)
        for s in idle:
            s.close()


class BadWorld(RunningTest):
    def ends_with(self, args, *words):
        began = time.monotonic()
        done = subprocess.run([BINARY, *args], cwd=self.dir, capture_output=True, text=True, timeout=20)
        took = time.monotonic() - began
        self.assertEqual(done.returncode, 1, done.stderr)
        errors = [l for l in done.stderr.splitlines() if "error" in l.lower() or "[error]" in l]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in words:
            self.assertIn(word, errors[0])
        self.assertLess(took, 1.0)

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", self.otlp))
            s.listen()
            self.ends_with(["run", "--config", self.config, "--data-dir", self.dir + "/data"], "address already in use", str(self.otlp))

    def test_data_directory_that_cannot_be_written(self):
        self.write("file", "")
        self.ends_with(["run", "--config", self.config, "--data-dir", self.dir + "/file/data"], self.dir + "/file")

    def test_second_process_on_the_same_directory(self):
        self.run_sightline()
        ports = [free_port() for _ in range(4)]
        other = self.write("other.yaml", own_file(*ports))
        self.ends_with(["run", "--config", other, "--data-dir", self.dir + "/data"], "in use by another process")

    def test_bad_yaml(self):
        bad = self.write("bad.yaml", "receivers:\n  otlp:\n    protocols:\n      htp:\nexporters:\n  nop:\nservice:\n  pipelines:\n"
                                     "    traces:\n      receivers: [otlp]\n      exporters: [nop]\n")
        self.ends_with(["run", "--otelcol-config", bad], "bad.yaml:4:7", "htp", "http")
        broken = self.write("broken.yaml", "server: [1, 2\n")
        self.ends_with(["run", "--tempo-config", broken], "broken.yaml:")

    def test_disk_full_and_back(self):
        disk = self.dir + "/disk"
        os.mkdir(disk)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True).returncode != 0:
            self.skipTest("needs to mount a small file system: run as root")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", disk], check=True))
        self.run_sightline(data_dir=disk + "/data")
        early = os.urandom(16)
        self.assertEqual(self.send(otlp.export_request([otlp.span("early", early)])).status, 200)
        filler = open(disk + "/filler", "wb", buffering=0)
        self.addCleanup(filler.close)
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
        accepted = []

        def refused():
            trace_id = os.urandom(16)
            answer = self.send(otlp.export_request([otlp.span("y" * 20_000, trace_id)]))
            if answer.status == 200:
                accepted.append(trace_id)
            return answer if answer.status != 200 else None
        answer = eventually("writes are refused", 10, refused)
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer.headers["Retry-After"])
        self.assertEqual(len(self.trace_spans(early)), 1)
        self.assertEqual(get(f"http://localhost:{self.prometheus}/api/v1/query", {"query": "1"}).status, 200)
        filler.close()
        os.remove(disk + "/filler")
        late = os.urandom(16)
        eventually("writes work again", 5, lambda: self.send(otlp.export_request([otlp.span("late", late)])).status == 200)
        for trace_id in [early, late, *accepted]:
            self.assertEqual(len(self.trace_spans(trace_id)), 1)


class Kill(RunningTest):
    KILLS = 20

    def test_kill_at_any_moment_loses_nothing_acknowledged(self):
        seed = int.from_bytes(os.urandom(4), "big")
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        acknowledged: list[bytes] = []
        for round_number in range(self.KILLS):
            program = self.run_sightline(f"run{round_number}")
            self.load_until_killed(program, chance.uniform(0.05, 0.8), acknowledged)
        self.run_sightline("last")
        missing = [t.hex() for t in acknowledged if len(self.trace_spans(t)) != 3]
        self.assertEqual(missing, [], f"of {len(acknowledged)} acknowledged traces")
        print(f"{len(acknowledged)} acknowledged traces found after {self.KILLS} kills", flush=True)
        counted = get(f"http://localhost:{self.prometheus}/api/v1/query",
                      {"query": "count(count_over_time(traces_span_metrics_calls_total[10m]))"}).json["data"]["result"]
        self.assertTrue(counted, "span metrics survive, too")

    def load_until_killed(self, program, seconds: float, acknowledged: list[bytes]):
        deadline = time.monotonic() + seconds
        connection = http.client.HTTPConnection("127.0.0.1", self.otlp, timeout=5)
        while time.monotonic() < deadline:
            time.sleep(0.002)  # enough for a kill to hit anything, few enough to look up each trace
            trace_ids = [os.urandom(16) for _ in range(2)]
            body = otlp.export_request([otlp.span(f"op{i}", t, attributes={"n": i}) for t in trace_ids for i in range(3)])
            connection.request("POST", "/v1/traces", body, PROTOBUF)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                acknowledged.extend(trace_ids)
        # The last request is under way when the process dies.
        connection.request("POST", "/v1/traces", otlp.export_request([otlp.span("in flight")] * 200), PROTOBUF)
        program.kill()
        connection.close()
