"""Trace blocks in S3-compatible object storage: a real server, the whole binary, outages and kills."""
import http.client
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import otlp
from harness import BINARY, SightlineTest, eventually, free_port, get, request
from s3_server import S3Server

PROTOBUF = {"Content-Type": "application/x-protobuf"}


class Proxy:
    """Passes connections on to the server, unless it is told to be away."""

    def __init__(self, target_port: int):
        self.target_port, self.away = target_port, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.away:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target_port))
            self.connections += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def set_away(self, away: bool):
        self.away = away
        if away:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.connections.clear()

    def close(self):
        self.set_away(True)
        self.listener.close()


class ObjectStorage(SightlineTest):
    KILLS = 15

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="sightline-s3-")
        cls.addClassCleanup(directory.cleanup)
        cls.server = S3Server(directory.name)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        self.prefix = "some/where-" + os.urandom(4).hex()
        self.proxy = Proxy(self.server.port)
        self.addCleanup(self.proxy.close)
        self.otlp, self.tempo = free_port(), free_port()
        self.config = self.write("tempo.yaml", self.tempo_file())
        self.data = self.dir + "/data"

    def tempo_file(self, **changes) -> str:
        settings = {"endpoint": f"localhost:{self.proxy.port}", "bucket": self.server.bucket,
                    "secret_key": self.server.secret_key, **changes}
        return f"""
server: {{http_listen_address: 127.0.0.1, http_listen_port: {self.tempo}}}
distributor: {{receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.otlp}"}}}}}}}}}}
ingester: {{trace_idle_period: 500ms, max_block_duration: 1s}}
storage:
  trace:
    backend: s3
    wal: {{path: ./wal}}
    local: {{path: ./blocks}}
    s3:
      bucket: {settings["bucket"]}
      endpoint: {settings["endpoint"]}
      access_key: {self.server.access_key}
      secret_key: "{settings["secret_key"]}"
      insecure: true
      forcepathstyle: true
      prefix: {self.prefix}
      retry_max_attempts: 2
      retry_backoff_initial: 10ms
"""

    def run_sightline(self, name="sightline"):
        program = self.start(["run", "--tempo-config", self.config, "--data-dir", self.data], name)
        self.ready(program, f"http://localhost:{self.tempo}/ready", 30)
        self.ready(program, f"http://localhost:{self.otlp}/")
        return program

    def send(self, count: int = 3) -> bytes:
        trace_id = os.urandom(16)
        answer = request("POST", f"http://localhost:{self.otlp}/v1/traces",
                         otlp.export_request([otlp.span(f"op{i}", trace_id, attributes={"n": i}) for i in range(count)]), PROTOBUF)
        self.assertEqual(answer.status, 200, answer.body)
        return trace_id

    def metric(self, name: str) -> float:
        text = get(f"http://localhost:{self.tempo}/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def spans_of(self, trace_id: bytes) -> int:
        answer = get(f"http://localhost:{self.tempo}/api/v2/traces/{trace_id.hex()}")
        self.assertEqual(answer.status, 200, answer.body)
        return sum(len(scope["spans"]) for r in answer.json["trace"].get("resourceSpans", []) for scope in r["scopeSpans"])

    def wait_until_moved(self):
        eventually("every block has moved", 30, lambda: self.metric("sightline_tracestore_blocks_uploaded_total") > 0 and
                   not list(pathlib.Path(self.data, "blocks").glob("*.trace")) and self.metric("tempo_ingester_live_traces") == 0, every=0.2)

    def test_the_promises_of_the_object_store(self):
        unit_tests = pathlib.Path(BINARY).parent / "io_test"
        if not unit_tests.exists():
            self.skipTest(f"LOUDLY: {unit_tests} is not built")
        done = subprocess.run([unit_tests, "--gtest_filter=All/ObjectStores.*/S3*:S3Server.*"], text=True, capture_output=True,
                              env={**os.environ, "SIGHTLINE_TEST_S3": self.server.for_unit_tests})
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-500:])
        self.assertNotIn("SKIPPED", done.stdout)
        if not self.server.checks_signatures:
            print("LOUDLY: this server checks no signatures; interop/s3/run has one that does", flush=True)

    def test_blocks_move_and_are_read_by_another_machine(self):
        program = self.run_sightline()
        traces = [self.send() for _ in range(20)]
        self.wait_until_moved()
        traces += [self.send() for _ in range(20)]
        self.wait_until_moved()
        program.stop()
        shutil.rmtree(self.data)  # that machine is gone
        program = self.run_sightline("other")
        self.assertEqual({self.spans_of(t) for t in traces}, {3})
        found = get(f"http://localhost:{self.tempo}/api/search", {"q": "{ name = \"op1\" }", "limit": 100}).json["traces"]
        self.assertEqual(len(found), len(traces))
        self.assertGreater(self.metric("sightline_object_store_requests_total"), 0)
        listed = subprocess.run([BINARY, "blocks", "traces", "--tempo-config", self.config, "--verify", "--columns"], text=True, capture_output=True)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("verified: every checksum and every span", listed.stdout)
        self.assertIn("span ids", listed.stdout)

    def test_an_outage_costs_nothing_but_time(self):
        self.run_sightline()
        before = self.send()
        self.wait_until_moved()
        self.proxy.set_away(True)
        shutil.rmtree(self.data + "/blocks/cache")
        during = [self.send() for _ in range(10)]
        eventually("a block is cut", 10, lambda: list(pathlib.Path(self.data, "blocks").glob("*.trace")))
        eventually("the failure is counted", 20, lambda: self.metric("sightline_tracestore_upload_errors_total") > 0)
        self.assertEqual({self.spans_of(t) for t in during}, {3})  # they are local
        self.proxy.set_away(False)
        self.wait_until_moved()
        self.assertEqual({self.spans_of(t) for t in [before, *during]}, {3})

    def test_storage_that_is_away_at_the_start(self):
        program = self.run_sightline()
        before = self.send()
        self.wait_until_moved()
        program.stop()
        self.proxy.set_away(True)
        self.run_sightline("again")
        meanwhile = self.send()
        answer = get(f"http://localhost:{self.tempo}/api/v2/traces/{before.hex()}")
        self.assertEqual(answer.status, 503, answer.body)
        self.assertIn("has not been read yet", answer.text)
        self.proxy.set_away(False)
        eventually("it is read", 20, lambda: get(f"http://localhost:{self.tempo}/api/v2/traces/{before.hex()}").status == 200)
        self.assertEqual([self.spans_of(t) for t in (before, meanwhile)], [3, 3])

    def test_refusals_end_the_start_and_say_why(self):
        for changes, text in (({"secret_key": "wrong"}, "SignatureDoesNotMatch"), ({"bucket": "nowhere"}, "NoSuchBucket")):
            if text == "SignatureDoesNotMatch" and not self.server.checks_signatures:
                continue
            with self.subTest(text):
                config = self.write("wrong.yaml", self.tempo_file(**changes))
                done = subprocess.run([BINARY, "run", "--tempo-config", config, "--data-dir", self.dir + "/wrong"], text=True, capture_output=True, timeout=20)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(text, done.stderr + done.stdout)

    def test_kill_at_any_moment_loses_nothing_acknowledged(self):
        seed = int.from_bytes(os.urandom(4), "big")
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        acknowledged: list[bytes] = []
        uploads = merged = 0
        for round_number in range(self.KILLS):
            program = self.run_sightline(f"run{round_number}")
            self.load(chance.uniform(0.3, 4), acknowledged)
            uploads += self.metric("sightline_tracestore_blocks_uploaded_total")
            merged += self.metric("tempodb_compaction_blocks_total")
            program.kill()
        program = self.run_sightline("last")
        self.assertEqual([t.hex() for t in acknowledged if self.spans_of(t) != 3], [], f"of {len(acknowledged)} acknowledged traces")
        self.wait_until_moved()
        program.stop()
        shutil.rmtree(self.data)
        self.run_sightline("other")
        self.assertEqual([t.hex() for t in acknowledged if self.spans_of(t) != 3], [], "after the machine was lost")
        print(f"{len(acknowledged)} acknowledged traces found after {self.KILLS} kills, {uploads:.0f} blocks moved, {merged:.0f} merged", flush=True)
        self.assertGreater(uploads, 0)

    def load(self, seconds: float, acknowledged: list[bytes]):
        deadline = time.monotonic() + seconds
        connection = http.client.HTTPConnection("127.0.0.1", self.otlp, timeout=5)
        while time.monotonic() < deadline:
            time.sleep(0.01)
            trace_id = os.urandom(16)
            connection.request("POST", "/v1/traces", otlp.export_request([otlp.span(f"op{i}", trace_id) for i in range(3)]), PROTOBUF)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                acknowledged.append(trace_id)
        connection.close()
