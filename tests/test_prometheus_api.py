"""The Prometheus API of the whole program: overload, what a crash leaves behind, streams, limits."""
import http.client
import json
import math
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse

from harness import ROOT, Answer, SightlineTest, eventually, free_port, get, request

sys.path.insert(0, str(ROOT / "interop" / "prometheus"))
from remote_write import HEADERS, exemplar_message, field_bytes, labels_message, sample_message, snappy  # noqa: E402

# Seconds of work on any machine: at each of thousands of steps, thousands of values are sorted, for every series.
HEAVY = "sum(quantile_over_time(0.5, quantile_over_time(0.5, m[5m])[1h:1s]))"


class PrometheusApiTest(SightlineTest):
    def start_api(self, *flags: str):
        self.port = free_port()
        config = self.write("prometheus.yml", "global:\n  query_log_file: %s/query.log\n" % self.dir)
        program = self.start(["run", "--prometheus-config", config, "--data-dir", getattr(self, "data_dir", os.path.join(self.dir, "data")),
                              "--web.listen-address", f"127.0.0.1:{self.port}", *flags], "sightline")
        self.base = f"http://127.0.0.1:{self.port}"
        eventually("ready", 20, lambda: get(self.base + "/-/ready").status == 200)
        return program

    def feed(self, series: int = 50, samples: int = 100):
        end = int(time.time()) * 1000
        out = b""
        for i in range(series):
            fields = b"".join(sample_message(end - (samples - k) * 15_000, float(k * i)) for k in range(samples))
            out += field_bytes(1, labels_message({"__name__": "m", "i": str(i)}) + fields)
        answer = request("POST", self.base + "/api/v1/write", snappy(out), HEADERS)
        self.assertEqual(answer.status, 204, answer.text)

    def ask(self, query: str, **params):
        return get(self.base + "/api/v1/query", {"query": query, **params}, timeout=60)

    def ask_heavy(self):
        end = int(time.time())
        return get(self.base + "/api/v1/query_range", {"query": HEAVY, "start": end - 2000, "end": end, "step": 0.2}, timeout=60)

    def running(self) -> float:
        line = [line for line in get(self.base + "/metrics").text.splitlines() if line.startswith("prometheus_engine_queries ")][0]
        return float(line.split()[1])

    def values(self, base: str, query: str = "count_over_time(m[1h])"):
        answer = get(base + "/api/v1/query", {"query": query})
        return {row["metric"]["i"]: row["value"][1] for row in answer.json["data"]["result"]}

    def test_deletes_and_snapshots_survive_a_kill(self):
        admin = "/api/v1/admin/tsdb/"
        program = self.start_api("--web.enable-admin-api")
        self.feed(series=4, samples=20)
        self.assertEqual(request("POST", self.base + admin + "delete_series", b"", {}).status, 400)
        selector = urllib.parse.quote('m{i=~"1|2"}')
        half = int(time.time()) - 10 * 15
        answer = request("PUT", self.base + admin + f"delete_series?match[]={selector}&end={half}", b"", {})
        self.assertEqual((answer.status, answer.text), (204, ""))
        answer = request("POST", self.base + admin + "delete_series?match[]=m%7Bi%3D%220%22%7D", b"", {})
        self.assertEqual(answer.status, 204)
        left = self.values(self.base)
        self.assertEqual(set(left), {"1", "2", "3"})
        self.assertEqual(left["3"], "20")
        self.assertLess(int(left["1"]), 12)
        self.assertEqual(get(self.base + "/api/v1/label/i/values").json["data"], ["1", "2", "3"])
        name = request("POST", self.base + admin + "snapshot", b"", {}).json["data"]["name"]
        self.assertRegex(name, r"^\d{8}T\d{6}Z-[0-9a-f]{16}$")
        self.assertEqual(request("POST", self.base + admin + "clean_tombstones", b"", {}).status, 204)
        program.kill()
        self.start_api("--web.enable-admin-api")
        self.assertEqual(self.values(self.base), left)
        # The snapshot is a data directory.
        port = free_port()
        config = self.write("copy.yml", "global: {}\n")
        self.start(["run", "--prometheus-config", config, "--data-dir",
                    os.path.join(self.dir, "data", "metrics", "snapshots", name),
                    "--web.listen-address", f"127.0.0.1:{port}"], "sightline-copy")
        copy = f"http://127.0.0.1:{port}"
        eventually("ready", 20, lambda: get(copy + "/-/ready").status == 200)
        self.assertEqual(self.values(copy), left)

    def test_queries_beyond_the_limit_wait_and_writes_go_on(self):
        self.start_api("--query.max-concurrency=1", "--query.timeout=1s")
        self.feed()
        answers = []
        clients = [threading.Thread(target=lambda: answers.append(self.ask_heavy())) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(0.2)
        begun = time.monotonic()
        self.feed(series=1, samples=1)
        self.assertLess(time.monotonic() - begun, 1, "a write waited for queries")
        self.assertEqual(get(self.base + "/api/v1/labels").status, 200)
        for client in clients:
            client.join()
        self.assertEqual({a.status for a in answers}, {503}, [a.text[:200] for a in answers])
        errors = sorted(a.json["error"] for a in answers)
        self.assertIn("query timed out in expression evaluation", errors)
        self.assertIn("query timed out in query queue", errors)
        self.assertEqual(self.ask("1+1").status, 200)

    def small_disk(self, size: str) -> str:
        """A file system of its own at the returned path."""
        disk = os.path.join(self.dir, "disk")
        os.mkdir(disk)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True).returncode != 0:
            self.skipTest("NOT TESTED: a full disk needs to mount a small file system; run as root")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", disk], check=True))
        return disk

    def write_one(self, time_ms: int) -> Answer:
        """A request of 50 series with one sample and one exemplar each."""
        out = b""
        for i in range(50):
            out += field_bytes(1, labels_message({"__name__": "m", "i": str(i)}) + sample_message(time_ms, math.sin(time_ms + i)) +
                               exemplar_message({"trace_id": os.urandom(16).hex()}, time_ms, 1.0))
        return request("POST", self.base + "/api/v1/write", snappy(out), HEADERS)

    def test_disk_full_and_back(self):
        disk = self.small_disk("4m")
        self.data_dir = disk + "/data"
        program = self.start_api()
        acknowledged, refused = [], []
        now = int(time.time() * 1000) - 30_000

        def write():
            nonlocal now
            now += 10
            answer = self.write_one(now)
            (acknowledged if answer.status == 204 else refused).append(now if answer.status == 204 else answer)
            return answer

        def stored():
            """The times of the samples, series by series."""
            answer = get(self.base + "/api/v1/query", {"query": "m[5m]"}).json
            return [[round(t * 1000) for t, _ in row["values"]] for row in answer["data"]["result"]]

        for _ in range(3):
            for _ in range(40):
                self.assertEqual(write().status, 204)
            with open(disk + "/filler", "wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(b"x" * 4096)
                except OSError:
                    pass
            eventually("writes are refused", 10, lambda: write().status != 204)
            for _ in range(20):
                write()
            self.assertEqual({(a.status, a.headers["Retry-After"]) for a in refused}, {(503, "1")}, refused[-1].text)
            self.assertIn("No space left on device", refused[-1].text)
            self.assertEqual(stored(), [acknowledged] * 50)
            os.remove(disk + "/filler")
            self.assertEqual(write().status, 204, "as soon as there is space")
        self.assertEqual(stored(), [acknowledged] * 50)
        for said in (r"(?i)error.* commits are refused .*no space left on device", r"info .*the log can be written again, after \d\d+ commits"):
            self.assertEqual(len(re.findall(said, program.output())), 3, program.output())
        program.kill()
        self.start_api()
        self.assertEqual(stored(), [acknowledged] * 50)

    def test_a_query_waits_no_longer_than_its_timeout(self):
        self.start_api("--query.max-concurrency=1", "--query.timeout=20s")
        self.feed()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        end = int(time.time())
        connection.request("GET", "/api/v1/query_range?" + urllib.parse.urlencode({"query": HEAVY, "start": end - 2000, "end": end, "step": 0.2}))
        eventually("it runs", 10, lambda: self.running() == 1)
        begun = time.monotonic()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for answer in (self.ask("1", timeout="0.3"), request("POST", self.base + "/api/v1/query", b"query=1&timeout=300ms", form)):
            self.assertEqual(answer.status, 503)
            self.assertEqual(answer.json, {"status": "error", "errorType": "timeout", "error": "query timed out in query queue"})
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.running(), 1, "it waited for the other one")
        connection.close()
        self.assertEqual(self.ask("1").status, 200)

    def test_samples_are_limited(self):
        self.start_api("--query.max-samples=10")
        self.feed()
        answer = self.ask("rate(m[10m])")
        self.assertEqual(answer.status, 422)
        self.assertIn("too many samples into memory", answer.json["error"])
        flags = get(self.base + "/api/v1/status/flags").json["data"]
        self.assertEqual(flags["query.max-samples"], "10")
        self.assertEqual(flags["query.timeout"], "2m")

    def test_a_crash_leaves_its_queries_behind(self):
        program = self.start_api()
        self.feed()
        client = threading.Thread(target=lambda: self.swallow(self.ask_heavy))
        client.start()
        active = os.path.join(self.dir, "data", "queries.active")
        eventually("the query is in the file", 10, lambda: b"quantile_over_time" in open(active, "rb").read())
        program.kill()
        client.join()
        again = self.start_api()
        eventually("it is named", 10, lambda: "these queries did not finish in the last run" in again.output())
        self.assertIn("quantile_over_time", again.output())
        self.ask("1+1")
        line = eventually("logged", 10, lambda: [json.loads(text) for text in open(os.path.join(self.dir, "query.log")) if "1+1" in text])[0]
        self.assertEqual(line["params"]["query"], "1+1")
        self.assertEqual(line["httpRequest"]["path"], "/api/v1/query")

    def test_a_client_that_leaves_ends_its_query(self):
        self.start_api()
        self.feed()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        end = int(time.time())
        connection.request("GET", "/api/v1/query_range?" + urllib.parse.urlencode({"query": HEAVY, "start": end - 2000, "end": end, "step": 0.2}))
        eventually("it runs", 10, lambda: self.running() == 1)
        connection.close()
        eventually("it ended", 10, lambda: self.running() == 0)

    def test_notifications_stay_open_for_so_many(self):
        self.start_api()
        open_ones = []
        for _ in range(16):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", "/api/v1/notifications/live")
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/event-stream"))
            open_ones.append(connection)
        self.assertEqual(get(self.base + "/api/v1/notifications/live").status, 204)
        for connection in open_ones:
            connection.close()

    def test_large_answers_arrive_whole_in_any_encoding(self):
        self.start_api()
        self.feed(series=400, samples=100)
        end = int(time.time())
        params = {"query": "m * 1.1", "start": end - 1500, "end": end, "step": 3}
        plain = get(self.base + "/api/v1/query_range", params, {"Accept-Encoding": "identity"}, timeout=60)
        self.assertEqual(plain.headers.get("Transfer-Encoding"), "chunked")
        self.assertEqual(len(plain.json["data"]["result"]), 400)
        import gzip
        import zlib
        packed = get(self.base + "/api/v1/query_range", params, {"Accept-Encoding": "gzip"}, timeout=60)
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        packed = get(self.base + "/api/v1/query_range", params, {"Accept-Encoding": "deflate"}, timeout=60)
        self.assertEqual(zlib.decompress(packed.body), plain.body)

    @staticmethod
    def swallow(act):
        try:
            act()
        except (OSError, http.client.HTTPException):
            pass
